"""What only the newest pip can ask for: ranges, hashes, upload times, plans without installing, lists of versions."""
import datetime
import hashlib
import json
import re

import recorder
import scene


def upload_times(server, project):
    """When each version of a project was uploaded, in order."""
    times = [file["upload-time"] for file in server.page(project)["files"]]
    return sorted(datetime.datetime.fromisoformat(time) for time in times)


def between(first, second):
    """A moment that lies between two, as clients read it."""
    return (first + (second - first) / 2).astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")


class NewestPip(scene.Scene):
    """Against the small projects."""

    def setUp(self):
        """Put a recorder between pip and the server."""
        super().setUp()
        self.server = scene.Shared.server()
        self.between = self.enterContext(recorder.Recorder(self.server.url))
        self.index = f"{self.between.url}/simple/"

    def install(self, *arguments, expected=0):
        """Install with the newest pip."""
        return self.pip_install(scene.NEWEST_PIP, self.index, *arguments, expected=expected)

    def test_fast_deps_installs_the_same(self):
        """With `.metadata` on every page there is no range left to ask for."""
        _, versions = self.install("--use-feature=fast-deps", "app[more]")
        self.assertEqual(versions, {"app": "2.0", "leaf": "1.5", "local-build": "1.0+cu118"})
        self.assertEqual([one.path for one in self.between.exchanges if "range" in one.asked], [])

    def test_fast_deps_reads_a_wheel_by_ranges_where_a_page_offers_no_metadata(self):
        """An older pip knows no `.metadata`, so its HEAD and its ranges reach the files themselves."""
        _, versions = self.pip_install("22.3", self.index, "--use-feature=fast-deps", "app")
        self.assertEqual(versions, {"app": "2.0", "leaf": "1.5"})
        self.assertEqual({one.status for one in self.between.exchanges if one.method == "HEAD"}, {200})
        ranged = [one for one in self.between.exchanges if "range" in one.asked and one.asked["range"] != "bytes=0-"]
        self.assertTrue(ranged)
        self.assertEqual({one.status for one in ranged}, {206})

    def test_hashes_of_the_page_are_those_that_pip_requires(self):
        """`--require-hashes` with the right digest installs; with a wrong one pip refuses the file."""
        digest = next(file["hashes"]["sha256"] for file in self.server.page("leaf")["files"] if "1.5" in file["filename"])
        pins = self.scratch / "pins.txt"
        pins.write_text(f"leaf==1.5 --hash=sha256:{digest}\n")
        self.assertEqual(self.install("--require-hashes", "-r", pins)[1], {"leaf": "1.5"})
        pins.write_text(f"leaf==1.5 --hash=sha256:{hashlib.sha256(b'other').hexdigest()}\n")
        text, versions = self.install("--require-hashes", "-r", pins, expected=1)
        self.assertIn("THESE PACKAGES DO NOT MATCH THE HASHES", text)
        self.assertEqual(versions, {})

    def test_only_what_was_uploaded_before_a_moment_is_chosen(self):
        """`--uploaded-prior-to` needs an upload time on every file, in a form that pip reads."""
        first, second = upload_times(self.server, "leaf")
        old = min(self.server.page("leaf")["files"], key=lambda file: file["upload-time"])["filename"].split("-")[1]
        self.assertEqual(self.install("--uploaded-prior-to", between(first, second), "leaf")[1], {"leaf": old})
        self.assertEqual(self.install("--uploaded-prior-to", "2999-01-01T00:00:00Z", "leaf")[1], {"leaf": "1.5"})
        text, _ = self.install("--uploaded-prior-to", "2020-01-01T00:00:00Z", "leaf", expected=1)
        self.assertIn("No matching distribution found for leaf", text)

    def test_a_plan_costs_no_wheel(self):
        """`--dry-run` reads pages and `.metadata` and tells what it would install."""
        text, versions = self.install("--dry-run", "--quiet", "--report", "-", "app")
        plan = json.loads(text)["install"]
        self.assertEqual({item["metadata"]["name"]: item["metadata"]["version"] for item in plan}, {"app": "2.0", "leaf": "1.5"})
        self.assertEqual(versions, {})
        self.assertEqual(self.between.asked(".whl"), [])
        self.assertEqual(len(self.between.asked(".whl.metadata")), 2)

    def test_download_keeps_the_very_bytes(self):
        """`pip download` of a wheel with `+` and of an sdist."""
        folder = self.folder("downloads")
        words = ["download", "--no-cache-dir", "--no-deps", "-d", folder, "-i", self.index]
        self.pip(scene.NEWEST_PIP, *words, "local-build==1.0+cu118", "epoch")
        for project, name in [("local-build", "local_build-1.0+cu118-py3-none-any.whl"), ("epoch", "epoch-1!1.0-py3-none-any.whl")]:
            listed = {file["filename"]: file["hashes"]["sha256"] for file in self.server.page(project)["files"]}
            self.assertEqual(hashlib.sha256((folder / name).read_bytes()).hexdigest(), listed[name])
        escaped = [path.rsplit("/", 1)[1] for path in self.between.asked(".whl")]
        self.assertEqual(sorted(escaped), ["epoch-1%211.0-py3-none-any.whl", "local_build-1.0%2Bcu118-py3-none-any.whl"])

    def test_versions_are_listed(self):
        """`pip index versions` reads one page."""
        text = self.pip(scene.NEWEST_PIP, "index", "versions", "-i", self.index, "leaf")
        self.assertRegex(text, r"leaf \(1\.5\)")
        self.assertEqual(re.search(r"Available versions: (.*)", text)[1], "1.5, 1.0")
        self.assertEqual(self.between.asked(), ["/simple/leaf/"])

    def test_a_lock_file_of_pip_installs_with_the_hashes_of_the_page(self):
        """`pip lock` writes what the page says."""
        lock = self.scratch / "pylock.toml"
        self.pip(scene.NEWEST_PIP, "lock", "--no-cache-dir", "-i", self.index, "-o", lock, "leaf")
        digest = next(file["hashes"]["sha256"] for file in self.server.page("leaf")["files"] if "1.5" in file["filename"])
        self.assertIn(digest, lock.read_text())
