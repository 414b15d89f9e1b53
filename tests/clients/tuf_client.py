"""Runs `tuf-client` against repositories that python-tuf makes. Arguments: the program.

Each scenario is a function; each step says the exit that it expects, the versions on disk after it, and the code of a refusal. After
every step what is on disk has to be, byte for byte, what was served.
"""

import hashlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Key, TargetFile

from tuf_repository import TOP, Repository, Server, later

program = sys.argv[1]
only = sys.argv[2:]
server = Server()
scenarios = []


def scenario(*rows):
    """A scenario, once for each row of arguments."""

    def add(function):
        for row in rows or [()]:
            name = " ".join([function.__name__.replace("_", " "), *(str(value) for value in row if isinstance(value, (str, int)))])
            scenarios.append((name, function, row))
        return function

    return add


class Client:
    """A client with folders of its own, which trusts the repository's first root."""

    def __init__(self, repository, init=True):
        self.repository = repository
        self.folder = tempfile.mkdtemp()
        self.metadata = os.path.join(self.folder, "metadata")
        self.targets = os.path.join(self.folder, "targets")
        os.mkdir(self.targets)
        self.name = f"r{len(server.repositories)}"
        server.repositories[self.name] = repository
        self.served = set()
        if init:
            root = os.path.join(self.folder, "first.json")
            with open(root, "wb") as file:
                file.write(repository.files["1.root.json"])
            self.run(0, [], ["init", root])
            assert repository.asked == [], repository.asked
            self.has(root=1)

    def run(self, exit, flags, verb, code=None):
        self.served.update(self.repository.files.values())
        self.repository.asked.clear()
        command = [program, "--metadata-dir", self.metadata, *flags, *verb]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert ended.returncode == exit, f"exit {ended.returncode}, not {exit}: {ended.stderr}"
        assert (ended.stderr == "") == (exit == 0), ended.stderr
        assert code is None or f"[{code}]" in ended.stderr, f"{code}: {ended.stderr}"
        self.error = ended.stderr
        for name in os.listdir(self.metadata) if os.path.isdir(self.metadata) else []:
            if name.endswith(".json") and name not in self.put:
                with open(os.path.join(self.metadata, name), "rb") as file:
                    assert file.read() in self.served, f"{name} is not what was served"

    put = frozenset()

    def refresh(self, exit=0, code=None, **versions):
        self.run(exit, ["--metadata-url", server.url(self.name, "metadata")], ["refresh"], code)
        if versions:
            self.has(**versions)

    def download(self, *targets, exit=0, code=None):
        flags = ["--metadata-url", server.url(self.name, "metadata")]
        for target in targets:
            flags += ["--target-name", target]
        flags += ["--target-dir", self.targets, "--target-base-url", server.url(self.name, "targets")]
        self.run(exit, flags, ["download"], code)

    def write(self, name, data):
        """Puts a file among what the client keeps."""
        self.put = self.put | {name}
        with open(os.path.join(self.metadata, name), "wb") as file:
            file.write(data)

    def has(self, **versions):
        """The top-level roles on disk have these versions, and no other is there."""
        found = {}
        for role in TOP:
            path = os.path.join(self.metadata, f"{role}.json")
            if os.path.exists(path):
                with open(path, "rb") as file:
                    found[role] = json.load(file)["signed"]["version"]
        assert found == versions, f"{found}, not {versions}"

    def files(self):
        return sorted(name for name in os.listdir(self.metadata) if name.endswith(".json"))

    def downloaded(self):
        found = []
        for folder, _, names in os.walk(self.targets):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found.append(file.read())
        return sorted(found)


FIRST = {"root": 1, "timestamp": 1, "snapshot": 1, "targets": 1}


def fresh():
    """A repository, and a client that is up to date with it."""
    repository = Repository()
    client = Client(repository)
    client.refresh(**FIRST)
    return repository, client


# What is fetched and kept.


