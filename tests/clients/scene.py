"""What every test of the matrix has: a folder, a home without settings, clients by version, and servers shared by all."""
import importlib.metadata
import pathlib
import re
import tempfile
import unittest
import urllib.parse

import environments
import support
import universe

PIPS = ["20.3", "22.3", "23.2", "26.3"]
"""The first that reads our pages in full, the first with JSON, the first with `.metadata`, the newest."""

UVS = ["0.1.24", "0.4.30", "0.13.8"]
"""The first that passes over an sdist it may not build (and knows no `.metadata`), the first with named indexes, the newest."""

NEWEST_PIP, NEWEST_UV = PIPS[-1], UVS[-1]


class Scene(unittest.TestCase):
    """Clients see nothing of the machine's own settings: each test has a home of its own."""

    def setUp(self):
        """Make the folder."""
        scratch = tempfile.TemporaryDirectory(prefix="ferrywheel-scene-")
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.home = self.scratch / "home"
        self.home.mkdir()

    def environment(self, **more):
        """Variables of a user who has set nothing but `more`."""
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "LANG": "C.UTF-8", "COLUMNS": "400", "NO_COLOR": "1", **more}

    def folder(self, name):
        """A new empty folder in the scratch."""
        folder = self.scratch / name
        folder.mkdir(parents=True)
        return folder

    def pip(self, version, *arguments, expected=0, **variables):
        """Run a pip; returns what it said."""
        python = environments.find(f"pip-{version}") / "python"
        command = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
        return support.run(command, self.environment(**variables), expected, self.scratch)

    def pip_install(self, version, index, *arguments, cache=None, expected=0, **variables):
        """`pip install` from one index into a new folder: returns what it said and the versions that are there."""
        target = pathlib.Path(tempfile.mkdtemp(prefix="target-", dir=self.scratch))
        kept = ["--cache-dir", cache] if cache else ["--no-cache-dir"]
        text = self.pip(version, "install", *kept, "--target", target, "-i", index, *arguments, expected=expected, **variables)
        return text, installed(target)

    def uv(self, version, *arguments, expected=0, cwd=None, **variables):
        """Run a uv; returns what it said."""
        environment = self.environment(UV_CACHE_DIR=str(self.scratch / "uv-cache"), UV_PYTHON_DOWNLOADS="never", **variables)
        return support.run([environments.find(f"uv-{version}") / "uv", *arguments], environment, expected, cwd or self.scratch)

    def uv_install(self, version, *arguments, expected=0, **variables):
        """`uv pip install` without cache into a new environment: returns what it said and the versions that are there."""
        target = pathlib.Path(tempfile.mkdtemp(prefix="venv-", dir=self.scratch))
        support.empty_environment(target)
        variables.setdefault("VIRTUAL_ENV", str(target))
        text = self.uv(version, "pip", "install", "--no-cache", *arguments, expected=expected, **variables)
        return text, installed(next(target.glob("lib/python*/site-packages")))

    def uv_compile(self, version, requirements, *arguments, expected=0, **variables):
        """`uv pip compile`: returns what it said and the versions it chose."""
        wanted = self.scratch / "requirements.in"
        wanted.write_text("\n".join(requirements) + "\n")
        text = self.uv(version, "pip", "compile", *arguments, wanted, expected=expected, **variables)
        return text, dict(re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==(\S+)", text, re.MULTILINE))


def installed(folder):
    """Versions by normalized name of what lies in a folder."""
    found = importlib.metadata.distributions(path=[str(folder)])
    return {support.normalized(one.metadata["Name"]): one.version for one in found}


def with_credentials(url, password, user="__token__"):
    """A URL with a user and a password in it."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=f"{user}:{password}@{parts.netloc}").geturl()


class Shared:
    """Servers that hold the small projects, one for each set of settings, started when first asked for."""

    _servers = {}

    @classmethod
    def server(cls, **settings):
        """The server with these settings."""
        key = tuple(sorted(settings.items()))
        if key not in cls._servers:
            server = support.Server(**settings)
            cls._servers[key] = server
            universe.publish(server)
        return cls._servers[key]

    @classmethod
    def stop_all(cls):
        """End every one of them; each must end cleanly."""
        while cls._servers:
            cls._servers.popitem()[1].stop()


def log_lines(server, *words):
    """Lines of a server's log that hold all these words."""
    return [line for line in server.log.read_text().splitlines() if all(word in line for word in words)]
