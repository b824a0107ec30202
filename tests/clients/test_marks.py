"""Names that are reserved, and marks that were set after the upload: what real clients make of them."""
import tempfile

import scene
import support


class ReservedNames(scene.Scene):
    """Our server reserves `acme-*` and shows none of it; another one, asked second, offers `acme-billing` and `theirs`."""

    @classmethod
    def setUpClass(cls):
        """Start both; the other one has what a stranger may have published."""
        cls.ours = support.Server(reserved_names="acme-*")
        cls.addClassCleanup(cls.ours.stop)
        cls.other = support.Server()
        cls.addClassCleanup(cls.other.stop)
        with tempfile.TemporaryDirectory() as folder:
            support.make_wheel(folder, "acme_billing", "99.0")
            support.make_wheel(folder, "theirs", "1.0")
            cls.other.cli("upload", folder)
        cls.other.cli("bless")

    def compile(self, version, requirement, expected=0):
        """Resolve with ours before the other."""
        words = ["--no-cache", "--extra-index-url", f"{self.ours.url}/simple/", "-i", f"{self.other.url}/simple/"]
        return self.uv_compile(version, [requirement], *words, expected=expected)

    def test_a_reserved_name_is_not_taken_from_the_next_index(self):
        """Its page is there and empty, so uv looks no further, and says that there is no version."""
        for version in ("0.4.30", scene.NEWEST_UV):
            with self.subTest(uv=version):
                text, _ = self.compile(version, "acme-billing", expected=1)
                self.assertIn("acme-billing", text)
                self.assertNotIn("99.0", text)

    def test_an_unknown_name_is(self):
        """Its page is missing, so uv goes on."""
        for version in ("0.4.30", scene.NEWEST_UV):
            with self.subTest(uv=version):
                self.assertEqual(self.compile(version, "theirs")[1], {"theirs": "1.0"})


class Marks(scene.Scene):
    """A server of its own, because the marks would be in the way of other tests."""

    def setUp(self):
        """Publish two versions of a project."""
        super().setUp()
        self.server = support.Server()
        self.addCleanup(self.server.stop)
        with tempfile.TemporaryDirectory() as folder:
            support.make_wheel(folder, "demo", "1.0")
            support.make_wheel(folder, "demo", "2.0")
            self.server.cli("upload", folder)
        self.server.cli("bless")
        self.index = f"{self.server.url}/simple/"

    def test_a_quarantined_project_cannot_be_installed(self):
        """Neither from its page nor by the address of a file that somebody remembers."""
        lock = self.scratch / "requirements.txt"
        url = self.server.page("demo")["files"][0]["url"].replace("../../", f"{self.server.url}/")
        lock.write_text(f"demo @ {url}\n")
        self.server.cli("status", "demo", "quarantined", "--channel", "staging")
        self.server.cli("status", "demo", "quarantined", "--reason", "under review")
        for version in (scene.PIPS[0], scene.NEWEST_PIP):
            with self.subTest(pip=version):
                self.pip_install(version, self.index, "demo", expected=1)
                text, _ = self.pip_install(version, self.index, "-r", lock, expected=1)
                self.assertIn("403", text)
        self.uv_compile(scene.NEWEST_UV, ["demo"], "--no-cache", "-i", self.index, expected=1)
        self.server.cli("status", "demo", "active")
        self.assertEqual(self.pip_install(scene.NEWEST_PIP, self.index, "demo")[1], {"demo": "2.0"})

    def test_twine_and_uv_print_why_a_closed_project_takes_nothing(self):
        """The reason phrase for twine, the body for uv (standards UPL-06 and UPL-07)."""
        self.server.cli("status", "demo", "archived", "--channel", "staging")
        with tempfile.TemporaryDirectory() as folder:
            wheel = support.make_wheel(folder, "demo", "3.0")
            for text in (self.server.twine(wheel, expected=1), self.server.uv_publish(wheel, expected=2)):
                self.assertIn("`demo` is archived in channel `staging`", " ".join(text.split()))
