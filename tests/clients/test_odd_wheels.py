"""Odd wheels that the server takes can be installed: what the bad-input corpus calls sound was not guessed."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import environments

GENERATOR = pathlib.Path(__file__).resolve().parent.parent / "badinput" / "gen.py"

NEWEST_PIP = "pip-26.3"
NEWEST_UV = "uv-0.13.8"

OTHER_REASONS = {
    "r-data-60m": "60 MiB of zeros take their time and prove nothing about the client",
}
"""Cases that are left out, each with the reason."""


class OddWheels(unittest.TestCase):
    """Every wheel for any platform that the rules take, installed by the newest pip and uv from its file."""

    @classmethod
    def setUpClass(cls):
        """Generate the cases once, and keep those that any host may install."""
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        subprocess.run([sys.executable, GENERATOR, cls.folder, "--set", "rules"], check=True, stdout=subprocess.DEVNULL)
        cases = json.loads((cls.folder / "manifest.json").read_text())["cases"]
        cls.wheels = []
        for case in cases:
            name = case["send"]["filename"]
            is_any = name.endswith("-none-any.whl") and name.rsplit("-", 3)[1].endswith("py3")
            if case["expect"] == "accept" and is_any and case["id"] not in OTHER_REASONS:
                wheel = cls.folder / "wheels" / case["id"] / name
                wheel.parent.mkdir(parents=True)
                shutil.copy(cls.folder / case["file"], wheel)
                cls.wheels.append(wheel)

    def install(self, command, target):
        """Install all of them at once: each is a project of its own, and one process is a hundred times cheaper."""
        command = [*command, "--no-deps", "--no-index", "--quiet", "--target", target, *self.wheels]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        installed = {path.name.lower() for path in target.glob("*.dist-info")}
        self.assertEqual(len(installed), len(self.wheels), "some were not installed")

    def test_there_are_many(self):
        """A test that installs nothing proves nothing."""
        self.assertGreater(len(self.wheels), 250)

    def test_pip_installs_all(self):
        """`--ignore-requires-python`, because some say that they need a Python of their own."""
        python = environments.find(NEWEST_PIP) / "python"
        self.install([python, "-m", "pip", "install", "--ignore-requires-python", "--no-cache-dir", "--no-warn-conflicts"], self.folder / "pip")

    def test_uv_installs_all(self):
        """uv reads METADATA, WHEEL and RECORD by readers of its own."""
        uv, python = environments.find(NEWEST_UV) / "uv", environments.find(NEWEST_PIP) / "python"
        self.install([uv, "pip", "install", "--no-cache", "--python", python], self.folder / "uv")