@scenario()
def a_refresh_asks_for_what_is_new():
    repository = Repository()
    client = Client(repository)
    client.refresh(**FIRST)
    assert repository.asked == ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"], repository.asked
    assert client.files() == ["root.json", "snapshot.json", "targets.json", "timestamp.json"]
    client.refresh(**FIRST)
    assert repository.asked == ["2.root.json", "timestamp.json"], repository.asked
    repository.next("timestamp", "snapshot")
    client.refresh(root=1, timestamp=2, snapshot=2, targets=1)
    assert repository.asked == ["2.root.json", "timestamp.json", "2.snapshot.json"], repository.asked
    repository.next()
    repository.next_root()
    client.refresh(root=2, timestamp=3, snapshot=3, targets=2)


@scenario()
def without_a_root_there_is_nothing():
    client = Client(Repository(), init=False)
    client.refresh(1)
    assert client.repository.asked == []


@scenario()
def a_refresh_without_consistent_snapshots():
    repository = Repository()
    repository.root.consistent_snapshot = False
    repository.publish_root()
    repository.add_target("targets", "folder/x", b"x")
    repository.delegate("targets", "role", ["*"])
    repository.publish()
    for name in [name for name in repository.files if name[0].isdigit() and "root" not in name]:
        del repository.files[name]
    for path in [path for path in repository.artifacts if path != "folder/x"]:
        del repository.artifacts[path]
    client = Client(repository)
    client.download("folder/x")
    assert repository.asked == ["2.root.json", "timestamp.json", "snapshot.json", "targets.json", "folder/x"], repository.asked
    client.download("y", exit=1, code="tuf-target-unknown")
    assert "role.json" in repository.asked


@scenario()
def the_repository_turns_to_consistent_snapshots():
    repository = Repository()
    repository.root.consistent_snapshot = False
    repository.publish_root()
    repository.publish()
    client = Client(repository)
    client.refresh(**FIRST)
    repository.root.consistent_snapshot = True
    repository.next_root()
    repository.next()
    client.refresh(root=2, timestamp=2, snapshot=2, targets=2)
    assert "2.targets.json" in repository.asked


@scenario()
def bytes_are_kept_as_they_were_served():
    repository, client = fresh()
    repository.next()
    repository.next_root()
    for name in ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"]:
        read = json.loads(repository.files[name])
        repository.files[name] = (json.dumps(read, indent=3) + "\n\n").encode()
    client.refresh(root=2, timestamp=2, snapshot=2, targets=2)
    with open(os.path.join(client.metadata, "timestamp.json"), "rb") as file:
        assert file.read() == repository.files["timestamp.json"]


@scenario()
def members_of_nobody_are_ignored():
    repository = Repository()
    repository.root.unrecognized_fields["x-1"] = {"b": [1, None, True, "é\n\"\\\x7f\u2028"], "a": {}}
    repository.root.roles["root"].unrecognized_fields["x-2"] = 1
    repository.targets.unrecognized_fields["x-3"] = "ünïcode 😀"
    repository.snapshot.unrecognized_fields["x-4"] = {"😀": 1, "￿": 2, "z": 3}
    repository.add_target("targets", "x", b"x")
    repository.targets.targets["x"].unrecognized_fields["custom"] = {"name": [1, 2]}
    repository.publish_root()
    repository.publish()
    repository.rewrite("timestamp.json", lambda read: read.update({"x-5": 5}))
    repository.rewrite("timestamp.json", lambda read: read["signatures"][0].update({"x-6": 6}))
    client = Client(repository)
    client.download("x")


@scenario()
def the_same_version_of_a_timestamp_changes_nothing():
    repository, client = fresh()
    repository.snapshot.version = 2
    repository.publish()
    client.refresh(**FIRST)
    assert repository.asked == ["2.root.json", "timestamp.json"]


@scenario()
def what_is_spoiled_on_disk_is_fetched_again():
    repository, client = fresh()
    for name in ["timestamp", "snapshot", "targets"]:
        for data in [b"", b"{}", b"\xff" * 100, repository.files["1.root.json"]]:
            client.write(f"{name}.json", data)
            client.refresh(**FIRST)
    client.write("root.json", b"{}")
    client.run(1, ["--metadata-url", server.url(client.name, "metadata")], ["refresh"], "tuf-field")


