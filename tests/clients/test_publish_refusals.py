"""What a person reads whose upload is refused: the server's own sentence, as far as each tool shows it."""
import itertools
import pathlib
import random
import re

import support
import test_publish
from test_publish import FILE_TOOLS, project_of

TOOLS = (*FILE_TOOLS, "flit", "poetry", "pdm")

ORDERS = 5
"""How many orders of a form's fields are tried, with the file first, last and between."""


class Refusals(test_publish.Publishing):
    """Each tool against one server; what is refused is not listed."""

    tokens = {
        "reader": ["--allow", "read"],
        "stager": ["--allow", "upload", "--channels", "staging"],
        "acme": ["--allow", "upload", "--projects", "acme-*"],
    }
    test_each_tool_stores_a_wheel_and_an_sdist = None

    def refused(self, tool, body=b"", **more):
        """Have a tool publish its files and fail; returns what it said."""
        files = self.make(tool, body)
        words = files[:1] if tool in FILE_TOOLS else []
        return self.publish(tool, *words, expected=2 if tool.startswith("uv") else 1, **more)

    def assert_told(self, tool, text, status, sentence):
        """A tool shows the sentence of the status line, or of the body; pdm shows the status, and names the log with the rest."""
        if tool == "pdm":
            self.assertIn(f"[PublishError]: Client error '{status}", text)
            log = re.search(r"See (\S+) for detailed debug log", text)[1]
            self.assertIn(sentence, pathlib.Path(log).read_text())
        else:
            self.assertIn(status.split()[0], text)
            self.assertIn(sentence, text)

    def test_other_bytes_are_refused_and_the_person_reads_that_the_file_exists(self):
        """409. hatch finds the name on the page and sends nothing; uv with `--check-url` finds out by itself."""
        for tool in TOOLS:
            if tool == "hatch":
                continue
            with self.subTest(tool=tool):
                files = self.make(tool)
                self.publish(tool, *(files[:1] if tool in FILE_TOOLS else []))
                before = self.listed(project_of(tool))
                text = self.refused(tool, body=b"changed = True\n")
                if tool == "uv":
                    self.assertIn("error: Local file and index file do not match for `fromuv-1.0-py3-none-any.whl`", text)
                else:
                    name = next(name for name in before if name in text or tool == "pdm")
                    self.assert_told(tool, text, "409 Conflict", f"File already exists: `{name}` is published with other bytes")
                self.assertEqual(self.listed(project_of(tool)), before)

    def test_hatch_leaves_out_a_name_that_is_there_whatever_its_bytes(self):
        """Its way, not ours: it says so, and the published bytes stay."""
        self.publish("hatch", *self.make("hatch")[:1])
        before = self.listed("fromhatch")
        self.posts()
        text = self.publish("hatch", *self.make("hatch", b"changed = True\n")[:1])
        self.assertIn("already exists", text)
        self.assertEqual((self.posts(), self.listed("fromhatch")), ([], before))

    def test_a_channel_that_is_not_there_is_named(self):
        """404 for `/nowhere/legacy/`."""
        for tool in TOOLS:
            with self.subTest(tool=tool):
                text = self.refused(tool, base=f"{self.between.url}/nowhere")
                self.assert_told(tool, text, "404 Not Found", "there is no channel `nowhere`")
                self.assertEqual(set(self.posts()), {404})

    def test_a_token_that_does_not_reach_so_far_is_named(self):
        """403: one that only reads, one for another channel, one for other projects."""
        for token, path in (("reader", ""), ("stager", "/blessed"), ("acme", "")):
            for tool in TOOLS:
                with self.subTest(tool=tool, token=token):
                    text = self.refused(tool, base=self.between.url + path, token=self.server.tokens[token])
                    self.assert_told(tool, text, "403 Forbidden", f"the token `{token}` does not allow `upload` here")
                    self.assertEqual(set(self.posts()), {403})
        self.assertNotIn(b"from", self.server.get("/staging/simple/") + self.server.get("/blessed/simple/"))

    def test_a_project_that_is_archived_takes_no_file_and_the_person_reads_why(self):
        """403: a channel is closed for one project until somebody opens it again."""
        for tool in TOOLS:
            with self.subTest(tool=tool):
                project, name = project_of(tool), tool.replace("-", "").replace(".", "")
                self.server.twine(support.make_wheel(self.folder(f"first-{name}"), project, "0.1"))
                self.server.cli("status", project, "archived", "--channel", "staging")
                text = self.refused(tool)
                self.assert_told(tool, text, "403 Forbidden", f"`{project}` is archived in channel `staging` and takes no new files")
                self.assertEqual(list(self.listed(project)), [f"{project}-0.1-py3-none-any.whl"])


class Curl(test_publish.Publishing):
    """A form made by hand: its fields come in any order, and the file may stand first."""

    test_each_tool_stores_a_wheel_and_an_sdist = None

    def post(self, wheel, order, expected=0):
        """Send a wheel with the form's fields in an order; returns what curl printed."""
        fields = {
            ":action": "file_upload",
            "protocol_version": "1",
            "metadata_version": "2.1",
            "name": "fromcurl",
            "version": "1.0",
            "filetype": "bdist_wheel",
            "pyversion": "py3",
            "sha256_digest": support.sha256(wheel),
            "content": f"@{wheel};type=application/octet-stream",
            "not_known_to_anybody": "yes",
        }
        words = itertools.chain.from_iterable(("-F", f"{name}={fields[name]}") for name in order(sorted(fields)))
        command = ["curl", "--silent", "--show-error", "--fail-with-body", "-u", f"__token__:{self.server.token}"]
        return support.run([*command, *words, f"{self.between.url}/legacy/"], self.environment(), expected)

    def test_fields_come_in_any_order(self):
        """Stored once, unchanged ever after; other bytes are refused with the sentence in the body."""
        wheel = support.make_wheel(self.dist, "fromcurl", "1.0")
        chance = random.Random(7)
        orders = [lambda names: sorted(names, key=lambda name: name != "content")]
        orders += [lambda names: chance.sample(names, len(names))] * ORDERS
        for order in orders:
            self.post(wheel, order)
            self.assertEqual(self.listed("fromcurl"), {wheel.name: support.sha256(wheel)})
        self.assertEqual(self.posts(), [200] * len(orders))
        before = self.listed("fromcurl")
        other = support.make_wheel(self.folder("other"), "fromcurl", "1.0", b"changed = True\n")
        for order in orders:
            text = self.post(other, order, expected=22)
            self.assertIn(f"File already exists: `{wheel.name}` is published with other bytes", text)
        self.assertEqual((set(self.posts()), self.listed("fromcurl")), ({409}, before))
