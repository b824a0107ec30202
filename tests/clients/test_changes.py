"""The Atom feed of a channel, read by an XML parser as a feed reader reads it (RFC 4287)."""
import datetime
import json
import tempfile
import unittest
import xml.etree.ElementTree

import support

ATOM = "{http://www.w3.org/2005/Atom}"


class Changes(unittest.TestCase):
    """A channel with two snapshots, a yank with a reason that is no XML among them."""

    @classmethod
    def setUpClass(cls):
        """Bless a wheel and yank it."""
        cls.server = support.Server()
        cls.addClassCleanup(cls.server.stop)
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.wheel = support.make_wheel(scratch.name, "told", "1.0")
        cls.server.twine(cls.wheel)
        cls.server.cli("bless")
        cls.server.cli("yank", cls.wheel.name, "--channel", "blessed", "--reason", "<b>bad</b> & \"worse\" ]]>")

    def test_the_feed_is_valid_atom(self):
        """Elements that must be there are, once; ids differ; times are RFC 3339; the newest entry stands first."""
        feed = xml.etree.ElementTree.fromstring(self.server.get("/blessed/changes.atom"))
        self.assertEqual(feed.tag, ATOM + "feed")
        self.assertEqual(len(feed.findall(f"{ATOM}author/{ATOM}name")), 1)
        entries = feed.findall(ATOM + "entry")
        self.assertEqual([entry.findtext(ATOM + "title") for entry in entries], ["blessed@2: 1 yanked", "blessed@1: 1 added"])
        for element in [feed, *entries]:
            for name in ("id", "title", "updated"):
                self.assertEqual(len(element.findall(ATOM + name)), 1, name)
            datetime.datetime.fromisoformat(element.findtext(ATOM + "updated"))
            self.assertEqual(len(element.findall(f"{ATOM}link[@rel='alternate']")), 1)
        ids = [element.findtext(ATOM + "id") for element in [feed, *entries]]
        self.assertEqual(len(set(ids)), 3)
        self.assertTrue(all(one.startswith("urn:uuid:") for one in ids), ids)
        self.assertIn("yanked told-1.0-py3-none-any.whl: <b>bad</b> & \"worse\" ]]>", entries[0].findtext(ATOM + "content"))

    def test_the_changes_tell_the_same(self):
        """The same two changes as JSON."""
        changes = json.loads(self.server.get("/api/v1/channels/blessed/changes"))["changes"]
        self.assertEqual([change["action"] for change in changes], ["added", "yanked"])
        self.assertEqual(changes[0]["sha256"], support.sha256(self.wheel))
