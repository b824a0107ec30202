"""One bare host: a root, folders it may write, and programs started in it without network."""
import json
import os
import pathlib
import subprocess
import sys

INSIDE = pathlib.Path(__file__).resolve().parent / "inside.py"

#: An ordinary user without an entry in the host's passwd, as services under a dynamic user have it.
USER_ID = 4711

#: Folders of every host that can be written, with the mode they have.
WRITABLE = {"/srv": 0o755, "/home": 0o755, "/var/tmp": 0o1777, "/var/cache": 0o755}

TIMEOUT_SECONDS = 120


class Host:
    """A Debian root whose writable folders are empty and its own; made anew for every case."""

    def __init__(self, root, scratch):
        self.root = root
        self.scratch = scratch
        self.user_id = USER_ID
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": "/home/app"}
        self.tmpfs = {"/tmp": "mode=1777"}
        for place, mode in WRITABLE.items():
            folder = self.path(place)
            folder.mkdir(parents=True)
            folder.chmod(mode)
        self.make_folder("/home/app", 0o700)

    def path(self, place):
        """Where a writable place of the host lies on this machine."""
        return self.scratch / place.strip("/").replace("/", "-", 1) if place in WRITABLE else self._below(place)

    def _below(self, place):
        base = max((base for base in WRITABLE if place.startswith(base + "/")), key=len)
        return self.path(base) / place[len(base) + 1 :]

    def make_folder(self, place, mode):
        """Make a folder that belongs to the host's user."""
        folder = self.path(place)
        folder.mkdir()
        folder.chmod(mode)
        os.chown(folder, self.user_id, self.user_id)

    def put(self, place, content):
        """Put a file into the host that everybody there may read."""
        self.path(place).write_bytes(content)
        self.path(place).chmod(0o644)

    def run(self, *arguments, **environment):
        """Run a program as the host's user and return its outcome with text output."""
        description = {
            "root": str(self.root),
            "writable": {place: str(self.path(place)) for place in WRITABLE},
            "tmpfs": self.tmpfs,
            "directory": "/srv",
            "user_id": self.user_id,
            "environment": {**self.environment, **environment},
            "arguments": arguments,
        }
        # A new process namespace, so that whatever a program leaves running dies with it.
        command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", sys.executable, str(INSIDE)]
        return subprocess.run(
            [*command, json.dumps(description)], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env={}
        )

    def environments(self, place="/home/app/.cache/ferrywheel"):
        """What was unpacked below a root: inode and change time of every file, by path."""
        folder = self.path(place)
        found = {}
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            status = path.lstat()
            if not path.name.startswith((".last-used", ".")) and "__pycache__" not in path.parts and not path.is_dir():
                found[str(path.relative_to(folder))] = (status.st_ino, status.st_ctime_ns)
        return found
