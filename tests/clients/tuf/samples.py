"""Writes the repositories that attest-core's tests read without python-tuf: one folder for each kind of key. Arguments: the folder."""

import os
import sys
from datetime import datetime, timezone

from securesystemslib.signer import CryptoSigner

from repository import Repository

KINDS = {
    "ed25519": (CryptoSigner.generate_ed25519, "1.0"),
    "ecdsa": (CryptoSigner.generate_ecdsa, "1.0.0"),
    "rsa": (CryptoSigner.generate_rsa, "1.0.31"),
}
NEVER = datetime(2100, 1, 1, tzinfo=timezone.utc)

for name, (generate, specification) in KINDS.items():
    repository = Repository(generate)
    repository.meta_hashes = True
    repository.delegate("targets", "feed", ["feeds/*.json"], terminating=True)
    repository.add_target("targets", "device.json", b"device", ("sha256", "sha512"))
    repository.add_target("feed", "feeds/public.json", b"feed")
    contents = [repository.root, repository.timestamp, repository.snapshot, repository.targets, repository.delegated["feed"]]
    for content in contents:
        content.expires = NEVER
        content.spec_version = specification
    repository.targets.unrecognized_fields["x-note"] = {"é": ["\u2028", 'a "quoted" \\', -1, None, True]}
    repository.publish_root()
    repository.publish()
    before = repository.rotate("root")
    repository.next_root(before)
    folder = os.path.join(sys.argv[1], name)
    os.makedirs(folder, exist_ok=True)
    for file, data in repository.files.items():
        with open(os.path.join(folder, file), "wb") as out:
            out.write(data)
