"""Index addresses that redirect: a snapshot by its day or digest, and an index URL without its slash."""
import datetime
import json
import pathlib
import sys
import tempfile
import unittest

import support


class Addresses(unittest.TestCase):
    """A channel at two serials, both of today."""

    @classmethod
    def setUpClass(cls):
        """Bless one version of a wheel, remember the digest, then bless another."""
        cls.server = support.Server()
        cls.addClassCleanup(cls.server.stop)
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        digests = []
        for version in ["1.0", "2.0"]:
            cls.server.twine(support.make_wheel(scratch.name, "dated", version))
            cls.server.cli("bless")
            digests.append(json.loads(cls.server.get("/api/v1/channels/blessed"))["digest"])
        cls.older = digests[0]

    def setUp(self):
        """Make an empty environment."""
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.python = support.empty_environment(pathlib.Path(scratch.name) / "env")

    def pip(self, address):
        """Install with pip from an index and tell the version."""
        command = [sys.executable, "-m", "pip", "--python", self.python, "install", "--no-cache-dir"]
        support.run([*command, "--index-url", self.server.url + address, "dated"], support.bare_environment())
        return support.installed(self.python)["dated"]

    def uv(self, address):
        """Install with uv from an index and tell the version."""
        command = [support.BIN / "uv", "pip", "install", "--python", self.python, "--no-cache"]
        support.run([*command, "--index-url", self.server.url + address, "dated"], support.bare_environment())
        return support.installed(self.python)["dated"]

    def today(self):
        """The day in UTC, as an address of the channel."""
        return f"/blessed@{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}/simple/"

    def test_pip_installs_from_a_day(self):
        """The last snapshot of a day is its content."""
        self.assertEqual(self.pip(self.today()), "2.0")

    def test_uv_installs_from_a_day(self):
        """The same with uv."""
        self.assertEqual(self.uv(self.today()), "2.0")

    def test_pip_installs_from_a_digest(self):
        """A digest names the content it was computed of, whatever came later."""
        self.assertEqual(self.pip(f"/blessed@sha256:{self.older[:16]}/simple/"), "1.0")

    def test_uv_installs_from_a_digest(self):
        """The same with uv."""
        self.assertEqual(self.uv(f"/blessed@sha256:{self.older[:16]}/simple/"), "1.0")

    def test_pip_installs_without_a_slash_at_the_end(self):
        """An index URL may be written either way."""
        self.assertEqual(self.pip("/blessed@1/simple"), "1.0")

    def test_uv_installs_without_a_slash_at_the_end(self):
        """The same with uv."""
        self.assertEqual(self.uv("/simple"), "2.0")