@scenario()
def an_unknown_verb_or_flag_is_exit_1():
    client = Client(Repository())
    client.run(1, [], ["refresh"])
    client.run(1, [], ["no-verb"])
    client.run(1, ["--no-flag"], ["refresh"])


# Lengths, hashes, sizes.


@scenario()
def lengths_and_hashes_in_metadata_are_followed():
    repository = Repository()
    repository.meta_hashes = True
    repository.delegate("targets", "role", ["*"])
    repository.add_target("role", "x", b"x")
    repository.publish()
    client = Client(repository)
    client.download("x")
    repository.next()
    client.download("x")


def longer(meta):
    meta.length += 1


def shorter(meta):
    meta.length -= 1


def hashed_otherwise(meta):
    meta.hashes = {"sha256": "00" * 32}


def one_hash_otherwise(meta):
    meta.hashes = {**meta.hashes, "sha512": "00" * 64}


def hashed_unknown(meta):
    meta.hashes = {"unknown": "00"}


SPOILED_META = [
    (longer, "tuf-length-mismatch"),
    (shorter, "tuf-length-mismatch"),
    (hashed_otherwise, "tuf-hash-mismatch"),
    (one_hash_otherwise, "tuf-hash-mismatch"),
    (hashed_unknown, "tuf-hash-mismatch"),
]


@scenario(*SPOILED_META)
def a_timestamp_that_names_another_snapshot(spoil, code):
    repository, client = fresh()
    repository.meta_hashes = True
    repository.next()
    spoil(repository.timestamp.snapshot_meta)
    repository.publish_timestamp()
    client.refresh(1, code, root=1, timestamp=2, snapshot=1, targets=1)


@scenario(*SPOILED_META)
def a_snapshot_that_names_other_targets(spoil, code):
    repository, client = fresh()
    repository.meta_hashes = True
    repository.next()
    spoil(repository.snapshot.meta["targets.json"])
    repository.publish_snapshot()
    repository.publish_timestamp()
    client.refresh(1, code, root=1, timestamp=2, snapshot=2, targets=1)


@scenario(("2.root.json",), ("timestamp.json",), ("2.snapshot.json",), ("2.targets.json",))
def endless_data(name):
    repository, client = fresh()
    repository.next()
    repository.endless.add(name)
    client.refresh(1, "tuf-too-large")
    repository.endless.clear()
    client.refresh(root=1, timestamp=2, snapshot=2, targets=2)


@scenario(("2.root.json",), ("timestamp.json",), ("2.snapshot.json",), ("2.targets.json",))
def a_server_that_fails(name):
    repository, client = fresh()
    repository.next()
    repository.broken.add(name)
    client.refresh(1, "tuf-unavailable")
    repository.broken.clear()
    client.refresh(root=1, timestamp=2, snapshot=2, targets=2)


@scenario(("timestamp.json",), ("2.snapshot.json",), ("2.targets.json",))
def a_file_that_is_not_there(name):
    repository, client = fresh()
    repository.next()
    del repository.files[name]
    client.refresh(1, "tuf-unavailable")


@scenario(("timestamp.json",), ("2.snapshot.json",), ("2.targets.json",))
def a_truncated_file(name):
    repository, client = fresh()
    repository.next()
    repository.files[name] = repository.files[name][:-1]
    client.refresh(1, "tuf-malformed")


# Expiry.


@scenario()
def a_root_that_expired_in_the_end():
    repository, client = fresh()
    repository.root.expires = later(-1)
    repository.next_root()
    repository.next()
    client.refresh(1, "tuf-expired", root=2, timestamp=1, snapshot=1, targets=1)


@scenario()
def a_first_and_an_intermediate_root_that_expired():
    repository = Repository()
    repository.root.expires = later(-1)
    repository.publish_root()
    client = Client(repository)
    client.refresh(1, "tuf-expired", root=1)
    repository.next_root()
    client.refresh(1, "tuf-expired", root=2)
    repository.root.expires = later()
    repository.next_root()
    client.refresh(root=3, timestamp=1, snapshot=1, targets=1)


