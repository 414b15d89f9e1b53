"""Who has to sign, how keys are replaced, and of which form metadata is."""

from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Key

from repository import TOP, Repository
from scenario import FIRST, Client, fresh, scenario

# Keys, thresholds, rotation.

KEYS = [CryptoSigner.generate_ed25519() for _ in range(7)]

# Each root: its keys, its threshold, who signed it. The last says whether the client follows to the end.
CHAINS = {
    "one key": ([("0", 1, "0"), ("0", 1, "0"), ("0", 1, "0")], True),
    "one key after the other": ([("0", 1, "0"), ("1", 1, "01"), ("2", 1, "12")], True),
    "there and back": ([("0", 1, "0"), ("1", 1, "01"), ("0", 1, "01")], True),
    "without the new key": ([("0", 1, "0"), ("1", 1, "0")], False),
    "without the old key": ([("0", 1, "0"), ("1", 1, "1")], False),
    "without any": ([("0", 1, "0"), ("1", 1, "")], False),
    "by another alone": ([("0", 1, "0"), ("1", 1, "02")], False),
    "a higher threshold": ([("01", 1, "0"), ("012", 3, "012")], True),
    "a higher threshold that is not met": ([("01", 1, "0"), ("012", 3, "01")], False),
    "a lower threshold": ([("012", 3, "012"), ("012", 1, "012"), ("012", 1, "2")], True),
    "a lower threshold that the old does not grant": ([("012", 3, "012"), ("012", 1, "01")], False),
    "two of three by any two": ([("012", 2, "01"), ("012", 2, "12"), ("012", 2, "02")], True),
    "two of three, one replaced": ([("012", 2, "12"), ("013", 2, "013"), ("013", 2, "03")], True),
    "two of three, all replaced": ([("012", 2, "02"), ("345", 2, "0234"), ("345", 2, "45")], True),
    "two of three, one of the old missing": ([("012", 2, "02"), ("345", 2, "034")], False),
    "two of three, one of the new missing": ([("012", 2, "02"), ("345", 2, "0123")], False),
    "two of three, one of them only": ([("012", 2, "01"), ("012", 2, "0")], False),
    "signatures of strangers": ([("0", 1, "0"), ("1", 1, "0123456"), ("1", 1, "156")], True),
    "a key of an older root": ([("0", 1, "0"), ("1", 1, "01"), ("2", 1, "02")], False),
}


@scenario(*[(name, *chain) for name, chain in CHAINS.items()])
def a_chain_of_roots(_, chain, follows):
    repository = Repository()

    def root(keys, threshold, signers):
        repository.drop_keys("root")
        for key in keys:
            repository.root.add_key(KEYS[int(key)].public_key, "root")
        repository.root.roles["root"].threshold = threshold
        repository.signers["root"] = {KEYS[int(key)].public_key.keyid: KEYS[int(key)] for key in signers}

    root(*chain[0])
    repository.publish_root()
    client = Client(repository)
    for step in chain[1:]:
        root(*step)
        repository.next_root()
    if follows:
        client.refresh(root=len(chain), timestamp=1, snapshot=1, targets=1)
    else:
        client.refresh(1, "tuf-threshold", root=len(chain) - 1)


@scenario(("timestamp",), ("snapshot",), ("targets",))
def new_keys_of(role):
    repository, client = fresh()
    repository.rotate(role)
    repository.next_root()
    # What is served is still signed by the key of before.
    client.refresh(1, "tuf-threshold")
    repository.next()
    client.refresh(root=2, timestamp=2, snapshot=2, targets=2)


@scenario()
def new_keys_of_all_roles_at_once():
    repository, client = fresh()
    before = [repository.rotate(role) for role in TOP][0]
    repository.next_root(before)
    repository.publish()
    client.refresh(root=2, timestamp=1, snapshot=1, targets=1)


@scenario()
def new_keys_of_a_delegated_role():
    repository = Repository()
    repository.delegate("targets", "role", ["*"])
    repository.add_target("role", "x", b"x")
    repository.publish()
    client = Client(repository)
    client.download("x")
    signer = CryptoSigner.generate_ed25519()
    delegation = repository.targets.delegations.roles["role"]
    delegation.keyids.clear()
    repository.targets.add_key(signer.public_key, "role")
    repository.next()
    # The copy on disk is of the key of before, and so is what is served.
    client.download("x", exit=1, code="tuf-threshold")
    repository.signers["role"] = {signer.public_key.keyid: signer}
    repository.next("timestamp", "snapshot", "role")
    client.download("x")


