"""What clients see of a yank and of a project's status."""
import environments
import recorder
import scene
import support

WHEEL = "demo-2.0-py3-none-any.whl"


class Yanks(scene.Scene):
    """Each test has a server with two releases of one project in `blessed`."""

    def setUp(self):
        """Publish them."""
        super().setUp()
        self.server = support.Server()
        self.addCleanup(self.server.stop)
        self.index = f"{self.server.url}/simple/"
        folder = self.folder("files")
        for version in ("1.0", "2.0"):
            support.make_wheel(folder, "demo", version)
        self.server.cli("upload", folder)
        self.server.cli("bless")

    def test_each_pip_passes_over_a_yanked_file_and_takes_it_when_pinned(self):
        """On HTML pages `data-yanked`, on JSON `yanked`; the reason is shown in both."""
        self.server.cli("yank", WHEEL, "--reason", "loses data")
        for version in scene.PIPS:
            with self.subTest(pip=version):
                self.assertEqual(self.pip_install(version, self.index, "demo")[1], {"demo": "1.0"})
                text, versions = self.pip_install(version, self.index, "demo==2.0")
                self.assertEqual(versions, {"demo": "2.0"})
                self.assertIn("yanked", text)
                self.assertIn("loses data", text)

    def test_each_uv_passes_over_a_yanked_file_and_takes_it_when_pinned(self):
        """The newest one warns with the reason."""
        self.server.cli("yank", WHEEL, "--reason", "loses data")
        for version in scene.UVS:
            with self.subTest(uv=version):
                self.assertEqual(self.uv_install(version, "-i", self.index, "demo")[1], {"demo": "1.0"})
                text, versions = self.uv_install(version, "-i", self.index, "demo==2.0")
                self.assertEqual(versions, {"demo": "2.0"})
                self.assertIn("yanked", text)
                self.assertIn("loses data", text)

    def test_a_yank_without_a_reason_is_a_yank_to_each_client(self):
        """An empty reason means opposite things to pip and uv in JSON, so it is never written."""
        self.server.cli("yank", WHEEL)
        for version in scene.PIPS:
            with self.subTest(pip=version):
                self.assertEqual(self.pip_install(version, self.index, "demo")[1], {"demo": "1.0"})
        for version in scene.UVS:
            with self.subTest(uv=version):
                self.assertEqual(self.uv_install(version, "-i", self.index, "demo")[1], {"demo": "1.0"})

    def test_clients_that_keep_pages_see_a_yank_and_its_end_at_once(self):
        """A page is asked about each time, and its ETag changes."""
        cache = self.folder("cache")
        chosen = []
        for act in (None, ["yank", WHEEL], ["unyank", WHEEL]):
            if act:
                self.server.cli(*act)
            _, by_pip = self.pip_install(scene.NEWEST_PIP, self.index, "--trusted-host", "127.0.0.1", "demo", cache=cache)
            _, by_uv = self.uv_compile(scene.NEWEST_UV, ["demo"], "-i", self.index)
            chosen.append((by_pip["demo"], by_uv["demo"]))
        self.assertEqual(chosen, [("2.0", "2.0"), ("1.0", "1.0"), ("2.0", "2.0")])

    def test_a_lock_made_before_the_yank_still_installs(self):
        """Bytes, hash and URL stay as they were."""
        pins = self.scratch / "pins.txt"
        self.uv_compile(scene.NEWEST_UV, ["demo"], "-i", self.index, "--generate-hashes", "-o", pins)
        self.server.cli("yank", WHEEL, "--reason", "loses data")
        for install in (
            lambda: self.uv_install(scene.NEWEST_UV, "-i", self.index, "--require-hashes", "-r", pins)[1],
            lambda: self.pip_install(scene.NEWEST_PIP, self.index, "--require-hashes", "-r", pins)[1],
        ):
            self.assertEqual(install(), {"demo": "2.0"})

    def test_poetry_and_pdm_lock_what_is_not_yanked(self):
        """Both read `yanked` from JSON."""
        self.server.cli("yank", WHEEL, "--reason", "loses data")
        project = '[project]\nname = "small"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["demo"]\n'
        for tool, source in (
            ("poetry", f'[[tool.poetry.source]]\nname = "ours"\nurl = "{self.index}"\npriority = "primary"\n'),
            ("pdm", f'[tool.pdm]\ndistribution = false\n[[tool.pdm.source]]\nname = "pypi"\nurl = "{self.index}"\n'),
        ):
            with self.subTest(tool=tool):
                folder = self.folder(tool)
                (folder / "pyproject.toml").write_text(project + source)
                environment = self.environment(PDM_CHECK_UPDATE="false")
                support.run([environments.find(tool) / tool, "lock"], environment, cwd=folder)
                self.assertIn('name = "demo"\nversion = "1.0"', (folder / f"{tool}.lock").read_text())

    def test_a_quarantined_project_is_an_empty_page_and_still_owns_its_name(self):
        """Its page is there and empty, so that a uv with a second index does not take somebody else's project."""
        second = scene.Shared.server()
        self.server.cli("status", "demo", "quarantined", "--reason", "looked at")
        with recorder.Recorder(second.url) as other:
            words = ["--no-cache", "--extra-index-url", self.index, "-i", f"{other.url}/simple/"]
            self.uv_compile(scene.NEWEST_UV, ["demo"], *words, expected=1)
            self.assertEqual(other.asked("/demo/"), [])
        for version in scene.PIPS:
            with self.subTest(pip=version):
                text, _ = self.pip_install(version, self.index, "demo", expected=1)
                self.assertIn("No matching distribution found for demo", text)
        self.server.cli("status", "demo", "active")
        self.assertEqual(self.pip_install(scene.NEWEST_PIP, self.index, "demo")[1], {"demo": "2.0"})

    def test_an_archived_project_still_installs_and_takes_no_upload(self):
        """The newest pip and uv say that it is archived, if they say anything."""
        self.server.cli("status", "demo", "archived", "--channel", "staging")
        self.server.cli("status", "demo", "archived")
        self.assertEqual(self.pip_install(scene.NEWEST_PIP, self.index, "demo")[1], {"demo": "2.0"})
        self.assertEqual(self.uv_install(scene.NEWEST_UV, "-i", self.index, "demo")[1], {"demo": "2.0"})
        text = self.server.twine(support.make_wheel(self.scratch, "demo", "3.0"), expected=1)
        self.assertIn("archived", text)