@scenario(
    ("timestamp", {"timestamp": 1, "snapshot": 1, "targets": 1}),
    ("snapshot", {"timestamp": 2, "snapshot": 1, "targets": 1}),
    ("targets", {"timestamp": 2, "snapshot": 2, "targets": 1}),
)
def a_role_that_expired(role, versions):
    repository, client = fresh()
    repository.content(role).expires = later(-1)
    repository.next()
    client.refresh(1, "tuf-expired", root=1, **versions)


@scenario()
def a_delegated_role_that_expired():
    repository = Repository()
    repository.delegate("targets", "role", ["*"])
    repository.add_target("role", "x", b"x")
    repository.delegated["role"].expires = later(-1)
    repository.publish()
    client = Client(repository)
    client.download("x", exit=1, code="tuf-expired")
    client.has(**FIRST)


@scenario()
def what_expired_on_disk_is_replaced():
    repository, client = fresh()
    contents = [repository.timestamp, repository.snapshot, repository.targets]
    expires = [content.expires for content in contents]
    for content in contents:
        content.expires = later(-1)
    for role in TOP[1:]:
        client.write(f"{role}.json", repository.signed(role, repository.content(role)))
    client.refresh(1, "tuf-expired")
    for content, before in zip(contents, expires):
        content.expires = before
    repository.next()
    client.put = frozenset()
    client.refresh(root=1, timestamp=2, snapshot=2, targets=2)


@scenario()
def what_expired_on_disk_still_guards_against_rollback():
    repository, client = fresh()
    expires = repository.timestamp.expires
    repository.timestamp.version, repository.timestamp.expires = 5, later(-1)
    client.write("timestamp.json", repository.signed("timestamp", repository.timestamp))
    repository.timestamp.version, repository.timestamp.expires = 4, expires
    repository.publish()
    client.refresh(1, "tuf-rollback", root=1, timestamp=5, snapshot=1, targets=1)
    repository.timestamp.version = 6
    repository.publish()
    client.refresh(root=1, timestamp=6, snapshot=1, targets=1)


# Rollback.


@scenario()
def an_older_timestamp():
    repository = Repository()
    repository.next("timestamp")
    client = Client(repository)
    client.refresh(root=1, timestamp=2, snapshot=1, targets=1)
    repository.timestamp.version = 1
    repository.publish()
    client.refresh(1, "tuf-rollback", root=1, timestamp=2, snapshot=1, targets=1)


@scenario()
def an_older_snapshot_in_a_newer_timestamp():
    repository = Repository()
    repository.next("snapshot")
    client = Client(repository)
    client.refresh(root=1, timestamp=1, snapshot=2, targets=1)
    repository.snapshot.version = 1
    repository.next("timestamp")
    client.refresh(1, "tuf-rollback", root=1, timestamp=1, snapshot=2, targets=1)


@scenario()
def an_older_snapshot_under_the_name_of_the_newer():
    repository, client = fresh()
    old = repository.files["1.snapshot.json"]
    repository.next()
    repository.files["2.snapshot.json"] = old
    client.refresh(1, "tuf-version-mismatch", root=1, timestamp=2, snapshot=1, targets=1)


@scenario()
def older_targets_in_a_newer_snapshot():
    repository = Repository()
    repository.next("targets")
    client = Client(repository)
    client.refresh(root=1, timestamp=1, snapshot=1, targets=2)
    repository.targets.version = 1
    repository.next("timestamp", "snapshot")
    client.refresh(1, "tuf-rollback", root=1, timestamp=2, snapshot=1, targets=2)


@scenario()
def older_targets_under_the_name_of_the_newer():
    repository, client = fresh()
    old = repository.files["1.targets.json"]
    repository.next()
    repository.files["2.targets.json"] = old
    client.refresh(1, "tuf-version-mismatch", root=1, timestamp=2, snapshot=2, targets=1)


@scenario()
def newer_targets_than_the_snapshot_names():
    repository, client = fresh()
    repository.next()
    repository.targets.version = 3
    repository.files["2.targets.json"] = repository.signed("targets", repository.targets)
    client.refresh(1, "tuf-version-mismatch", root=1, timestamp=2, snapshot=2, targets=1)


