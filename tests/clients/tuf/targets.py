"""Targets, and the roles that vouch for them."""

import hashlib
import os
from urllib.parse import quote

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import TargetFile

from scenario import Client, fresh, scenario

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
