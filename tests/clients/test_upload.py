"""Uploads: what twine and uv send is stored, refused and repeated as their users expect."""
import json
import pathlib
import tempfile
import unittest
import urllib.error

import support


class Uploads(unittest.TestCase):
    """Small wheels against a fresh server."""

    @classmethod
    def setUpClass(cls):
        """Start a server."""
        cls.server = support.Server()
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        """Make a folder for files."""
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def files(self, project):
        """Names of the files that staging shows."""
        return [file["filename"] for file in self.server.page(project, "staging")["files"]]

    def test_twine_stores_a_wheel_and_an_sdist_and_may_repeat(self):
        """`twine upload dist/*` works, twice."""
        dist = [support.make_wheel(self.folder, "fromtwine", "1.0"), support.make_sdist(self.folder, "fromtwine", "1.0")]
        self.server.twine(*dist)
        self.server.twine(*dist)
        self.assertEqual(self.files("fromtwine"), ["fromtwine-1.0-py3-none-any.whl", "fromtwine-1.0.tar.gz"])

    def test_uv_stores_a_wheel_and_may_repeat(self):
        """`uv publish` works, twice."""
        wheel = support.make_wheel(self.folder, "fromuv", "1.0")
        self.server.uv_publish(wheel)
        self.server.uv_publish(wheel)
        self.assertEqual(self.files("fromuv"), [wheel.name])

    def test_other_bytes_under_the_same_name_are_refused_with_the_reason(self):
        """Both clients print that the file exists."""
        self.server.twine(support.make_wheel(self.folder, "taken", "1.0"))
        other = support.make_wheel(self.folder, "taken", "1.0", b"changed = True\n")
        self.assertIn("already exists", self.server.twine(other, expected=1))
        self.assertIn("already exists", self.server.uv_publish(other, expected=2))
        page = self.server.page("taken", "staging")
        self.assertNotEqual(page["files"][0]["hashes"]["sha256"], support.sha256(other))

    def test_a_bad_wheel_is_refused_with_the_real_cause(self):
        """Both clients name the rule and the member, and nothing is listed."""
        bad = support.make_wheel(self.folder, "broken", "1.0", b"x = 1\n", broken=True)
        for text in (self.server.twine(bad, expected=1), self.server.uv_publish(bad, expected=2)):
            self.assertIn("REC-02", text)
            self.assertIn("broken/__init__.py", text)
        with self.assertRaises(urllib.error.HTTPError) as raised:
            self.server.page("broken", "staging")
        self.assertEqual(raised.exception.code, 404)

    def test_a_wrong_token_is_refused(self):
        """Both clients show the status."""
        wheel = support.make_wheel(self.folder, "stranger", "1.0")
        self.assertIn("401", self.server.twine(wheel, token="fw_wrong", expected=1))
        self.assertIn("401", self.server.uv_publish(wheel, token="fw_wrong", expected=2))

    def test_the_command_line_sends_folders_and_tells_each_verdict(self):
        """`ferrywheel upload` stores all or nothing; one by one it stores what is good and exits with 4."""
        support.make_wheel(self.folder, "good", "1.0")
        support.make_wheel(self.folder, "bad", "1.0", b"x", broken=True)
        told = self.server.cli("upload", self.folder, expected=1)
        self.assertIn("1 of 2 files are refused, so none of them was stored", told)
        self.assertIn("REC-02", told)
        with self.assertRaises(urllib.error.HTTPError):
            self.server.page("good", "staging")
        told = self.server.cli("upload", "--json", "--one-by-one", self.folder, expected=4)
        lines = json.JSONDecoder().raw_decode(told)[0]["files"]
        verdicts = {line["filename"].split("-")[0]: line["verdict"] for line in lines}
        self.assertEqual(verdicts, {"good": "stored", "bad": "refused"})
        self.assertEqual(self.files("good"), ["good-1.0-py3-none-any.whl"])
