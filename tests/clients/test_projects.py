"""Project managers: poetry, pdm and hatch lock and install a small project from our index, as the manual shows it."""
import tomllib

import environments
import manual
import recorder
import scene
import support

EXPECTED = {"app": "2.0", "leaf": "1.5", "local-build": "1.0+cu118", "odd-name-dots": "1.0"}

PROJECT = """[project]
name = "small"
version = "1"
requires-python = ">=3.9"
dependencies = ["app[more]", "odd-name.dots"]
"""

POETRY = """
[tool.poetry]
package-mode = false

"""

PDM = """
[tool.pdm]
distribution = false

"""

HATCH = """
[tool.hatch.envs.default]
skip-install = true
dependencies = ["app[more]", "odd-name.dots"]
installer = "%s"
"""


class Projects(scene.Scene):
    """A recorder stands between each tool and the server, so that what a lock costs can be seen."""

    def setUp(self):
        """Start the recorder."""
        super().setUp()
        self.server = scene.Shared.server()
        self.between = self.enterContext(recorder.Recorder(self.server.url))

    def project(self, text):
        """A folder with such a `pyproject.toml`."""
        folder = self.folder("project")
        (folder / "pyproject.toml").write_text(PROJECT + text)
        return folder

    def tool(self, name, *arguments, cwd, **variables):
        """Run a tool that keeps its environment inside the project."""
        programs = environments.find(name)
        more = {
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            # Its threads fill one table of sources; the one that comes second finds it empty and sends no credentials.
            "POETRY_INSTALLER_PARALLEL": "false",
            "PDM_CHECK_UPDATE": "false",
            "HATCH_DATA_DIR": str(cwd / ".hatch"),
        }
        return support.run([programs / name, *arguments], self.environment(**more, **variables), cwd=cwd)

    def digests(self):
        """SHA-256 by file name, as the pages tell them."""
        pages = [self.server.page(project) for project in EXPECTED]
        return {file["filename"]: file["hashes"]["sha256"] for page in pages for file in page["files"]}

    def assert_locked(self, lock):
        """Each file of a lock has the digest of our page."""
        known, found = self.digests(), 0
        for package in tomllib.loads(lock.read_text())["package"]:
            for file in package["files"]:
                self.assertEqual(file["hash"], f"sha256:{known[file['file']]}")
                found += 1
        self.assertGreaterEqual(found, len(EXPECTED))

    def assert_installed(self, folder):
        """What lies in the environment that a tool made somewhere below a folder."""
        site = next(folder.glob("**/lib/python3.*/site-packages"))
        found = scene.installed(site)
        self.assertEqual({name: found.get(name) for name in EXPECTED}, EXPECTED)

    def assert_lock_cost_no_wheel(self):
        """Only pages and `.metadata` were asked for, and every answer was good."""
        self.assertEqual(self.between.asked(".whl", ".tar.gz"), [])
        self.assertTrue(self.between.asked(".metadata"))
        self.assertLessEqual({one.status for one in self.between.exchanges}, {200, 304})

    def test_poetry_locks_and_installs(self):
        """The source is primary: poetry asks no other index."""
        folder = self.project(POETRY + manual.lines("poetry-project", self.between.url))
        self.tool("poetry", "lock", cwd=folder)
        self.assert_lock_cost_no_wheel()
        self.assert_locked(folder / "poetry.lock")
        self.tool("poetry", "install", cwd=folder)
        self.assert_installed(folder)

    def test_pdm_locks_and_installs(self):
        """A source with the name `pypi` takes the place of the public index."""
        folder = self.project(PDM + manual.lines("pdm-project", self.between.url))
        self.tool("pdm", "lock", cwd=folder)
        self.assert_lock_cost_no_wheel()
        self.assert_locked(folder / "pdm.lock")
        self.tool("pdm", "install", cwd=folder)
        self.assert_installed(folder)

    def test_hatch_makes_an_environment_with_uv_and_with_pip(self):
        """hatch leaves installing to uv or pip, which read their own variables."""
        for installer, variable in (("uv", "UV_DEFAULT_INDEX"), ("pip", "PIP_INDEX_URL")):
            with self.subTest(installer=installer):
                folder = self.folder(f"with-{installer}")
                (folder / "pyproject.toml").write_text(PROJECT + HATCH % installer)
                self.tool("hatch", "env", "create", cwd=folder, **{variable: f"{self.between.url}/simple/"})
                self.assert_installed(folder / ".hatch")


class ProjectsWithToken(Projects):
    """The same where nobody reads without a token; it stands in the tool's own place for secrets, not in the project."""

    def setUp(self):
        """Take the other server."""
        super().setUp()
        self.server = scene.Shared.server(read="token")
        self.between.upstream = self.server.url

    def tool(self, name, *arguments, cwd, **variables):
        """Give the credentials as the manual says."""
        index = scene.with_credentials(f"{self.between.url}/simple/", self.server.token)
        secret = {variable: index for variable in variables}
        if name != "hatch":
            secret = manual.variables(f"{name}-variables", self.between.url, self.server.token)
        text = super().tool(name, *arguments, cwd=cwd, **{**variables, **secret})
        self.assertNotIn(self.server.token, text)
        return text

    def assert_lock_cost_no_wheel(self):
        """Some tools ask without the token first; what they get in the end is good."""
        self.assertEqual(self.between.asked(".whl", ".tar.gz"), [])
        self.assertLessEqual({one.status for one in self.between.exchanges}, {200, 304, 401})
