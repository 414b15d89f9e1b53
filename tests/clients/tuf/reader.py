"""Reads a repository with python-tuf's own client. Arguments: the repository's folder or address, a folder for what is kept, targets.

Begins with the repository's first root, prints the trusted versions and the SHA-256 of each target, or why it refuses.
"""

import hashlib
import os
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.ngclient import Updater

repository, kept, targets = sys.argv[1], sys.argv[2], sys.argv[3:]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


base = repository
if not base.startswith("http:"):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=repository))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
downloads = os.path.join(kept, "targets")
os.makedirs(downloads, exist_ok=True)
with urlopen(f"{base}/metadata/1.root.json") as response:
    root = response.read()

updater = Updater(kept, f"{base}/metadata/", downloads, f"{base}/targets/", bootstrap=root)
try:
    updater.refresh()
    trusted = updater._trusted_set
    print(f"root={trusted.root.version} timestamp={trusted.timestamp.version}", end=" ")
    print(f"snapshot={trusted.snapshot.version} targets={trusted.targets.version}")
    for target in targets:
        found = updater.get_targetinfo(target)
        if found is None:
            print(f"{target} unknown")
            continue
        with open(updater.download_target(found), "rb") as file:
            print(target, hashlib.sha256(file.read()).hexdigest())
except (RepositoryError, DownloadError) as error:
    print(f"refused {type(error).__name__}")