@scenario(("timestamp",), ("snapshot",), ("targets",))
def a_threshold_of_two(role):
    repository, client = fresh()
    repository.new_key(role)
    repository.root.roles[role].threshold = 2
    repository.next_root()
    first, second = list(repository.signers[role].items())
    repository.signers[role] = dict([second])
    repository.next()
    client.refresh(1, "tuf-threshold")
    repository.signers[role] = dict([first, second])
    repository.next()
    client.refresh(root=2, timestamp=3, snapshot=3, targets=3)


@scenario()
def a_threshold_that_only_keys_of_other_roles_would_meet():
    repository, client = fresh()
    repository.root.roles["snapshot"].threshold = 4
    repository.next_root()
    for role in ["root", "timestamp", "targets"]:
        repository.signers["snapshot"].update(repository.signers[role])
    repository.next()
    client.refresh(1, "tuf-threshold", root=2, timestamp=2, snapshot=1, targets=1)


@scenario()
def one_signature_many_times():
    repository, client = fresh()
    repository.new_key("snapshot")
    repository.root.roles["snapshot"].threshold = 2
    repository.next_root()
    repository.signers["snapshot"].popitem()
    repository.next()
    repository.rewrite("2.snapshot.json", lambda read: read["signatures"].extend(read["signatures"] * 3))
    client.refresh(1, root=2, timestamp=2, snapshot=1, targets=1)


@scenario()
def one_signature_twice_where_one_is_enough():
    repository, client = fresh()
    repository.next()
    repository.rewrite("2.snapshot.json", lambda read: read["signatures"].extend(read["signatures"]))
    client.refresh(1, "tuf-field", root=1, timestamp=2, snapshot=1, targets=1)


@scenario()
def one_key_under_many_ids():
    repository, client = fresh()

    def many(read):
        role = read["signed"]["roles"]["snapshot"]
        key = read["signed"]["keys"][role["keyids"][0]]
        for number in range(4):
            read["signed"]["keys"][f"{number}" * 64] = key
            role["keyids"].append(f"{number}" * 64)
        role["threshold"] = 4

    repository.next_root()
    repository.rewrite("2.root.json", many, "root")
    repository.next()

    def signed_many(read):
        for number in range(4):
            read["signatures"].append({**read["signatures"][0], "keyid": f"{number}" * 64})

    repository.rewrite("2.snapshot.json", signed_many)
    client.refresh(1, "tuf-threshold", root=2, timestamp=2, snapshot=1, targets=1)


@scenario()
def one_key_id_many_times_in_a_role():
    repository, client = fresh()

    def many(read):
        role = read["signed"]["roles"]["snapshot"]
        role["keyids"] = role["keyids"] * 3
        role["threshold"] = 2

    repository.next_root()
    repository.rewrite("2.root.json", many, "root")
    repository.next()
    client.refresh(1, "tuf-field", **FIRST)


@scenario(*[(role,) for role in TOP])
def no_signature(role):
    repository, client = fresh()
    repository.next()
    repository.next_root()
    name = {"root": "2.root.json", "timestamp": "timestamp.json"}.get(role, f"2.{role}.json")
    for signatures in [[], [{"keyid": next(iter(repository.signers[role])), "sig": ""}], [{"keyid": "00", "sig": "00"}]]:
        repository.rewrite(name, lambda read: read.update(signatures=signatures))
        client.refresh(1, "tuf-threshold")


@scenario(*[(role,) for role in TOP])
def a_signature_over_other_content(role):
    repository, client = fresh()
    repository.next()
    repository.next_root()
    name = {"root": "2.root.json", "timestamp": "timestamp.json"}.get(role, f"2.{role}.json")
    repository.rewrite(name, lambda read: read["signed"].update({"x-more": 1}))
    client.refresh(1, "tuf-threshold")


GENERATE = {
    "ed25519": CryptoSigner.generate_ed25519,
    "ecdsa": CryptoSigner.generate_ecdsa,
    "rsa": CryptoSigner.generate_rsa,
}


@scenario(*[(kind,) for kind in GENERATE])
def keys_of_kind(kind):
    repository = Repository(GENERATE[kind])
    repository.delegate("targets", "role", ["*"])
    repository.add_target("role", "x", b"x")
    repository.publish()
    client = Client(repository)
    client.download("x")


