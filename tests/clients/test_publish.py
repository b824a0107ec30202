"""Every tool that uploads: twine, uv, hatch, flit, poetry and pdm store a release, may repeat it, and are told of a clash."""
import environments
import manual
import recorder
import scene
import support

FLIT = """[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"

[project]
name = "fromflit"
version = "1.0"
description = "small"
"""

POETRY = '[project]\nname = "frompoetry"\nversion = "1.0"\n'
PDM = '[project]\nname = "frompdm"\nversion = "1.0"\n'


OLD_TWINE = "twine-3.8"
"""Years old: it knows nothing of attestations, and its HTTP library is of the generation before."""

FILE_TOOLS = ("twine", OLD_TWINE, "uv", "uv-plain", "hatch")
"""Tools that are given the files; the others find them in `dist`, or build them."""


def project_of(tool):
    """Name of the project that a tool publishes here."""
    return "from" + tool.replace("-", "").replace(".", "")


class Publishing(scene.Scene):
    """Each test on a server of its own, over plain http."""

    settings = {}
    tokens = {}
    certificate = None

    def setUp(self):
        """Start the server and put a recorder between."""
        super().setUp()
        self.server = support.Server(tokens=self.tokens, **self.settings)
        self.addCleanup(self.server.stop)
        self.between = self.enterContext(recorder.Recorder(self.server.url, certificate=self.certificate))
        self.dist = self.folder("project/dist")

    def environment(self, **more):
        """With trust in the throw-away authority where there is one, in each tool's own way."""
        if self.certificate:
            authority = str(recorder.throw_away_certificate()[0])
            names = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "TWINE_CERT", "HATCH_INDEX_CA_CERT", "PDM_PUBLISH_CA_CERTS"]
            more = {**dict.fromkeys([*names, "POETRY_CERTIFICATES_OURS_CERT"], authority), **more}
        return super().environment(**more)

    def publish(self, tool, *files, token=None, expected=0, upload_url=None, base=None):
        """Publish files, or what lies in `dist`, with a tool, below `base`; returns what it said."""
        token, project, base = token or self.server.token, self.dist.parent, base or self.between.url
        (self.home / ".pypirc").write_text(manual.lines("pypirc", base, token))
        newest_uv = f"uv-{scene.NEWEST_UV}"
        programs = support.BIN if tool == "twine" else environments.find({"uv": newest_uv, "uv-plain": newest_uv}.get(tool, tool))
        twine = ["twine", "upload", "-r", "ours", "--non-interactive", "--disable-progress-bar"]
        command = {
            "twine": twine,
            OLD_TWINE: twine,
            "uv": [*manual.lines("uv-publish", base).split(), "--trusted-publishing", "never"],
            "uv-plain": ["uv", "publish", "--publish-url", f"{base}/legacy/", "--trusted-publishing", "never"],
            "hatch": ["hatch", "publish", "--no-prompt"],
            "flit": ["flit", "publish", "--repository", "ours"],
            "poetry": ["poetry", "publish", "--no-interaction", "-r", "ours"],
            "pdm": ["pdm", "publish", "--no-build"],
        }[tool]
        variables = {"UV_NO_CACHE": "1", "HATCH_DATA_DIR": str(self.home / "hatch"), "PDM_CHECK_UPDATE": "false"}
        if tool in ("uv", "uv-plain"):
            variables["UV_PUBLISH_TOKEN"] = token
        if tool in ("hatch", "poetry", "pdm"):
            variables |= manual.variables(f"{tool}-variables", base, token)
        if upload_url:
            variables["HATCH_INDEX_REPO"] = upload_url
        text = support.run([programs / command[0], *command[1:], *files], self.environment(**variables), expected, project)
        self.assertNotIn(token, text)
        return text

    def make(self, tool, body=b""):
        """A release for a tool, alone in `dist`; flit builds its own."""
        project, name = self.dist.parent, project_of(tool)
        for old in self.dist.iterdir():
            old.unlink()
        if tool == "flit":
            (project / "pyproject.toml").write_text(FLIT)
            (project / "fromflit.py").write_bytes(b'"""small"""\n' + body)
            return []
        text = {"poetry": POETRY, "pdm": PDM}.get(tool, f'[project]\nname = "{name}"\nversion = "1.0"\n')
        (project / "pyproject.toml").write_text(text)
        return [support.make_wheel(self.dist, name, "1.0", body), support.make_sdist(self.dist, name, "1.0")]

    def listed(self, project):
        """Digest by file name, as staging shows it."""
        return {file["filename"]: file["hashes"]["sha256"] for file in self.server.page(project, "staging")["files"]}

    def posts(self):
        """How many uploads were sent since the last look, and their statuses."""
        return [one.status for one in self.between.forget() if one.method == "POST"]

    def test_each_tool_stores_a_wheel_and_an_sdist(self):
        """Field order, forms and digests are each tool's own."""
        for tool in (*FILE_TOOLS, "flit", "poetry", "pdm"):
            with self.subTest(tool=tool):
                self.between.forget()
                files = self.make(tool)
                self.publish(tool, *(files if tool in FILE_TOOLS else []))
                self.assertEqual(len(self.listed(project_of(tool))), 2)
                self.assertEqual(self.posts(), [200, 200])
                for file in self.dist.iterdir():
                    self.assertEqual(self.listed(project_of(tool))[file.name], support.sha256(file))


