"""A server to talk to, real wheels to talk about, and empty environments to install into."""
import base64
import csv
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import venv
import zipfile

PROGRAM = None
"""Path of the ferrywheel program; set by run.py."""

PROJECTS = ["flask", "gunicorn", "requests", "numpy", "pandas", "cryptography"]
"""What is downloaded from the user's own index, with everything it needs."""

START_SECONDS = 60
"""How long a server may take to say where it listens."""

BIN = pathlib.Path(sys.prefix) / "bin"
"""Where the pinned clients are."""


def run(command, environment=None, expected=0, cwd=None, timeout=600):
    """Run a command and return its output, both streams together; another exit code than `expected` is an error."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd=cwd,
        timeout=timeout,
    )
    text = done.stdout.decode(errors="replace")
    if expected is not None and done.returncode != expected:
        raise AssertionError(f"{command} ended with {done.returncode}, not {expected}:\n{text[-4000:]}")
    return text


def bare_environment(**more):
    """The environment without any setting of a client, so that only the command line speaks."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "TWINE_", "FERRYWHEEL_"))}
    kept.update(PIP_CONFIG_FILE=os.devnull, PIP_DISABLE_PIP_VERSION_CHECK="1", UV_NO_CONFIG="1", NO_COLOR="1", COLUMNS="400")
    kept.update(more)
    return kept


class Server:
    """The real program on a free port of loopback, with a data directory of its own."""

    def __init__(self, arguments=(), tokens=None, **settings):
        """Start it and wait until it says where it listens; settings are given by name, such as `read="token"`.

        `tokens` are made first: by name, the flags of `admin token create`.
        """
        self._scratch = tempfile.TemporaryDirectory(prefix="ferrywheel-clients-")
        self.folder = pathlib.Path(self._scratch.name)
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.tokens = {name: self._make_token(name, flags) for name, flags in (tokens or {}).items()}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--data", self.data, "--listen", "127.0.0.1:0", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=bare_environment(**{f"FERRYWHEEL_{name.upper()}": value for name, value in settings.items()}),
            )
        self.url = self._address()
        self.token = (self.data / "admin-token").read_text().strip()

    def _make_token(self, name, flags):
        text = run([PROGRAM, "admin", "--data", self.data, "token", "create", name, *flags, "--json"], bare_environment())
        return json.loads(text[text.index("{"):])["token"]

    def _address(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            for line in self.log.read_text().splitlines():
                if line.startswith("listening on "):
                    return line.split()[-1]
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"the server did not start:\n{self.log.read_text()}")

    def stop(self):
        """Stop it as a service manager does and remove its directory; it must end cleanly."""
        self.process.terminate()
        code = self.process.wait(60)
        text = self.log.read_text()
        self._scratch.cleanup()
        if code != 0:
            raise AssertionError(f"the server ended with {code}:\n{text[-4000:]}")

    def get(self, path, accept="*/*"):
        """Body of a GET, with the token, which a server that is open to all does not need."""
        headers = {"Accept": accept, "Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(self.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def page(self, project, channel=None):
        """JSON page of a project."""
        prefix = f"/{channel}" if channel else ""
        return json.loads(self.get(f"{prefix}/simple/{project}/", "application/vnd.pypi.simple.v1+json"))

    def cli(self, *arguments, expected=0, cwd=None):
        """Run the program as a client of this server."""
        environment = bare_environment(FERRYWHEEL_SERVER=self.url, FERRYWHEEL_TOKEN=self.token)
        return run([PROGRAM, *arguments], environment, expected, cwd)

    def twine(self, *files, token=None, expected=0):
        """Upload with twine."""
        environment = bare_environment(TWINE_USERNAME="__token__", TWINE_PASSWORD=token or self.token)
        command = [BIN / "twine", "upload", "--non-interactive", "--disable-progress-bar"]
        return run([*command, "--repository-url", f"{self.url}/legacy/", *files], environment, expected)

    def uv_publish(self, *files, token=None, expected=0):
        """Upload with uv."""
        environment = bare_environment(UV_PUBLISH_TOKEN=token or self.token)
        command = [BIN / "uv", "publish", "--trusted-publishing", "never", "--publish-url", f"{self.url}/legacy/"]
        return run([*command, *files], environment, expected)


def real_wheels():
    """Folder of the real wheels, downloaded once for each run with the user's own settings."""
    if not hasattr(real_wheels, "folder"):
        real_wheels.scratch = tempfile.TemporaryDirectory(prefix="ferrywheel-wheels-")
        folder = pathlib.Path(real_wheels.scratch.name)
        run([sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "-d", folder, *PROJECTS])
        real_wheels.folder = folder
    return real_wheels.folder


def sha256(path):
    """Digest of a file, hexadecimal."""
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def empty_environment(folder):
    """A virtual environment without pip; returns its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    return pathlib.Path(folder) / "bin" / "python"


def installed(python):
    """Versions of everything installed in an environment, by normalized name."""
    code = (
        "import importlib.metadata as m, json, re;"
        "print(json.dumps({re.sub('[-_.]+', '-', d.metadata['Name']).lower(): d.version for d in m.distributions()}))"
    )
    return json.loads(run([python, "-I", "-c", code]))


def wheel_versions(folder):
    """Versions that the wheels of a folder would install, by normalized name."""
    versions = {}
    for wheel in folder.glob("*.whl"):
        name, version = wheel.name.split("-")[:2]
        versions[normalized(name)] = version
    return versions


def normalized(name):
    """A project's name as the index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def make_wheel(folder, name, version, body=b"", broken=False, metadata=""):
    """A small wheel with more lines of METADATA; a broken one has a hash in RECORD that is not that of its member."""
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}/__init__.py": body,
        # Build tools keep the author's spelling here; `_` is for file names.
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n{metadata}".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    for path, content in members.items():
        hashed = hashlib.sha256(content + (b"x" if broken and path.endswith("__init__.py") else b"")).digest()
        writer.writerow([path, "sha256=" + base64.urlsafe_b64encode(hashed).rstrip(b"=").decode(), len(content)])
    writer.writerow([f"{info}/RECORD", "", ""])
    members[f"{info}/RECORD"] = rows.getvalue().encode()
    path = pathlib.Path(folder) / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0)), content)
    return path


def make_sdist(folder, name, version):
    """A small source distribution."""
    path = pathlib.Path(folder) / f"{name}-{version}.tar.gz"
    members = {
        "PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n".encode(),
        "pyproject.toml": b"[project]\n",
        f"{name}.py": b"",
    }
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{member}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path
