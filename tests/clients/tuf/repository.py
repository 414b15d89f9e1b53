"""A TUF repository in memory, made with python-tuf, and a server that hands it out exactly as it is asked for."""

import hashlib
import json
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote

from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)

TOP = ["root", "timestamp", "snapshot", "targets"]


def later(days=30):
    return (datetime.now(timezone.utc) + timedelta(days=days)).replace(microsecond=0)


class Repository:
    """Content that a scenario changes, and `publish`, which signs and serves what changed."""

    def __init__(self, generate=CryptoSigner.generate_ed25519):
        self.generate = generate
        self.signers = {}
        self.meta_hashes = False
        # Published bytes by file name; targets by path.
        self.files = {}
        self.artifacts = {}
        # Bodies that never end or never come, by file name.
        self.endless = set()
        self.broken = set()
        self.asked = []
        self.root = Root(consistent_snapshot=True, expires=later())
        self.timestamp = Timestamp(expires=later())
        self.snapshot = Snapshot(expires=later())
        self.targets = Targets(expires=later())
        self.delegated = {}
        for role in TOP:
            self.new_key(role)
        self.publish_root()
        self.publish()

    # Keys.

    def new_key(self, role, generate=None):
        """Adds a key to a top-level role."""
        signer = (generate or self.generate)()
        self.root.add_key(signer.public_key, role)
        self.signers.setdefault(role, {})[signer.public_key.keyid] = signer
        return signer

    def drop_keys(self, role):
        """Takes all keys from a top-level role, whose signers of before are returned."""
        for keyid in list(self.root.roles[role].keyids):
            self.root.revoke_key(keyid, role)
        return self.signers.pop(role)

    def rotate(self, role, generate=None):
        before = self.drop_keys(role)
        self.new_key(role, generate)
        return before

    # Publication.

    def signed(self, role, content, signers=None):
        metadata = Metadata(content)
        for signer in (self.signers[role] if signers is None else signers).values():
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def publish_root(self, more=None):
        signers = dict(more or {})
        signers.update(self.signers["root"])
        self.files[f"{self.root.version}.root.json"] = self.signed("root", self.root, signers)

    def next_root(self, more=None):
        """The root of before has to have signed, so give its signers if they changed."""
        self.root.version += 1
        self.publish_root(more)

    def name(self, role, version):
        prefix = f"{version}." if self.root.consistent_snapshot else ""
        return f"{prefix}{quote(role, '')}.json"

    def meta(self, version, data):
        if not self.meta_hashes:
            return MetaFile(version)
        hashes = {"sha256": hashlib.sha256(data).hexdigest(), "sha512": hashlib.sha512(data).hexdigest()}
        return MetaFile(version, len(data), hashes)

    def publish_targets(self):
        for role, content in [("targets", self.targets), *self.delegated.items()]:
            data = self.signed(role, content)
            self.files[self.name(role, content.version)] = data
            self.snapshot.meta[f"{role}.json"] = self.meta(content.version, data)

    def publish_snapshot(self):
        data = self.signed("snapshot", self.snapshot)
        self.files[self.name("snapshot", self.snapshot.version)] = data
        self.timestamp.snapshot_meta = self.meta(self.snapshot.version, data)

    def publish_timestamp(self):
        self.files["timestamp.json"] = self.signed("timestamp", self.timestamp)

    def publish(self):
        self.publish_targets()
        self.publish_snapshot()
        self.publish_timestamp()

    def next(self, *roles):
        """Raises the versions of these roles, of all but the root if none is named, and publishes."""
        for role in roles or ["timestamp", "snapshot", "targets"]:
            self.content(role).version += 1
        self.publish()

    def content(self, role):
        return getattr(self, role) if role in TOP else self.delegated[role]

    # Targets and delegations.

    def add_target(self, role, path, data, algorithms=("sha256",)):
        hashes = {name: hashlib.new(name, data).hexdigest() for name in algorithms}
        self.content(role).targets[path] = TargetFile(len(data), hashes, path)
        self.artifacts[path] = data
        folder, slash, last = path.rpartition("/")
        for digest in hashes.values():
            self.artifacts[f"{folder}{slash}{digest}.{last}"] = data

    def delegate(self, parent, name, paths=None, prefixes=None, terminating=False):
        above = self.content(parent)
        if above.delegations is None:
            above.delegations = Delegations({}, roles={})
        above.delegations.roles[name] = DelegatedRole(name, [], 1, terminating, paths, prefixes)
        if name not in self.delegated:
            self.delegated[name] = Targets(expires=later())
            signer = self.generate()
            self.signers[name] = {signer.public_key.keyid: signer}
        for signer in self.signers[name].values():
            above.add_key(signer.public_key, name)

    def delegate_bins(self, bits, prefix):
        signer = self.generate()
        keyid = signer.public_key.keyid
        bins = SuccinctRoles([keyid], 1, bits, prefix)
        self.targets.delegations = Delegations({keyid: signer.public_key}, succinct_roles=bins)
        for name in bins.get_roles():
            self.delegated[name] = Targets(expires=later())
            self.signers[name] = {keyid: signer}
        return bins

    # Spoiling.

    def rewrite(self, name, change, role=None):
        """Changes a published file as JSON; signs it anew if the signers of a role are named."""
        read = json.loads(self.files[name])
        change(read)
        if role is not None:
            payload = encode_canonical(read["signed"]).encode()
            read["signatures"] = [signer.sign(payload).to_dict() for signer in self.signers[role].values()]
        self.files[name] = json.dumps(read).encode()


class Server:
    """Serves repositories by the first segment of the path. A name is looked up as it stands in the request, never decoded."""

    def __init__(self):
        self.repositories = {}
        outer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def url(self, name, kind):
        return f"http://127.0.0.1:{self.http.server_port}/{name}/{kind}"

    def answer(self, request):
        _, repository, kind, name = request.path.split("/", 3)
        repository = self.repositories[repository]
        repository.asked.append(name)
        if name in repository.broken:
            request.send_error(500)
            return
        # A role's name is percent-encoded in the name of its file; a target's path is one already, or is encoded for the request.
        stored = repository.files
        if kind == "targets":
            stored = repository.artifacts
            name = name if name in stored else unquote(name)
        if name in repository.endless:
            request.send_response(200)
            request.end_headers()
            try:
                while True:
                    request.wfile.write(b" " * 65536)
            except OSError:
                return
        data = stored.get(name)
        if data is None:
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