@scenario()
def an_older_delegated_role():
    repository = Repository()
    repository.delegate("targets", "role", ["*"])
    repository.add_target("role", "x", b"x")
    repository.delegated["role"].version = 2
    repository.publish()
    client = Client(repository)
    client.download("x")
    repository.delegated["role"].version = 1
    repository.next("timestamp", "snapshot")
    client.refresh(1, "tuf-rollback", root=1, timestamp=2, snapshot=1, targets=1)


@scenario(("targets",), ("role",))
def a_snapshot_that_forgets(role):
    repository = Repository()
    repository.delegate("targets", "role", ["*"])
    repository.publish()
    client = Client(repository)
    client.refresh(**FIRST)
    repository.snapshot.version = 2
    del repository.snapshot.meta[f"{role}.json"]
    repository.publish_snapshot()
    repository.timestamp.version = 2
    repository.publish_timestamp()
    client.refresh(1, "tuf-removed", root=1, timestamp=2, snapshot=1, targets=1)


@scenario()
def a_snapshot_without_targets():
    repository = Repository()
    del repository.snapshot.meta["targets.json"]
    repository.publish_snapshot()
    repository.publish_timestamp()
    client = Client(repository)
    client.refresh(1, "tuf-not-in-snapshot", root=1, timestamp=1, snapshot=1)


@scenario((1,), (3,), (0,))
def a_root_of_another_version(version):
    repository, client = fresh()
    next_version = repository.root.version + 1
    repository.root.version = max(version, 1)
    data = repository.signed("root", repository.root)
    repository.files[f"{next_version}.root.json"] = data
    if version == 0:
        repository.rewrite(f"{next_version}.root.json", lambda read: read["signed"].update(version=0), "root")
    client.refresh(1, "tuf-field" if version == 0 else "tuf-root-version", **FIRST)


# Fast-forward.


@scenario()
def a_fast_forward_of_the_timestamp():
    repository = Repository()
    repository.timestamp.version = 99999
    repository.publish()
    client = Client(repository)
    client.refresh(root=1, timestamp=99999, snapshot=1, targets=1)
    repository.timestamp.version = 2
    repository.publish()
    client.refresh(1, "tuf-rollback", root=1, timestamp=99999, snapshot=1, targets=1)
    repository.rotate("timestamp")
    repository.next_root()
    repository.publish()
    client.refresh(root=2, timestamp=2, snapshot=1, targets=1)


@scenario()
def a_fast_forward_of_the_snapshot():
    repository = Repository()
    repository.snapshot.version = 99999
    repository.publish()
    client = Client(repository)
    client.refresh(root=1, timestamp=1, snapshot=99999, targets=1)
    repository.snapshot.version = 2
    repository.rotate("snapshot")
    repository.rotate("timestamp")
    repository.next_root()
    repository.next("timestamp")
    client.refresh(root=2, timestamp=2, snapshot=2, targets=1)


@scenario()
def a_fast_forward_of_the_targets():
    repository = Repository()
    repository.targets.version = 99999
    repository.publish()
    client = Client(repository)
    client.refresh(root=1, timestamp=1, snapshot=1, targets=99999)
    repository.targets.version = 2
    repository.next("timestamp", "snapshot")
    client.refresh(1, "tuf-rollback", root=1, timestamp=2, snapshot=1, targets=99999)
    repository.rotate("snapshot")
    repository.next_root()
    repository.next("timestamp", "snapshot")
    client.refresh(root=2, timestamp=3, snapshot=3, targets=2)


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


# Targets.


@scenario()
def a_target_is_downloaded_once():
    repository, client = fresh()
    repository.add_target("targets", "folder/deep/x", b"first", ("sha256", "sha512"))
    repository.next()
    client.download("folder/deep/x")
    assert client.downloaded() == [b"first"]
    assert repository.asked[-1].startswith("folder/deep/"), repository.asked
    client.download("folder/deep/x")
    assert repository.asked == ["2.root.json", "timestamp.json"], repository.asked
    for data in [b"second", b"third", b""]:
        repository.add_target("targets", "folder/deep/x", data)
        repository.next()
        client.download("folder/deep/x")
        assert client.downloaded() == [data]
    name = os.listdir(client.targets)[0]
    with open(os.path.join(client.targets, name), "wb") as file:
        file.write(b"spoiled")
    client.download("folder/deep/x")
    assert client.downloaded() == [b""]