@scenario()
def keys_of_all_kinds_together():
    repository, client = fresh()
    for role in TOP:
        repository.new_key(role, CryptoSigner.generate_rsa)
        repository.new_key(role, CryptoSigner.generate_ecdsa)
        repository.root.roles[role].threshold = 3
    repository.next_root()
    repository.next()
    client.refresh(root=2, timestamp=2, snapshot=2, targets=2)


@scenario()
def the_older_name_of_ecdsa_keys():
    repository, client = fresh()
    private = ec.generate_private_key(ec.SECP256R1())
    public = CryptoSigner(private).public_key
    old = Key.from_dict("ab" * 32, {**public.to_dict(), "keytype": "ecdsa-sha2-nistp256"})
    signer = CryptoSigner(private, old)
    repository.drop_keys("timestamp")
    repository.root.add_key(old, "timestamp")
    repository.signers["timestamp"] = {old.keyid: signer}
    repository.next_root()
    repository.next()
    client.refresh(root=2, timestamp=2, snapshot=2, targets=2)


@scenario(
    ("keytype", "quantum"),
    ("scheme", "ed448"),
    ("keyval", {"public": "no key"}),
    ("keyval", {"public": "00" * 31}),
    ("keyval", {}),
)
def a_key_that_is_not_understood(member, value):
    repository, client = fresh()
    unknown = CryptoSigner.generate_ed25519().public_key
    repository.root.add_key(unknown, "timestamp")
    repository.next_root()
    repository.rewrite("2.root.json", lambda read: read["signed"]["keys"][unknown.keyid].update({member: value}), "root")
    repository.next()
    client.refresh(root=2, timestamp=2, snapshot=2, targets=2)
    # Alone it vouches for nothing.
    keyid = repository.root.roles["timestamp"].keyids[0]
    repository.root.revoke_key(keyid, "timestamp")
    repository.next_root()
    repository.rewrite("3.root.json", lambda read: read["signed"]["keys"][unknown.keyid].update({member: value}), "root")
    repository.next()
    client.refresh(1, "tuf-threshold", root=3, timestamp=2, snapshot=2, targets=2)


@scenario()
def more_roots_than_are_followed_at_once():
    repository, client = fresh()
    for _ in range(300):
        repository.next_root()
    client.refresh(root=257, timestamp=1, snapshot=1, targets=1)
    client.refresh(root=301, timestamp=1, snapshot=1, targets=1)


@scenario()
def roots_that_were_good_are_kept_before_one_that_is_not():
    repository, client = fresh()
    repository.next_root()
    repository.next_root()
    repository.next_root()
    repository.rewrite("4.root.json", lambda read: read.update(signatures=[]))
    client.refresh(1, "tuf-threshold", root=3, timestamp=1, snapshot=1, targets=1)


# Forms.


@scenario(("1.0", 0), ("1.0.0", 0), ("1.0.31", 0), ("1.0.99", 0), ("1.2.3", 0), ("2.0.0", 1), ("0.9.0", 1), ("1", 1), ("one", 1), ("", 1))
def specification(version, exit):
    repository = Repository()
    for content in [repository.root, repository.timestamp, repository.snapshot, repository.targets]:
        content.spec_version = version
    repository.publish_root()
    repository.publish()
    if exit == 0:
        Client(repository).refresh(**FIRST)
    else:
        Client(repository).refresh(1, "tuf-spec-version")


@scenario(*[(one, other) for one in TOP for other in TOP if one != other])
def one_role_in_the_place_of_another(one, other):
    repository, client = fresh()
    repository.next()
    repository.next_root()
    names = {"root": "2.root.json", "timestamp": "timestamp.json", "snapshot": "2.snapshot.json", "targets": "2.targets.json"}
    # Even by the right keys.
    repository.files[names[one]] = repository.signed(one, repository.content(other))
    client.refresh(1, "tuf-field")


@scenario(
    ('"version": 2', '"version": 2, "version": 2'),
    ('"version": 2', '"version": 2.0'),
    ('"version": 2', '"version": NaN'),
    ('"version": 2', '"version": 99999999999999999999999999'),
    ('"version": 2', '"version": ' + "[" * 100_000),
)
def a_timestamp_with(old, new):
    repository, client = fresh()
    repository.next()
    repository.rewrite("timestamp.json", lambda read: None)
    text = repository.files["timestamp.json"].decode()
    assert old in text, text
    repository.files["timestamp.json"] = text.replace(old, new).encode()[:16000]
    client.refresh(1, "tuf-malformed", **FIRST)
