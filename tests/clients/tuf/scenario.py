"""What a scenario is, and the client in it: each step says the exit that it expects, the versions on disk after it, and the code of a
refusal. After every step what is on disk has to be, byte for byte, what was served.
"""

import json
import os
import subprocess
import sys
import tempfile

from repository import TOP, Repository, Server

program = sys.argv[1]
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
        self.gone = tempfile.TemporaryDirectory()
        self.folder = self.gone.name
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