@scenario((b"otherw", "tuf-target-hash"), (b"long", "tuf-target-length"), (b"longerthan", "tuf-target-length"), (b"", "tuf-target-length"))
def a_target_with_other_bytes(data, code):
    repository, client = fresh()
    repository.add_target("targets", "x", b"signed")
    repository.next()
    for path in repository.artifacts:
        repository.artifacts[path] = data
    client.download("x", exit=1, code=code)
    assert client.downloaded() == []


@scenario()
def a_target_without_end():
    repository, client = fresh()
    repository.add_target("targets", "x", b"signed")
    repository.next()
    repository.endless.update(repository.artifacts)
    client.download("x", exit=1, code="tuf-target-length")
    assert client.downloaded() == []


@scenario()
def a_target_with_hashes_of_unknown_kinds():
    repository, client = fresh()
    repository.add_target("targets", "x", b"x")
    repository.targets.targets["odd"] = TargetFile(3, {"unknown": "00"}, "odd")
    repository.artifacts["odd"] = repository.artifacts["00.odd"] = b"odd"
    repository.next()
    client.download("x")
    client.download("odd", exit=1)
    assert client.downloaded() == [b"x"]


@scenario()
def targets_in_their_order_up_to_the_first_that_fails():
    repository, client = fresh()
    for name in ["a", "b", "c"]:
        repository.add_target("targets", name, name.encode())
    repository.next()
    client.download("a", "b", "c")
    assert client.downloaded() == [b"a", b"b", b"c"]
    other = Client(repository)
    other.download("a", "none", "c", exit=1, code="tuf-target-unknown")
    assert other.downloaded() == [b"a"]
    for path in [path for path in repository.artifacts if path.endswith("b")]:
        del repository.artifacts[path]
    another = Client(repository)
    another.download("c", "b", "a", exit=1, code="tuf-unavailable")
    assert another.downloaded() == [b"c"]


@scenario()
def nothing_is_downloaded_by_metadata_that_is_refused():
    repository, client = fresh()
    repository.add_target("targets", "x", b"x")
    repository.next()
    repository.rewrite("timestamp.json", lambda read: read.update(signatures=[]))
    client.download("x", exit=1, code="tuf-threshold")
    assert client.downloaded() == []


TARGET_NAMES = [
    "a b", "ünï/ço dé", "a+b", "a&b=c", "a'b\"c", "a<b>c", "a|b^c`d", "a;b", "a@b", "a~b", "(a)[b]{c}", ".hidden", "x.json", "root.json",
    "a%20b", "a\\b", "deep/er/and/deeper", "a,b", "a*b", "?", "a?b=c", "#", "a#b", "../x", "/x",
]


@scenario(*[(name,) for name in TARGET_NAMES])
def a_target_called(name):
    repository, client = fresh()
    repository.add_target("targets", name, name.encode())
    repository.next()
    client.download(name)
    assert client.downloaded() == [name.encode()]
    assert sorted(os.listdir(client.folder)) == ["first.json", "metadata", "targets"], os.listdir(client.folder)


# Delegations.

ROLE_NAMES = [
    "?", "#", "/delegated", "../delegated", "../../delegated", "a/b/c", "ü b", "%2e%2e", ".", "..", "a\\b", '"', "a%2Fb", "a+b", "a&b",
    "role.json", "root.json", "1.root", "Root", "ROOT", "a:b", "*", "~", "'", "(a)", "a" * 60,
]


@scenario(*[(name,) for name in ROLE_NAMES])
def a_role_called(name):
    repository, client = fresh()
    repository.delegate("targets", name, ["*"])
    repository.add_target(name, "x", b"x")
    repository.next()
    client.download("x")
    assert client.downloaded() == [b"x"]
    assert f"1.{quote(name, '')}.json" in repository.asked, repository.asked
    assert client.files() == sorted(["root.json", "snapshot.json", "targets.json", "timestamp.json", f"{quote(name, '')}.json"])
    client.download("x")
    assert repository.asked == ["2.root.json", "timestamp.json"], repository.asked


