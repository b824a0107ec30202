"""Every supported uv against the same projects: what it chooses, what it asks for, what it keeps."""
import manual
import recorder
import scene
import support
from test_pip import ASKED, UNASKED
from test_pip_newest import between, upload_times

JSON = "application/vnd.pypi.simple.v1+json"


class EveryUv(scene.Scene):
    """One row of a table for each uv."""

    def test_each_uv_chooses_and_installs_what_the_specifications_say(self):
        """The tables of pip hold for uv, word by word."""
        index = f"{scene.Shared.server().url}/simple/"
        for version in scene.UVS:
            for options, rows in ((["--only-binary", ":all:"], UNASKED), (["--prerelease", "allow"], ASKED)):
                _, found = self.uv_install(version, "-i", index, *options, *(row[0] for row in rows))
                for wanted, expected, why in rows:
                    with self.subTest(uv=version, wanted=wanted, why=why):
                        self.assertEqual(found | expected, found)
                self.assertEqual(len(found), sum(len(row[1]) for row in rows), found)

    def test_each_uv_asks_for_json_and_for_no_wheel_that_it_does_not_install(self):
        """uv 0.1.24 knows `dist-info-metadata` only and reads the end of the wheel instead, from the same server."""
        for version, knows_metadata in [("0.1.24", False), ("0.4.30", True), ("0.13.8", True)]:
            with self.subTest(uv=version), recorder.Recorder(scene.Shared.server().url) as between_them:
                _, versions = self.uv_compile(version, ["app"], "--no-cache", "-i", f"{between_them.url}/simple/")
                self.assertEqual(versions, {"app": "2.0", "leaf": "1.5"})
                pages = [one for one in between_them.exchanges if "/simple/" in one.path]
                self.assertEqual(sorted(one.path for one in pages), ["/simple/app/", "/simple/leaf/"])
                self.assertEqual({one.answered["content-type"] for one in pages}, {JSON})
                if knows_metadata:
                    self.assertEqual(len(between_them.asked(".whl.metadata")), 2)
                    self.assertEqual(between_them.asked(".whl"), [])
                else:
                    methods = {(one.method, one.status) for one in between_them.exchanges if one.path.endswith(".whl")}
                    self.assertEqual(methods, {("HEAD", 200), ("GET", 206)})

    def test_a_page_that_uv_has_kept_is_answered_with_304(self):
        """What a head shows is asked about each time and never sent twice; a wheel is never asked for again."""
        for version in scene.UVS:
            with self.subTest(uv=version), recorder.Recorder(scene.Shared.server().url) as between_them:
                words = ["-i", f"{between_them.url}/simple/", "--cache-dir", self.scratch / f"cache-{version}"]
                self.uv_compile(version, ["leaf"], *words)
                between_them.forget()
                self.uv_compile(version, ["leaf"], *words)
                again = [(one.path, one.status, one.body_bytes) for one in between_them.exchanges]
                self.assertEqual(again, [("/simple/leaf/", 304, 0)])

    def test_a_snapshot_is_asked_for_once_and_never_again(self):
        """A page that cannot change may be kept for ever."""
        for version in scene.UVS:
            with self.subTest(uv=version), recorder.Recorder(scene.Shared.server().url) as between_them:
                words = ["-i", f"{between_them.url}/blessed@1/simple/", "--cache-dir", self.scratch / f"cache-{version}"]
                self.uv_compile(version, ["leaf"], *words)
                self.assertTrue(between_them.forget())
                self.uv_compile(version, ["leaf"], *words)
                self.assertEqual(between_them.asked(), [])

    def test_only_what_was_uploaded_before_a_moment_is_chosen(self):
        """`--exclude-newer` needs an upload time on every file."""
        server = scene.Shared.server()
        first, second = upload_times(server, "leaf")
        old = min(server.page("leaf")["files"], key=lambda file: file["upload-time"])["filename"].split("-")[1]
        for version in scene.UVS:
            words = ["--no-cache", "-i", f"{server.url}/simple/", "--exclude-newer"]
            with self.subTest(uv=version):
                self.assertEqual(self.uv_compile(version, ["leaf"], *words, between(first, second))[1], {"leaf": old})
                self.assertEqual(self.uv_compile(version, ["leaf"], *words, "2999-01-01T00:00:00Z")[1], {"leaf": "1.5"})
                self.uv_compile(version, ["leaf"], *words, "2020-01-01T00:00:00Z", expected=1)

    def test_hashes_that_uv_writes_are_those_that_pip_and_uv_require(self):
        """`--generate-hashes` copies the page; both clients install from it."""
        index = f"{scene.Shared.server().url}/simple/"
        pins = self.scratch / "pins.txt"
        self.uv_compile(scene.NEWEST_UV, ["app"], "--no-cache", "-i", index, "--generate-hashes", "-o", pins)
        self.assertEqual(pins.read_text().count("--hash=sha256:"), 2)
        expected = {"app": "2.0", "leaf": "1.5"}
        self.assertEqual(self.uv_install(scene.NEWEST_UV, "-i", index, "--require-hashes", "-r", pins)[1], expected)
        self.assertEqual(self.pip_install(scene.NEWEST_PIP, index, "--require-hashes", "-r", pins)[1], expected)


PROJECT = """[project]
name = "small"
version = "1"
requires-python = ">=3.9"
dependencies = ["app[more]"]

"""


class UvProjects(scene.Scene):
    """A project with a lock file, as the manual shows it."""

    def test_lock_and_sync_of_a_project_that_names_our_index(self):
        """The lock holds our URLs, sizes, hashes and upload times; a sync from it needs no page."""
        for version in ("0.4.30", scene.NEWEST_UV):
            with self.subTest(uv=version), recorder.Recorder(scene.Shared.server().url) as between_them:
                folder = self.folder(f"project-{version}")
                (folder / "pyproject.toml").write_text(PROJECT + manual.lines("uv-project", between_them.url))
                self.uv(version, "lock", "--no-cache", cwd=folder)
                self.assertEqual(between_them.asked(".whl"), [])
                lock = (folder / "uv.lock").read_text()
                self.assertIn(f'source = {{ registry = "{between_them.url}/simple', lock)
                self.assertIn("local_build-1.0%2Bcu118-py3-none-any.whl", lock)
                between_them.forget()
                self.uv(version, "sync", "--no-cache", "--frozen", cwd=folder)
                self.assertEqual([path for path in between_them.asked() if "/simple/" in path], [])
                site = next(folder.glob(".venv/lib/python3.*/site-packages"))
                self.assertEqual(scene.installed(site), {"app": "2.0", "leaf": "1.5", "local-build": "1.0+cu118"})

    def test_a_lock_is_still_right_after_nothing_changed(self):
        """`uv lock --upgrade` asks for everything again and finds what it found before, byte for byte."""
        folder = self.folder("project")
        (folder / "pyproject.toml").write_text(PROJECT + manual.lines("uv-project", scene.Shared.server().url))
        self.uv(scene.NEWEST_UV, "lock", "--no-cache", cwd=folder)
        before = support.sha256(folder / "uv.lock")
        self.uv(scene.NEWEST_UV, "lock", "--no-cache", "--upgrade", cwd=folder)
        self.assertEqual(support.sha256(folder / "uv.lock"), before)
