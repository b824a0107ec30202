"""A scratch server with real wheels: started from the built binary, filled, promoted, asked for bundles."""
import hashlib
import json
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from roots import CACHE

#: What the cases bundle, pinned so that a new release elsewhere does not change what is tested here.
WEB = ("flask==3.1.2", "gunicorn==23.0.0")
FRAME = ("numpy==2.3.5", "pandas==2.3.3")

#: Name of a target, Python and glibc's minor version; the same facts as the server's presets.
DEBIAN_12 = ("debian-12", "3.11", 36)
DEBIAN_13 = ("debian-13", "3.13", 41)

START_SECONDS = 30


def download_wheels():
    """Folder of all wheels that the cases need, fetched by pip once and kept."""
    wanted = ((DEBIAN_12, WEB + FRAME), (DEBIAN_13, FRAME[:1]))
    folder = CACHE / ("wheels-" + hashlib.sha256(repr(wanted).encode()).hexdigest()[:12])
    if not folder.is_dir():
        part = folder.with_suffix(".part")
        for target, requirements in wanted:
            _download(target, requirements, part)
        part.rename(folder)
    return folder


def _download(target, requirements, folder):
    """pip must be told every platform tag by name, down to the oldest."""
    _, python, glibc_minor = target
    abi = "cp" + python.replace(".", "")
    platforms = ["manylinux_2_%d_x86_64" % minor for minor in range(glibc_minor, 4, -1)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--dest", str(folder)]
    command += ["--implementation", "cp", "--python-version", python]
    command += [part for name in (abi, "abi3", "none") for part in ("--abi", name)]
    command += [part for name in platforms for part in ("--platform", name)]
    subprocess.run([*command, *requirements], check=True, stdin=subprocess.DEVNULL)


class Server:
    """A running `ferrywheel serve` on a free port with its own empty data directory."""

    def __init__(self, binary, folder):
        self.data = pathlib.Path(folder) / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % probe.getsockname()[1]
        self.url = "http://" + address
        self.log = open(pathlib.Path(folder) / "server.log", "wb")
        command = [str(binary), "serve", "--data", str(self.data), "--listen", address]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, cwd=folder)
        self._wait()
        self.token = (self.data / "admin-token").read_text().strip()

    def _wait(self):
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                return urllib.request.urlopen(self.url + "/-/ready", timeout=5).close()
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError("the server did not start:\n" + self.log_text()) from None
                time.sleep(0.05)

    def log_text(self):
        """Last lines of what the server said."""
        return "\n".join(pathlib.Path(self.log.name).read_text().splitlines()[-20:])

    def stop(self):
        """End the server and wait for it."""
        self.process.terminate()
        self.process.wait(timeout=START_SECONDS)
        self.log.close()

    def call(self, method, path, body=b"", content_type="application/octet-stream"):
        """Body of a successful answer; an error carries the server's own words."""
        headers = {"Authorization": "Bearer " + self.token, "Content-Type": content_type, "Accept": "application/json"}
        request = urllib.request.Request(self.url + path, body or None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError("%s %s: %d %s" % (method, path, error.code, error.read().decode())) from None

    def post(self, path, value):
        """Send JSON, read JSON."""
        return json.loads(self.call("POST", path, json.dumps(value).encode(), "application/json"))

    def fill(self, wheels):
        """Upload a folder's wheels into `staging` and bring all of them into `blessed`."""
        for wheel in sorted(wheels.glob("*.whl")):
            name = urllib.request.quote(wheel.name)
            self.call("PUT", "/api/v1/channels/staging/files/" + name, wheel.read_bytes())
        self.post("/api/v1/channels/blessed/promotions", {"from": "staging"})

    def bundle(self, name, requirements, target, **entry_point):
        """Bytes of a bundle; each requirement without its pin, as an operator writes it."""
        plain = [re.split("==", requirement)[0] for requirement in requirements]
        recipe = {"name": name, "requirements": plain, "target": target[0], "channel": "blessed", **entry_point}
        content = self.call("GET", self.post("/api/v1/bundles", recipe)["download"])
        if not content.startswith(b"#!"):
            raise RuntimeError("the bundle does not begin like one: %r" % content[:40])
        return content