@scenario(*[(name,) for name in ["root", "timestamp", "snapshot", "targets", ""]])
def a_delegation_to(name):
    repository, client = fresh()
    repository.delegate("targets", "other", ["*"])
    repository.next()
    repository.rewrite("2.targets.json", lambda read: read["signed"]["delegations"]["roles"][0].update(name=name), "targets")
    client.refresh(1, "tuf-field", root=1, timestamp=2, snapshot=2, targets=1)


# Delegations as parent, name, paths, terminating; what is sought; who is asked.
GRAPHS = {
    "in a row": ([("targets", "A", "*", 0), ("targets", "B", "*", 0), ("targets", "C", "*", 0)], "ABC"),
    "in depth": ([("targets", "A", "*", 0), ("A", "B", "*", 0), ("B", "C", "*", 0)], "ABC"),
    "depth first": ([("targets", "A", "*", 0), ("targets", "D", "*", 0), ("A", "B", "*", 0), ("A", "C", "*", 0)], "ABCD"),
    "two levels": ([("targets", "A", "*", 0), ("targets", "C", "*", 0), ("A", "B", "*", 0), ("C", "D", "*", 0)], "ABCD"),
    "only what fits": ([("targets", "A", "other", 0), ("targets", "B", "*", 0), ("B", "C", "none?", 0), ("B", "D", "s?ught", 0)], "BD"),
    "terminating": ([("targets", "A", "*", 0), ("targets", "B", "*", 1), ("targets", "C", "*", 0), ("B", "D", "*", 0)], "ABD"),
    "terminating below": ([("targets", "A", "*", 0), ("A", "B", "*", 1), ("A", "C", "*", 0), ("targets", "D", "*", 0)], "AB"),
    "terminating that does not fit": ([("targets", "A", "other", 1), ("targets", "B", "*", 0)], "B"),
    "a circle": ([("targets", "A", "*", 0), ("A", "B", "*", 0), ("B", "A", "*", 0)], "AB"),
    "one that delegates to itself": ([("targets", "A", "*", 0), ("A", "A", "*", 0)], "A"),
    "twice on the way": ([("targets", "A", "*", 0), ("targets", "B", "*", 0), ("A", "C", "*", 0), ("B", "C", "*", 0)], "ACB"),
}


@scenario(*[(name, *graph) for name, graph in GRAPHS.items()])
def roles(_, edges, visited):
    repository, client = fresh()
    for parent, name, paths, terminating in edges:
        repository.delegate(parent, name, [paths], terminating=bool(terminating))
    repository.next()
    client.download("sought", exit=1, code="tuf-target-unknown")
    asked = "".join(name.removeprefix("1.").removesuffix(".json") for name in repository.asked[4:])
    assert asked == visited, asked
    # The last one that is asked may vouch for it, and then nobody else is.
    repository.add_target(visited[-1], "sought", b"sought")
    repository.next("timestamp", "snapshot", visited[-1])
    client.download("sought")
    assert client.downloaded() == [b"sought"]


@scenario()
def at_most_32_delegations():
    repository, client = fresh()
    for number in range(40):
        repository.delegate("targets", f"role{number}", ["*"])
    repository.next()
    client.download("sought", exit=1, code="tuf-target-unknown")
    assert len(repository.asked[4:]) == 32, repository.asked


PATTERNS = [
    ("*", "x", True), ("*", "a/x", False), ("a/*", "a/x", True), ("a/*", "a/b/x", False), ("*/x", "a/x", True), ("a/*/*.json", "a/b/x.json", True),
    ("a/x-?.json", "a/x-1.json", True), ("a/x-?.json", "a/x-11.json", False), ("a/x-??.json", "a/x-11.json", True), ("foo.tgz", "foo.tgz", True),
    ("foo.tgz", "footgz", False), ("foo-version-a.tgz", "foo-version-alpha.tgz", False), ("*.tgz", "foo.tgz.sig", False), ("A", "a", False),
]


@scenario(*PATTERNS)
def a_path_pattern(pattern, path, fits):
    repository, client = fresh()
    repository.delegate("targets", "role", [pattern])
    repository.add_target("role", path, b"x")
    repository.next()
    client.download(path, exit=0 if fits else 1)
    assert ("1.role.json" in repository.asked) == fits