class PublishingOverHttps(Publishing):
    """The same with TLS in front and with reading closed."""

    settings = {"read": "token"}

    def setUp(self):
        """Make the certificate first."""
        self.certificate = recorder.throw_away_certificate()[1]
        super().setUp()


class PublishingAgain(Publishing):
    """What happens to a file that is there already."""

    test_each_tool_stores_a_wheel_and_an_sdist = None

    def test_tools_that_do_not_look_may_send_the_same_file_again(self):
        """The same bytes are stored once and answered with 200: `dist/*` can be sent after a half-done upload."""
        for tool in ("twine", OLD_TWINE, "uv-plain", "flit", "poetry", "pdm"):
            with self.subTest(tool=tool):
                files = self.make(tool)
                for _ in range(2):
                    self.publish(tool, *(files if tool in FILE_TOOLS else []))
                    self.assertEqual(self.posts(), [200, 200])

    def test_uv_looks_first_and_sends_nothing_that_is_there(self):
        """`--check-url` with the simple page of the upload channel."""
        files = self.make("uv")
        self.publish("uv", *files)
        self.assertEqual(self.posts(), [200, 200])
        text = self.publish("uv", *files)
        self.assertEqual(self.posts(), [])
        self.assertEqual(text.count("already exists, skipping"), 2)

    def test_uv_finds_other_bytes_before_it_sends_them(self):
        """The hash of the page is compared with that of the file."""
        self.publish("uv", *self.make("uv")[:1])
        self.between.forget()
        text = self.publish("uv", *self.make("uv", b"changed = True\n")[:1], expected=2)
        self.assertEqual(self.posts(), [])
        self.assertIn("do not match", text)

    def test_hatch_looks_first_and_sends_nothing_that_is_there(self):
        """hatch reads `/legacy/+simple/{project}/` with a regular expression for anchors, so it must be HTML (IDX-10)."""
        for url, project in ((None, "hatchone"), (f"{self.between.url}/staging/legacy/", "hatchtwo")):
            with self.subTest(url=url):
                (self.dist.parent / "pyproject.toml").write_text(f'[project]\nname = "{project}"\nversion = "1.0"\n')
                wheel = support.make_wheel(self.dist, project, "1.0")
                self.publish("hatch", wheel, upload_url=url)
                self.assertEqual(self.posts(), [200])
                text = self.publish("hatch", wheel, upload_url=url)
                page = next(one for one in self.between.exchanges if one.path.endswith(f"/legacy/+simple/{project}/") or "%2B" in one.path)
                self.assertEqual(self.posts(), [])
                self.assertIn("already exists", text)
                self.assertEqual((page.status, page.answered["content-type"]), (200, "text/html; charset=utf-8"))

    def test_a_wrong_token_is_told_by_each_tool_and_stores_nothing(self):
        """401 for an upload, with the status that each tool prints."""
        for tool in (*FILE_TOOLS, "flit", "poetry", "pdm"):
            with self.subTest(tool=tool):
                files = self.make(tool)
                self.between.forget()
                words = files[:1] if tool in FILE_TOOLS else []
                text = self.publish(tool, *words, token="fw_wrong", expected=2 if tool.startswith("uv") else 1)
                self.assertIn("401", text)
                self.assertEqual(set(self.posts()), {401})
