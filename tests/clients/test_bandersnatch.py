"""bandersnatch mirrors our index into a folder, twice with a change between: the second run fetches the change alone."""
import json
import urllib.parse

import environments
import manual
import recorder
import scene
import support

class Bandersnatch(scene.Scene):
    """bandersnatch insists on https, and its files are found by the absolute URLs that `public_url` makes."""

    def setUp(self):
        """Start TLS first, because the server is told the address that clients see."""
        super().setUp()
        self.authority, certificate = recorder.throw_away_certificate()
        self.between = self.enterContext(recorder.Recorder(certificate=certificate))
        self.server = support.Server(public_url=f"{self.between.url}/")
        self.addCleanup(self.server.stop)
        self.between.upstream = self.server.url
        self.mirrored = self.folder("mirror")
        for name in ("alpha", "beta"):
            self.bless(support.make_wheel(self.scratch, name, "1.0"))
        self.bless(support.make_wheel(self.scratch, "gamma", "1.0+local"), support.make_sdist(self.scratch, "gamma", "1.0"))

    def bless(self, *files):
        """Upload and promote."""
        self.server.twine(*files)
        self.server.cli("bless")

    def mirror(self):
        """Run it once; returns the paths that it asked for."""
        configuration = self.scratch / "bandersnatch.conf"
        lines = manual.lines("bandersnatch-conf", self.between.url)
        configuration.write_text(lines.replace("/srv/mirror", str(self.mirrored)))
        program = environments.find("bandersnatch") / "bandersnatch"
        environment = self.environment(SSL_CERT_FILE=str(self.authority))
        self.said = support.run([program, "-c", configuration, "mirror"], environment)
        asked = self.between.forget()
        self.assertLessEqual({one.status for one in asked}, {200, 301}, self.said)
        return [urllib.parse.unquote(one.path) for one in asked if one.status == 200]

    def files(self):
        """Digest by name of the files that lie in the mirror."""
        return {path.name: support.sha256(path) for path in (self.mirrored / "web/packages").rglob("*") if path.is_file()}

    def page(self, project):
        """The JSON page that the mirror would serve."""
        return json.loads((self.mirrored / f"web/simple/{project}/index.v1_json").read_text())

    def listed(self, *projects):
        """Digest by name, as our pages tell them."""
        pages = [self.server.page(project) for project in projects]
        return {file["filename"]: file["hashes"]["sha256"] for page in pages for file in page["files"]}

    def test_the_second_run_fetches_only_what_has_changed(self):
        """A new release of one project: its JSON and its one new file; then nothing at all."""
        first = self.mirror()
        self.assertEqual(self.files(), self.listed("alpha", "beta", "gamma"))
        self.assertEqual(len([path for path in first if path.startswith("/packages/")]), 4)
        described = {path for path in first if path.startswith("/pypi/")}
        self.assertEqual(described, {f"/pypi/{name}/json" for name in ("alpha", "beta", "gamma")})

        self.bless(support.make_wheel(self.scratch, "beta", "2.0"))
        second = self.mirror()
        fetched = [path.rsplit("/", 1)[1] for path in second if path.startswith("/packages/")]
        self.assertEqual(fetched, ["beta-2.0-py3-none-any.whl"])
        self.assertEqual([path for path in second if path.startswith("/pypi/")], ["/pypi/beta/json"])
        self.assertEqual(self.files(), self.listed("alpha", "beta", "gamma"))

        third = self.mirror()
        self.assertEqual([path for path in third if not path.startswith("/simple")], [])

    def test_the_layout_is_by_digest_and_the_pages_are_ours(self):
        """`/packages/aa/bb/…/name`, and what pip installs from the mirror's folder is what we serve."""
        self.mirror()
        page = self.page("gamma")
        self.assertEqual({file["filename"] for file in page["files"]}, {"gamma-1.0+local-py3-none-any.whl", "gamma-1.0.tar.gz"})
        for file in page["files"]:
            digest = file["hashes"]["sha256"]
            path = urllib.parse.unquote(urllib.parse.urlsplit(file["url"]).path)
            self.assertTrue(path.endswith(f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{file['filename']}"), path)
            self.assertEqual(support.sha256(self.mirrored / "web/simple/gamma" / urllib.parse.unquote(file["url"].split("#")[0])), digest)

    def test_a_yank_arrives_with_the_next_run(self):
        """Only the page changes: no file is fetched again (MIR, file-yanking: a mirror carries the mark)."""
        self.mirror()
        self.assertFalse(self.page("alpha")["files"][0]["yanked"])
        self.server.cli("yank", "alpha-1.0-py3-none-any.whl", "--reason", "loses data")
        asked = self.mirror()
        self.assertEqual([path for path in asked if not path.startswith("/simple")], ["/pypi/alpha/json"])
        self.assertTrue(self.page("alpha")["files"][0]["yanked"])
