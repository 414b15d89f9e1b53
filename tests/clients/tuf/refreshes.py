"""What is fetched and kept, and what is refused for its size, its age or its version."""

import json
import os

from repository import TOP, Repository, later
from scenario import FIRST, Client, fresh, scenario, server

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
