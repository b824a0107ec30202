"""Real wheels: uploaded, blessed, installed and downloaded again, byte for byte; locks and bundles made of them."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import support


class Installs(unittest.TestCase):
    """One server that holds the real wheels in `blessed`."""

    @classmethod
    def setUpClass(cls):
        """Upload half with twine, half with uv, and promote all of it."""
        cls.server = support.Server()
        cls.addClassCleanup(cls.server.stop)
        cls.folder = support.real_wheels()
        cls.wheels = sorted(cls.folder.glob("*.whl"))
        cls.server.twine(*cls.wheels[::2])
        cls.server.uv_publish(*cls.wheels[1::2])
        outcome = json.loads(cls.server.cli("promote", "staging", "blessed", "--json"))
        assert sorted(outcome["added"]) == sorted(wheel.name for wheel in cls.wheels), outcome

    def setUp(self):
        """Make a folder for results."""
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)

    def test_pip_installs_what_was_uploaded(self):
        """Versions and hashes are those of the uploaded wheels."""
        python = support.empty_environment(self.scratch / "env")
        report = self.scratch / "report.json"
        command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-cache-dir", "--report", report]
        support.run([*command, "--index-url", f"{self.server.url}/simple/", *support.PROJECTS], support.bare_environment())
        self.assertEqual(support.installed(python), support.wheel_versions(self.folder))
        for item in json.loads(report.read_text())["install"]:
            archive = item["download_info"]["archive_info"]["hashes"]["sha256"]
            filename = item["download_info"]["url"].rsplit("/", 1)[1].replace("%2B", "+")
            self.assertEqual(archive, support.sha256(self.folder / filename))
        support.run([python, "-c", "import flask, numpy, pandas, cryptography; print(pandas.DataFrame({'a': [1]}))"])

    def test_uv_installs_what_was_uploaded(self):
        """The same with uv, from an empty cache."""
        python = support.empty_environment(self.scratch / "env")
        command = [support.BIN / "uv", "pip", "install", "--python", python, "--no-cache"]
        support.run([*command, "--index-url", f"{self.server.url}/simple/", *support.PROJECTS], support.bare_environment())
        self.assertEqual(support.installed(python), support.wheel_versions(self.folder))

    def test_everything_downloads_byte_for_byte(self):
        """`pip download` of every file gives the uploaded bytes."""
        target = self.scratch / "again"
        pins = [f"{name}=={version}" for name, version in support.wheel_versions(self.folder).items()]
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "-d", target]
        support.run([*command, "--index-url", f"{self.server.url}/simple/", *pins], support.bare_environment())
        self.assertEqual(sorted(path.name for path in target.iterdir()), [wheel.name for wheel in self.wheels])
        for wheel in self.wheels:
            self.assertEqual(support.sha256(target / wheel.name), support.sha256(wheel), wheel.name)

    def test_a_snapshot_stays_as_it_was(self):
        """What is uploaded and blessed later is not in the older snapshot."""
        before = self.server.get("/blessed@1/simple/")
        later = support.make_wheel(self.scratch, "later", "1.0")
        self.server.twine(later)
        self.server.cli("bless", "--only", "later")
        self.assertEqual(self.server.get("/blessed@1/simple/"), before)
        self.assertIn(b"later", self.server.get("/simple/"))

    def test_a_lock_for_this_host_installs_with_uv(self):
        """A lock made by the server is what uv installs, with hashes."""
        host = self.scratch / "host.json"
        host.write_text(self.server.cli("target", "probe", "--python", sys.executable))
        lock = self.scratch / "pylock.toml"
        self.server.cli("lock", "--target", host, "-o", lock, "flask", "pandas")
        python = support.empty_environment(self.scratch / "env")
        support.run([support.BIN / "uv", "pip", "sync", "--python", python, "--no-cache", lock], support.bare_environment())
        versions = support.installed(python)
        self.assertEqual(versions["pandas"], support.wheel_versions(self.folder)["pandas"])
        self.assertEqual(versions, {name: support.wheel_versions(self.folder)[name] for name in versions})

    def test_an_unsolvable_lock_is_explained(self):
        """Exit code 1, and a sentence that names what is in the way."""
        text = self.server.cli("lock", "--target", "debian-12", "flask>=99", expected=1)
        self.assertIn("flask", text)
        self.assertIn("resolve/unsolvable", text)

    def test_a_bundle_for_this_host_starts(self):
        """numpy and pandas run from a bundle with nothing in the environment."""
        host = self.scratch / "host.json"
        host.write_text(self.server.cli("target", "probe", "--python", sys.executable))
        bundle = self.scratch / "frame.pyz"
        self.server.cli("bundle", "pandas", "--target", host, "-o", bundle)
        code = "import pandas; print(pandas.DataFrame({'a': [1, 2]}).a.sum())"
        command = [sys.executable, str(bundle), "-c", code]
        done = subprocess.run(command, env={"FERRYWHEEL_ROOT": str(self.scratch), "PATH": "/usr/bin:/bin"}, capture_output=True)
        self.assertEqual((done.stdout, done.returncode), (b"3\n", 0), done.stderr)