@scenario()
def hash_prefixes_share_targets_out():
    repository, client = fresh()
    for digit in "0123456789abcdef":
        repository.delegate("targets", f"bin-{digit}", prefixes=[f"{digit}{second}" for second in "0123456789abcdef"])
    names = [f"path/{number}" for number in range(12)]
    for name in names:
        repository.add_target(f"bin-{hashlib.sha256(name.encode()).hexdigest()[0]}", name, name.encode())
    repository.add_target("bin-0", "astray", b"x")
    repository.next()
    client.download(*names)
    assert len(client.downloaded()) == len(names)
    if not hashlib.sha256(b"astray").hexdigest().startswith("0"):
        client.download("astray", exit=1, code="tuf-target-unknown")


@scenario((1,), (4,), (5,), (8,))
def succinct_roles(bits):
    repository, client = fresh()
    bins = repository.delegate_bins(bits, "bin")
    names = [f"path/{number}" for number in range(8)]
    for name in names:
        repository.add_target(bins.get_role_for_target(name), name, name.encode())
    repository.next()
    client.download(*names)
    assert len(client.downloaded()) == len(names)
    client.download("other", exit=1, code="tuf-target-unknown")


@scenario()
def a_delegated_role_by_keys_of_nobody():
    repository, client = fresh()
    repository.delegate("targets", "role", ["*"])
    repository.add_target("role", "x", b"x")
    signer = CryptoSigner.generate_ed25519()
    repository.signers["role"] = {signer.public_key.keyid: signer}
    repository.next()
    client.download("x", exit=1, code="tuf-threshold")
    assert "role.json" not in client.files()


@scenario()
def a_delegated_role_that_no_snapshot_names():
    repository, client = fresh()
    repository.delegate("targets", "role", ["*"])
    repository.next()
    del repository.snapshot.meta["role.json"]
    repository.publish_snapshot()
    repository.publish_timestamp()
    client.download("x", exit=1, code="tuf-not-in-snapshot")


@scenario()
def a_role_below_two_delegators_speaks_with_the_keys_of_each():
    repository, client = fresh()
    repository.delegate("targets", "A", ["a/*"])
    repository.delegate("targets", "B", ["b/*"])
    repository.delegate("A", "shared", ["a/*"])
    repository.add_target("shared", "a/x", b"a")
    repository.add_target("shared", "b/x", b"b")
    repository.delegate("B", "shared", ["b/*"])
    repository.next()
    client.download("a/x", "b/x")
    # Now `B` wants another key, by which the role is not signed.
    other = CryptoSigner.generate_ed25519()
    below = repository.delegated["B"]
    below.delegations.roles["shared"].keyids.clear()
    below.add_key(other.public_key, "shared")
    repository.next("timestamp", "snapshot", "B")
    again = Client(repository)
    again.download("a/x", "b/x", exit=1, code="tuf-threshold")
    assert again.downloaded() == [b"a"]


@scenario()
def a_threshold_of_a_delegated_role():
    repository, client = fresh()
    repository.delegate("targets", "role", ["*"])
    second = CryptoSigner.generate_ecdsa()
    repository.targets.add_key(second.public_key, "role")
    repository.targets.delegations.roles["role"].threshold = 2
    repository.add_target("role", "x", b"x")
    repository.next()
    client.download("x", exit=1, code="tuf-threshold")
    repository.signers["role"][second.public_key.keyid] = second
    repository.next("timestamp", "snapshot", "role")
    client.download("x")


failed = 0
for name, function, row in scenarios:
    if only and not any(word in name for word in only):
        continue
    try:
        function(*row[: len(inspect.signature(function).parameters)])
        print("ok", name)
    except Exception as error:
        failed += 1
        line = error.__traceback__
        while line.tb_next and line.tb_next.tb_frame.f_code.co_filename == __file__:
            line = line.tb_next
        print(f"FAILED {name}: line {line.tb_lineno}: {type(error).__name__} {error}")
    for repository in list(server.repositories):
        del server.repositories[repository]
print(f"{len(scenarios)} scenarios, {failed} failed")
sys.exit(1 if failed else 0)
