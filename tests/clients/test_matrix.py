"""Each pip and each uv on every way in: JSON or HTML page, open or with a token, http or https, at the root or below a path."""
import itertools
import urllib.error
import urllib.request

import recorder
import scene
import support
import universe

CONTENT_TYPES = {
    "json": {"application/vnd.pypi.simple.v1+json"},
    "html": {"text/html; charset=utf-8"},
}

WANTED = ["app[more]", "epoch"]
EXPECTED = {"app": "2.0", "leaf": "1.5", "local-build": "1.0+cu118", "epoch": "1!1.0"}


class EveryWayIn(scene.Scene):
    """The same installation each time; nothing but what the way itself needs is given to the client."""

    def ways(self):
        """Every way: a name, a recorder in front of a server, the index URL, and whether it is https."""
        authority, certificate = recorder.throw_away_certificate()
        for read, scheme, page in itertools.product(("open", "token"), ("http", "https"), ("json", "html")):
            server = scene.Shared.server(read=read)
            # A path in front must work on each way; it is the longer one, so it is taken every second time.
            prefix = "/python/wheels" if (read == "token") != (scheme == "https") else ""
            accept = "text/html" if page == "html" else None
            between = recorder.Recorder(server.url, prefix, accept, certificate if scheme == "https" else None)
            index = f"{between.url}/simple/"
            if read == "token":
                index = scene.with_credentials(index, server.token)
            with between:
                yield f"{page}, {read}, {scheme}{prefix}", between, index, authority if scheme == "https" else None

    def check(self, name, between, versions, page):
        """What is installed, and that the way was the one that was meant."""
        self.assertEqual(versions, EXPECTED)
        pages = [one for one in between.forget() if "/simple/" in one.path and one.status == 200]
        self.assertEqual({one.answered["content-type"] for one in pages}, CONTENT_TYPES[page], name)

    def test_each_pip_installs_on_every_way(self):
        """pip 20.3 asks for HTML on each of them."""
        for name, between, index, authority in self.ways():
            page = name.split(",")[0]
            for version in scene.PIPS:
                if version == "20.3" and page == "json":
                    continue
                trust = ["--cert", authority] if authority else ["--trusted-host", "127.0.0.1"]
                with self.subTest(pip=version, way=name):
                    self.check(name, between, self.pip_install(version, index, *trust, *WANTED)[1], page)

    def test_each_uv_installs_on_every_way(self):
        """uv trusts the authority that `SSL_CERT_FILE` names."""
        for name, between, index, authority in self.ways():
            for version in scene.UVS:
                trust = {"SSL_CERT_FILE": str(authority)} if authority else {}
                with self.subTest(uv=version, way=name):
                    _, versions = self.uv_install(version, "-i", index, *WANTED, **trust)
                    self.check(name, between, versions, name.split(",")[0])

    def test_an_unknown_authority_is_refused_by_the_client(self):
        """Nothing is asked before the certificate is believed."""
        certificate = recorder.throw_away_certificate()[1]
        with recorder.Recorder(scene.Shared.server().url, certificate=certificate) as between:
            self.pip_install(scene.NEWEST_PIP, f"{between.url}/simple/", "--retries", "0", "leaf", expected=1)
            self.uv_install(scene.NEWEST_UV, "-i", f"{between.url}/simple/", "leaf", expected=None, UV_HTTP_RETRIES="0")
            self.assertEqual(between.exchanges, [])


class BelowAPath(scene.Scene):
    """A proxy that takes a path away, and a server that knows its public address."""

    def test_redirects_and_relative_links_stay_below_the_path(self):
        """Without the slash, or with another spelling, a client is led to the one page of a project."""
        with recorder.Recorder(prefix="/python") as between:
            server = support.Server(public_url=f"{between.url}/")
            self.addCleanup(server.stop)
            between.upstream = server.url
            universe.publish(server)
            for path in ("/simple/Odd_Name.dots", "/simple/odd-name-dots", "/blessed/simple/ODD.name_dots/"):
                with urllib.request.urlopen(between.url + path, timeout=30) as answer:
                    self.assertEqual(answer.status, 200)
                    self.assertTrue(answer.url.startswith(f"{between.url}/"), answer.url)
                    self.assertTrue(answer.url.endswith("/simple/odd-name-dots/"), answer.url)
            with self.assertRaises(urllib.error.HTTPError):
                urllib.request.urlopen(between.url.removesuffix("/python") + "/simple/", timeout=30)
            _, versions = self.pip_install(scene.NEWEST_PIP, f"{between.url}/blessed@1/simple/", *WANTED)
            self.assertEqual(versions, EXPECTED)
