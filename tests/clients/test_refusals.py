"""What people see when the server says no or not now, and what its log says about them."""
import time

import environments
import recorder
import scene
import support


class Refusals(scene.Scene):
    """401, 403 and 404 on pages and files, as pip and uv tell them."""

    def setUp(self):
        """Put a recorder before the server that wants a token."""
        super().setUp()
        self.server = scene.Shared.server(read="token")
        self.between = self.enterContext(recorder.Recorder(self.server.url))
        self.index = f"{self.between.url}/simple/"

    def test_pip_tells_a_missing_token_only_when_it_is_very_verbose(self):
        """Without `-vv` a 401 reads as "not found"; the manual says so, and this line is what to look for."""
        for version in scene.PIPS:
            with self.subTest(pip=version):
                text, _ = self.pip_install(version, self.index, "-vv", "leaf", expected=1)
                self.assertIn("No matching distribution found for leaf", text)
                self.assertIn("401", text)
                self.assertIn("Unauthorized", text)

    def test_a_wrong_token_leaves_one_line_in_the_log_for_each_request(self):
        """Path, status, code and where it came from; never the token (FIL-12)."""
        wrong = "fw_" + "0" * 64
        index = scene.with_credentials(self.index, wrong)
        for client, install in (
            ("pip", lambda: self.pip_install(scene.NEWEST_PIP, index, "withdrawn", expected=1)),
            ("uv", lambda: self.uv_install(scene.NEWEST_UV, "-i", index, "withdrawn", expected=1)),
        ):
            with self.subTest(client=client):
                self.between.forget()
                before = len(scene.log_lines(self.server, "/simple/withdrawn/", " 401"))
                text, _ = install()
                lines = scene.log_lines(self.server, "/simple/withdrawn/", "401")[before:]
                self.assertEqual(len(lines), len(self.between.asked("/simple/withdrawn/")))
                self.assertTrue(lines)
                for line in lines:
                    self.assertIn('code="access/', line)
                    self.assertIn("peer=127.0.0.1:", line)
                    self.assertNotIn(wrong, line)
                self.assertNotIn(wrong, text)

    def test_uv_names_the_status_and_the_remedy(self):
        """The newest uv has a hint for 401."""
        text, _ = self.uv_install(scene.NEWEST_UV, "-i", self.index, "leaf", expected=1)
        self.assertIn("hint:", text)
        self.assertIn("401 Unauthorized", text)
        index = scene.with_credentials(self.index, "fw_wrong")
        text, _ = self.uv_install(scene.NEWEST_UV, "-i", index, "leaf", expected=1)
        self.assertIn("401 Unauthorized", text)

    def test_a_403_is_told_with_its_status(self):
        """A token that is valid but not for this channel; the answer is given here, as the server gives it."""
        for version in scene.PIPS:
            with self.subTest(pip=version):
                self.between.refuse_next(403, {}, "/leaf/")
                index = scene.with_credentials(self.index, self.server.token)
                text, _ = self.pip_install(version, index, "-vv", "leaf", expected=1)
                self.assertIn("403", text)
        self.between.refuse_next(403, {}, "/leaf/", count=2)
        index = scene.with_credentials(self.index, self.server.token)
        text, _ = self.uv_install(scene.NEWEST_UV, "-i", index, "leaf", expected=1)
        self.assertIn("403 Forbidden", text)

    def test_metadata_that_is_announced_and_missing_stops_every_client(self):
        """Why a page never announces what is not there (FIL-08)."""
        index = scene.with_credentials(self.index, self.server.token)
        for client, install in (
            ("pip", lambda: self.pip_install(scene.NEWEST_PIP, index, "leaf", expected=1)),
            ("uv", lambda: self.uv_install(scene.NEWEST_UV, "-i", index, "leaf", expected=None)),
        ):
            with self.subTest(client=client):
                self.between.refuse_next(404, {}, ".whl.metadata", count=1)
                text, versions = install()
                self.assertEqual(versions, {})
                self.assertIn("404", text)


class Busy(scene.Scene):
    """One 429 or 503 that says when to come again: the client waits as long, and succeeds."""

    def setUp(self):
        """Put a recorder before the open server."""
        super().setUp()
        self.between = self.enterContext(recorder.Recorder(scene.Shared.server().url))
        self.index = f"{self.between.url}/simple/"

    def assert_waited(self, what, act, paths=("/leaf/", ".whl")):
        """Refuse one page and one file with each status; the client must come again and not before the second is over."""
        for status in (429, 503):
            for ending in paths:
                with self.subTest(client=what, status=status, path=ending):
                    self.between.forget()
                    self.between.refuse_next(status, {"Retry-After": "1"}, ending)
                    started = time.monotonic()
                    self.assertEqual(act(), {"leaf": "1.5"})
                    self.assertGreaterEqual(time.monotonic() - started, 1)
                    asked = [one.status for one in self.between.exchanges if one.path.endswith(ending)]
                    self.assertEqual(asked[:2], [status, 200])

    def test_pip_waits(self):
        """The oldest and the newest."""
        for version in (scene.PIPS[0], scene.NEWEST_PIP):
            self.assert_waited(f"pip {version}", lambda: self.pip_install(version, self.index, "leaf")[1])

    def test_uv_waits(self):
        """The newest; older ones give up at 429."""
        self.assert_waited("uv", lambda: self.uv_install(scene.NEWEST_UV, "-i", self.index, "leaf")[1])

    def test_poetry_waits(self):
        """For a page, when it locks."""

        def lock():
            folder = self.scratch / f"project-{time.monotonic_ns()}"
            folder.mkdir()
            (folder / "pyproject.toml").write_text(
                '[project]\nname = "small"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["leaf"]\n'
                f'[[tool.poetry.source]]\nname = "ours"\nurl = "{self.index}"\npriority = "primary"\n'
            )
            support.run([environments.find("poetry") / "poetry", "lock", "--no-cache"], self.environment(), cwd=folder)
            lock = (folder / "poetry.lock").read_text()
            return {"leaf": "1.5"} if 'name = "leaf"\nversion = "1.5"' in lock else {}

        self.assert_waited("poetry", lock, paths=("/leaf/",))
