"""Every supported pip against the same projects: what it chooses, what it asks for, what it asks for again."""
import manual
import recorder
import scene

JSON = "application/vnd.pypi.simple.v1+json"

#: What is asked for in one run of pip, what must be installed, and why.
UNASKED = [
    ("app[more]", {"app": "2.0", "leaf": "1.5", "local-build": "1.0+cu118"}, "an extra; a local version is above the plain one"),
    ("epoch", {"epoch": "1!1.0"}, "an epoch is above every version without one"),
    ("future", {"future": "1.0"}, "what needs a later Python is passed over"),
    ("candidate", {"candidate": "1.0"}, "no release candidate unasked"),
    ("Odd_Name.dots", {"odd-name-dots": "1.0"}, "any spelling of a name"),
    ("source", {"source": "1.0"}, "an sdist is listed and, with --only-binary, left alone"),
]
ASKED = [
    ("local-build==1.0+cu118", {"local-build": "1.0+cu118"}, "a local version by name"),
    ("epoch==2020.1", {"epoch": "2020.1"}, "without the epoch by name"),
    ("candidate", {"candidate": "2.0rc1"}, "a release candidate with --pre"),
    ("leaf<1.5", {"leaf": "1.0"}, "an older one"),
]


class EveryPip(scene.Scene):
    """One row of a table for each pip."""

    def test_each_pip_chooses_and_installs_what_the_specifications_say(self):
        """All rows of a table in one run of pip, each row judged for itself."""
        index = f"{scene.Shared.server().url}/simple/"
        for version in scene.PIPS:
            for option, rows in (("--only-binary=:all:", UNASKED), ("--pre", ASKED)):
                _, found = self.pip_install(version, index, option, *(row[0] for row in rows))
                for wanted, expected, why in rows:
                    with self.subTest(pip=version, wanted=wanted, why=why):
                        self.assertEqual(found | expected, found)
                self.assertEqual(len(found), sum(len(row[1]) for row in rows), found)

    def test_each_pip_asks_in_its_own_way_and_gets_just_that(self):
        """HTML before 22.2, JSON since; `.metadata` only where pip knows it; nothing asked twice, nothing else."""
        for version, content_type, knows_metadata in [
            ("20.3", "text/html; charset=utf-8", False),
            ("22.3", JSON, False),
            ("23.2", JSON, True),
            ("26.3", JSON, True),
        ]:
            with self.subTest(pip=version), recorder.Recorder(scene.Shared.server().url) as between:
                self.pip_install(version, f"{between.url}/simple/", "app")
                pages = [one for one in between.exchanges if "/simple/" in one.path]
                self.assertEqual([one.path for one in pages], ["/simple/app/", "/simple/leaf/"])
                self.assertEqual({one.answered["content-type"] for one in pages}, {content_type})
                self.assertEqual({one.status for one in between.exchanges}, {200})
                self.assertEqual(len(between.asked(".whl.metadata")), 2 if knows_metadata else 0)
                self.assertEqual(len(between.asked(".whl")), 2)
                self.assertEqual(len(between.exchanges), 6 if knows_metadata else 4)

    def test_a_page_that_pip_has_kept_is_answered_with_304(self):
        """Over https, or from a trusted host, of which pip 20.3 keeps nothing; the file is not asked for again."""
        authority, certificate = recorder.throw_away_certificate()
        ways = {"https": (certificate, ["--cert", authority]), "http": (None, ["--trusted-host", "127.0.0.1"])}
        for version, scheme in [("20.3", "https"), *((version, scheme) for version in scene.PIPS[1:] for scheme in ways)]:
            certificate, words = ways[scheme]
            server = scene.Shared.server()
            with self.subTest(pip=version, scheme=scheme), recorder.Recorder(server.url, certificate=certificate) as between:
                where = [f"{between.url}/simple/", *words, "leaf"]
                cache = self.folder(f"cache-{version}-{scheme}")
                self.pip_install(version, *where, cache=cache)
                self.assertEqual({one.status for one in between.forget()}, {200})
                self.pip_install(version, *where, cache=cache)
                again = [(one.path, one.status, one.body_bytes) for one in between.exchanges]
                self.assertEqual(again, [("/simple/leaf/", 304, 0)])

    def test_the_address_may_stand_in_a_file(self):
        """`pip.conf`, as the manual shows it."""
        configuration = self.scratch / "pip.conf"
        configuration.write_text(manual.lines("pip-conf", scene.Shared.server().url))
        for version in scene.PIPS:
            with self.subTest(pip=version):
                folder = self.folder(version)
                words = ["install", "--no-cache-dir", "--target", folder, "leaf"]
                self.pip(version, *words, PIP_CONFIG_FILE=str(configuration))
                self.assertEqual(scene.installed(folder), {"leaf": "1.5"})

    def test_a_missing_project_is_a_404_that_pip_tells(self):
        """No empty page: an empty page would end the search of other clients."""
        index = f"{scene.Shared.server().url}/simple/"
        for version in scene.PIPS:
            with self.subTest(pip=version):
                text, _ = self.pip_install(version, index, "no-such-project", expected=1)
                self.assertIn("No matching distribution found for no-such-project", text)
