"""uv with two indexes, and with a server that wants a token: where the token may stand and what happens without one."""
import tempfile

import manual
import recorder
import scene
import support


class TwoIndexes(scene.Scene):
    """Our server first and another server second; both have `leaf`, and the second has the later one."""

    @classmethod
    def setUpClass(cls):
        """Start the second server and give it what only it has."""
        cls.other = support.Server()
        cls.addClassCleanup(cls.other.stop)
        with tempfile.TemporaryDirectory() as folder:
            support.make_wheel(folder, "leaf", "9.0")
            support.make_wheel(folder, "theirs", "1.0")
            cls.other.cli("upload", folder)
        cls.other.cli("bless")

    def setUp(self):
        """Put a recorder before each, so that the order of asking can be seen."""
        super().setUp()
        self.ours = self.enterContext(recorder.Recorder(scene.Shared.server().url))
        self.theirs = self.enterContext(recorder.Recorder(self.other.url))

    def compile(self, version, *requirements, options=(), expected=0):
        """Resolve with ours before theirs; in the uvs of before 0.2.0 an extra index also comes first."""
        words = ["--no-cache", "--extra-index-url", f"{self.ours.url}/simple/", "-i", f"{self.theirs.url}/simple/"]
        return self.uv_compile(version, requirements, *words, *options, expected=expected)

    def test_the_first_index_that_knows_a_name_decides(self):
        """A 200 ends the search, so the later `leaf` of the second server is not even looked at."""
        for version in scene.UVS:
            with self.subTest(uv=version):
                self.theirs.forget()
                self.assertEqual(self.compile(version, "leaf")[1], {"leaf": "1.5"})
                self.assertEqual(self.theirs.asked("/leaf/"), [])

    def test_a_name_that_is_not_here_is_found_in_the_next_index(self):
        """A 404, not an empty page, makes each client go on."""
        for version in scene.UVS:
            with self.subTest(uv=version):
                self.assertEqual(self.compile(version, "app", "theirs")[1], {"app": "2.0", "leaf": "1.5", "theirs": "1.0"})
                self.assertEqual({one.status for one in self.ours.exchanges if one.path == "/simple/theirs/"}, {404})

    def test_the_best_of_all_indexes_when_asked(self):
        """`unsafe-best-match` reads the page of both."""
        for version in ("0.4.30", scene.NEWEST_UV):
            with self.subTest(uv=version):
                options = ["--index-strategy", "unsafe-best-match"]
                self.assertEqual(self.compile(version, "leaf", options=options)[1], {"leaf": "9.0"})

    def test_pip_takes_the_best_of_all_indexes(self):
        """pip has no first index."""
        for version in scene.PIPS:
            with self.subTest(pip=version):
                extra = ["--extra-index-url", f"{self.theirs.url}/simple/"]
                _, versions = self.pip_install(version, f"{self.ours.url}/simple/", *extra, "leaf", "theirs")
                self.assertEqual(versions, {"leaf": "9.0", "theirs": "1.0"})

    def test_a_name_can_be_bound_to_one_index(self):
        """`tool.uv.sources` with an explicit index never asks the other one for it."""
        folder = self.folder("bound")
        (folder / "pyproject.toml").write_text(
            '[project]\nname = "small"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["app", "theirs"]\n'
            f'[[tool.uv.index]]\nname = "ours"\nurl = "{self.ours.url}/simple/"\ndefault = true\n'
            f'[[tool.uv.index]]\nname = "theirs"\nurl = "{self.theirs.url}/simple/"\nexplicit = true\n'
            '[tool.uv.sources]\ntheirs = { index = "theirs" }\n'
        )
        self.uv(scene.NEWEST_UV, "lock", "--no-cache", cwd=folder)
        self.assertEqual(self.theirs.asked("/"), ["/simple/theirs/"])
        self.assertEqual(self.ours.asked("/theirs/"), [])


class Credentials(scene.Scene):
    """A server that lets nobody read without a token."""

    def setUp(self):
        """Put a recorder between."""
        super().setUp()
        self.server = scene.Shared.server(read="token")
        self.between = self.enterContext(recorder.Recorder(self.server.url))
        self.index = f"{self.between.url}/simple/"

    def write_netrc(self, password):
        """A `.netrc` for loopback in the test's home."""
        netrc = self.home / ".netrc"
        netrc.write_text(manual.lines("netrc", self.between.url, password))
        netrc.chmod(0o600)

    def test_credentials_in_the_url_open_pages_metadata_and_files(self):
        """Files are on the same host, so each client sends them there too, and none of them prints the token."""
        index = scene.with_credentials(self.index, self.server.token)
        expected = {"app": "2.0", "leaf": "1.5"}
        for version in scene.UVS:
            with self.subTest(uv=version):
                text, versions = self.uv_install(version, "-i", index, "app")
                self.assertEqual(versions, expected)
                self.assertNotIn(self.server.token, text)
        for version in scene.PIPS:
            with self.subTest(pip=version):
                text, versions = self.pip_install(version, index, "app")
                self.assertEqual(versions, expected)
                self.assertNotIn(self.server.token, text)

    def test_credentials_in_netrc(self):
        """uv and pip look for the host in `~/.netrc`."""
        self.write_netrc(self.server.token)
        for version in scene.UVS:
            with self.subTest(uv=version):
                self.assertEqual(self.uv_install(version, "-i", self.index, "app")[1], {"app": "2.0", "leaf": "1.5"})
        for version in scene.PIPS:
            with self.subTest(pip=version):
                self.assertEqual(self.pip_install(version, self.index, "app")[1], {"app": "2.0", "leaf": "1.5"})

    def test_credentials_in_variables_of_a_named_index(self):
        """`UV_INDEX_<NAME>_USERNAME` and `_PASSWORD`: the project file then holds no secret, and neither does the lock."""
        folder = self.folder("project")
        (folder / "pyproject.toml").write_text(
            '[project]\nname = "small"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["app"]\n'
            + manual.lines("uv-project", self.between.url)
        )
        secret = manual.variables("uv-variables", self.between.url, self.server.token)
        for version in ("0.4.30", scene.NEWEST_UV):
            with self.subTest(uv=version):
                self.uv(version, "sync", "--no-cache", cwd=folder, **secret)
                self.assertNotIn(self.server.token, (folder / "uv.lock").read_text())

    def test_without_credentials_and_without_keyring_uv_says_what_is_missing(self):
        """A 401 on the page ends the search at this index, and the newest uv says why."""
        for version in scene.UVS:
            with self.subTest(uv=version):
                self.between.forget()
                text, _ = self.uv_install(version, "-i", self.index, "app", expected=None)
                self.assertEqual({one.status for one in self.between.exchanges}, {401})
                self.assertRegex(self.between.exchanges[0].answered["www-authenticate"], '^Basic realm="')
                self.assertRegex(text, "401|authentication|unauthorized|not found|Unauthorized")
        self.assertIn("401 Unauthorized", text)

    def test_uv_does_not_go_on_to_another_index_after_a_401(self):
        """A wrong token must not make somebody else's project of the same name win."""
        other = scene.Shared.server()
        words = ["--no-cache", "--extra-index-url", self.index, "-i", f"{other.url}/simple/"]
        text, versions = self.uv_compile(scene.NEWEST_UV, ["leaf"], *words, expected=1)
        self.assertEqual(versions, {})
        self.assertIn("401", text)
