"""What a plan costs: sixty real projects are resolved from pages and `.metadata` alone, without one byte of a wheel."""
import json
import re
import sys

import recorder
import scene
import sixty
import support


class RequestLog(scene.Scene):
    """One server that holds the sixty projects in `blessed`."""

    @classmethod
    def setUpClass(cls):
        """Upload and promote them."""
        cls.server = support.Server()
        cls.addClassCleanup(cls.server.stop)
        cls.server.cli("upload", sixty.folder())
        cls.server.cli("bless")

    def setUp(self):
        """Put a recorder between."""
        super().setUp()
        self.between = self.enterContext(recorder.Recorder(self.server.url))
        self.index = f"{self.between.url}/simple/"

    def assert_no_wheel(self, what, projects):
        """Print the log in short and hold it to the claim."""
        pages = [one for one in self.between.exchanges if "/simple/" in one.path]
        metadata = [one for one in self.between.exchanges if one.path.endswith(".metadata")]
        rest = [one for one in self.between.exchanges if one not in pages and one not in metadata]
        sent = sum(one.body_bytes for one in self.between.exchanges)
        wheel_bytes = sum(one.body_bytes for one in rest)
        print(f"{what}: {len(pages)} pages, {len(metadata)} metadata, {len(rest)} others; {sent} bytes, {wheel_bytes} of wheels")
        self.assertEqual([(one.method, one.path) for one in rest], [])
        self.assertEqual({re.search(r"/simple/([^/]+)/$", one.path)[1] for one in pages}, set(projects))
        self.assertEqual(len(metadata), len(projects))
        self.assertEqual({one.status for one in self.between.exchanges}, {200})

    def test_pip_plans_without_a_wheel(self):
        """`pip install --dry-run` finds the versions that are pinned."""
        words = ["install", "--dry-run", "--ignore-installed", "--no-cache-dir", "--quiet", "--report", "-", "-i", self.index]
        plan = json.loads(self.pip(scene.NEWEST_PIP, *words, "-r", sixty.ROOTS))["install"]
        versions = {support.normalized(item["metadata"]["name"]): item["metadata"]["version"] for item in plan}
        self.assertGreaterEqual(len(versions), 60)
        self.assertEqual(versions, sixty.pinned())
        self.assert_no_wheel("pip install --dry-run", versions)

    def test_uv_compiles_without_a_wheel(self):
        """`uv pip compile` too, in the oldest version that knows `.metadata` and in the newest."""
        for version in ("0.4.30", scene.NEWEST_UV):
            with self.subTest(uv=version):
                self.between.forget()
                requirements = sixty.ROOTS.read_text().split()
                _, versions = self.uv_compile(version, requirements, "--no-cache", "-i", self.index)
                self.assertEqual(versions, sixty.pinned())
                self.assert_no_wheel(f"uv {version} pip compile", versions)

    def test_uv_resolves_for_every_platform_without_a_wheel(self):
        """`uv lock` of the same projects: hashes and sizes are on the pages."""
        folder = self.folder("project")
        wanted = json.dumps(sixty.ROOTS.read_text().split())
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        (folder / "pyproject.toml").write_text(
            f'[project]\nname = "small"\nversion = "1"\nrequires-python = "=={python}.*"\ndependencies = {wanted}\n'
            "[tool.uv]\nenvironments = [\"sys_platform == 'linux'\"]\n"
            f'[[tool.uv.index]]\nurl = "{self.index}"\ndefault = true\n'
        )
        self.uv(scene.NEWEST_UV, "lock", "--no-cache", cwd=folder)
        self.assert_no_wheel("uv lock", sixty.pinned())
