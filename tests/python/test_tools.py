"""The verbs of FERRYWHEEL_TOOLS, and what is kept and cleared away."""

import json
import os
import subprocess
import sys
import time

import injections
import oracle
from support import BundleCase, probe_wheel

VERSION = "python%d.%d" % sys.version_info[:2]


class ToolCase(BundleCase):
    def tool(self, bundle, verb, *arguments, exit_code=0, **rest):
        """Run a verb and return what it prints."""
        done = self.start(bundle, *arguments, FERRYWHEEL_TOOLS=verb, **rest)
        self.assertEqual((done.returncode, done.stderr if exit_code == 0 else ""), (exit_code, ""), done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done.stdout if exit_code in (0, 66) else done.stderr


class Verbs(ToolCase):
    def test_info_tells_what_it_is_and_makes_nothing(self):
        bundle = self.bundle()
        shown = json.loads(self.tool(bundle, "info"))
        self.assertEqual((shown["environment"], shown["site_packages"], shown["roots"]), (None, None, [self.root]))
        self.assertEqual(shown["manifest"]["name"], "hello")
        self.assertFalse(os.path.exists(self.root))
        self.seen(bundle)
        self.assertEqual(json.loads(self.tool(bundle, "info"))["environment"], self.environment())
        os.chmod(self.root, 0o777)
        self.assertIsNone(json.loads(self.tool(bundle, "info"))["environment"])

    def test_info_works_where_the_bundle_cannot_run(self):
        shown = json.loads(self.tool(self.bundle(probe_wheel(tag="cp399-cp399-any")), "info"))
        self.assertEqual(shown["manifest"]["distributions"][0]["name"], "probe")

    def test_path_and_python_make_the_environment(self):
        bundle = self.bundle()
        self.assertEqual(self.tool(bundle, "path"), self.site_packages() + "\n")
        python = self.tool(bundle, "python").strip()
        self.assertEqual(subprocess.check_output([python, "-c", "import probe; print('ok')"]), b"ok\n")

    def test_prepare_compiles_unless_told_not_to(self):
        bundle = self.bundle()
        self.assertEqual(self.tool(bundle, "prepare"), self.environment() + "\n")
        cached = self.site_packages() + "/__pycache__/probe.%s.pyc" % sys.implementation.cache_tag
        self.assertTrue(os.path.exists(cached))
        with open(cached, "rb") as file:
            content = file.read()
        self.assertEqual(content[4:8], b"\x01\0\0\0", "the source is not looked at again")
        self.assertIn(os.fsencode(self.site_packages()), content)
        self.seen(bundle, FERRYWHEEL_VERIFY="full")
        self.tool(bundle, "prepare", FERRYWHEEL_FORCE_EXTRACT="1", FERRYWHEEL_COMPILE="0")
        self.assertFalse(os.path.exists(cached))

    def test_a_start_compiles_if_told_to(self):
        bundle = self.bundle()
        for variables in (
            {"FERRYWHEEL_COMPILE": "1", "FERRYWHEEL_JOBS": "2"},
            {"SHIV_COMPILE_PYC": "true", "SHIV_COMPILE_WORKERS": "2"},
        ):
            self.assertEqual(self.start(bundle, FERRYWHEEL_FORCE_EXTRACT="1", **variables).returncode, 0)
            self.assertTrue(os.path.exists(self.site_packages() + "/runs/__pycache__"))

    def test_verify_finds_and_repairs(self):
        bundle = self.bundle(probe_wheel(files={"data.txt": "12345"}))
        self.assertIn("there is no environment yet", self.tool(bundle, "verify"))
        self.seen(bundle)
        self.assertIn("all files are as made", self.tool(bundle, "verify"))
        self.write(self.site_packages() + "/data.txt", "54321")
        os.unlink(self.site_packages() + "/probe.py")
        shown = self.tool(bundle, "verify", exit_code=66)
        self.assertIn("data.txt: it was changed\n", shown)
        self.assertIn("probe.py: No such file or directory\n", shown)
        done = self.start(bundle, "--repair", FERRYWHEEL_TOOLS="verify")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 damaged files; making the environment anew", done.stderr)
        self.assertIn("all files are as made", self.tool(bundle, "verify"))

    def test_unpack_makes_a_tree_that_can_be_moved(self):
        wheel = probe_wheel(files={"probe-1.0.data/scripts/tool": "#!python\nimport probe\nprint('tool')\n"})
        bundle = self.bundle(wheel)
        target = os.path.join(self.folder, "new", "tree")
        old = os.umask(0o077)
        try:
            self.assertEqual(self.tool(bundle, "unpack", target), target + "\n")
        finally:
            os.umask(old)
        self.assertEqual(oct(os.stat(target).st_mode), oct(0o40755))
        self.assertEqual(oct(os.stat(target + "/lib/%s/site-packages/probe.py" % VERSION).st_mode), oct(0o100644))
        moved = os.path.join(self.folder, "moved here")
        os.rename(target, moved)
        self.assertEqual(subprocess.check_output([moved + "/bin/tool"]), b"tool\n")
        os.symlink(moved + "/bin/method", self.folder + "/method")
        self.assertEqual(subprocess.check_output([self.folder + "/method"]), b"method\n")
        self.assertFalse(os.path.exists(self.root))

    def test_unpack_refuses_what_is_there(self):
        bundle = self.bundle()
        self.write("there/file", "")
        os.mkdir(self.folder + "/empty")
        os.symlink(self.folder + "/empty", self.folder + "/link")
        for name in "there", "there/file", "link":
            self.assertIn(
                "is not an empty folder", self.tool(bundle, "unpack", os.path.join(self.folder, name), exit_code=2)
            )
        self.tool(bundle, "unpack", self.folder + "/empty")
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith(".tmp")], [])

    def test_unpack_says_why_it_cannot(self):
        self.write("file", "")
        text = self.tool(self.bundle(), "unpack", self.folder + "/file/tree", exit_code=68)
        self.assertIn("/file: File exists", text)
        text = self.tool(self.bundle(unpacked_size_bytes=1 << 60), "unpack", self.folder + "/tree", exit_code=67)
        self.assertIn("MiB are needed", text)
        inject = injections.FSYNC_RAISES % "OSError(errno.ENOSPC, 'full')"
        self.tool(self.bundle(), "unpack", self.folder + "/tree", exit_code=67, inject=inject)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith(".tmp")], [])

    def test_unpack_beside_the_archive_is_what_starts_use(self):
        bundle = self.bundle()
        self.tool(bundle, "unpack", bundle + ".env")
        self.assertEqual(self.seen(bundle)["prefix"], bundle + ".env")
        self.assertEqual(json.loads(self.tool(bundle, "info"))["environment"], bundle + ".env")
        os.symlink(bundle, self.folder + "/linked")
        self.assertEqual(self.seen(self.folder + "/linked")["prefix"], bundle + ".env")
        self.bundle(probe_wheel(version="2.0"))
        self.assertTrue(self.seen(bundle)["prefix"].startswith(self.root), "another content has another environment")

    def test_wheels_writes_what_pip_can_install(self):
        wheel, other = probe_wheel(), oracle.Wheel("other_thing", "2.0", {"other.py": ""})
        target = os.path.join(self.folder, "house")
        self.tool(self.bundle(wheel, other), "wheels", target)
        self.assertEqual(sorted(os.listdir(target)), ["pylock.toml", "requirements.txt", "wheels"])
        with open(os.path.join(target, "wheels", wheel.filename), "rb") as file:
            self.assertEqual(file.read(), wheel.data)
        with open(target + "/requirements.txt") as file:
            text = file.read()
        self.assertIn("--no-index\n--find-links ./wheels\n--require-hashes\n", text)
        self.assertIn("probe==1.0 \\\n    --hash=sha256:%s\n" % oracle.sha256(wheel.data), text)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--isolated",
            "--disable-pip-version-check",
            "install",
            "-q",
            "--no-deps",
            "-r",
            "requirements.txt",
            "--target",
            "out",
        ]
        if (
            subprocess.call(
                [sys.executable, "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            == 0
        ):
            subprocess.check_call(pip, cwd=target, stderr=subprocess.DEVNULL)
            self.assertTrue(os.path.exists(target + "/out/other.py"))

    def test_verbs_take_their_arguments_from_both_sides_and_refuse_wrong_ones(self):
        bundle = self.bundle()
        self.assertTrue(self.tool(bundle, "unpack %s/one" % self.folder))
        for verb, arguments in [
            ("info", ["x"]),
            ("unpack", []),
            ("unpack", ["a", "b"]),
            ("wheels", []),
            ("verify", ["--fix"]),
            ("path", ["x"]),
            ("python", ["x"]),
            ("prepare", ["x"]),
            ("gc", ["--days"]),
            ("gc", ["--all=1"]),
            ("gc", ["--keep=x"]),
        ]:
            self.assertIn("usage: FERRYWHEEL_TOOLS=" + verb, self.tool(bundle, verb, *arguments, exit_code=2))


class Keeping(ToolCase):
    def versions(self, *numbers):
        """Start bundles of several versions one after the other; the last use of each is a day after the one before."""
        for at, number in enumerate(numbers):
            bundle = self.bundle(probe_wheel(version=number), file="%s.pyz" % number)
            prefix = self.seen(bundle)["prefix"]
            os.utime(prefix + "/.ferrywheel/boot", (time.time() - 86400.0 * (len(numbers) - at) + 10,) * 2)
            yield prefix

    def test_the_last_two_old_environments_are_kept(self):
        paths = list(self.versions("1", "2", "3", "4", "5"))
        self.assertEqual([os.path.exists(path) for path in paths], [False, False, True, True, True])

    def test_an_environment_in_use_is_kept(self):
        wheel = oracle.Wheel(
            "waits", files={"waits.py": "import sys\ndef main():\n    print('up', flush=True)\n    sys.stdin.read()\n"}
        )
        bundle = self.bundle(wheel, entry_point=("function", "waits:main"), file="waits.pyz")
        process = subprocess.Popen(
            [sys.executable, bundle], env=self.environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.assertEqual(process.stdout.readline(), b"up\n")
        used = self.environment()
        os.utime(used + "/.ferrywheel/boot", (1, 1))
        list(self.versions("1", "2", "3", "4"))
        self.assertTrue(os.path.isdir(used))
        process.communicate(b"")
        self.tool(self.bundle(), "gc")
        self.assertFalse(os.path.isdir(used))

    def test_a_replaced_environment_stays_until_nobody_uses_it(self):
        wheel = oracle.Wheel(
            "waits", files={"waits.py": "import sys\ndef main():\n    print('up', flush=True)\n    sys.stdin.read()\n"}
        )
        bundle = self.bundle(wheel, entry_point=("function", "waits:main"))
        process = subprocess.Popen(
            [sys.executable, bundle], env=self.environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.assertEqual(process.stdout.readline(), b"up\n")
        self.assertEqual(self.start(bundle, FERRYWHEEL_FORCE_EXTRACT="1").returncode, 0)
        aside = [name for name in os.listdir(self.root) if name.startswith(".old")]
        self.assertEqual(len(aside), 1)
        process.communicate(b"")
        self.assertEqual(self.start(bundle, FERRYWHEEL_FORCE_EXTRACT="1").returncode, 0)
        self.assertEqual([name for name in os.listdir(self.root) if name.startswith(".old")], [])

    def test_gc_removes_by_age_and_number(self):
        paths = list(self.versions("1", "2", "3"))
        bundle = os.path.join(self.folder, "3.pyz")
        self.assertEqual(self.tool(bundle, "gc"), "")
        self.assertEqual(self.tool(bundle, "gc", "--keep=0", "--days=2.5"), "removed %s\n" % paths[0])
        self.assertEqual(self.tool(bundle, "gc", "--keep=0"), "removed %s\n" % paths[1])
        self.seen(bundle)

    def test_only_own_and_complete_folders_are_removed(self):
        paths = list(self.versions("1", "2"))
        name = os.path.basename(paths[0])
        others = ["other" + name[5:], "hello", name + "x", name[:-1] + "g"]
        for other in others:
            os.makedirs(os.path.join(self.root, other))
        foreign = os.path.join(self.root, name[:-8] + "00000000")
        os.mkdir(foreign)
        os.symlink(self.home, os.path.join(self.root, name[:-8] + "00000001"))
        if os.geteuid() == 0:
            os.chown(paths[0], 65534, 65534)
        self.tool(os.path.join(self.folder, "2.pyz"), "gc", "--keep=0")
        left = os.listdir(self.root)
        for other in others + [os.path.basename(foreign), name[:-8] + "00000001"]:
            self.assertIn(other, left)
        self.assertEqual(os.path.exists(paths[0]), os.geteuid() == 0)

    def test_what_killed_starts_of_other_versions_left_is_removed_a_day_later(self):
        (path,) = self.versions("1")
        stale, fresh = (
            os.path.join(self.root, ".tmp-hello-%016x-cpython-311-00000000-x" % number) for number in (1, 2)
        )
        os.mkdir(stale)
        os.mkdir(fresh)
        os.utime(stale, (1, 1))
        list(self.versions("2"))
        self.assertEqual([os.path.exists(item) for item in (stale, fresh, path)], [False, True, True])

    def test_locks_of_removed_environments_go_with_them(self):
        list(self.versions("1", "2", "3", "4", "5"))
        self.assertEqual(len([name for name in os.listdir(self.root) if name.endswith(".lock")]), 3)

    def test_gc_without_locks_or_roots_removes_nothing(self):
        paths = list(self.versions("1", "2"))
        inject = injections.NO_LOCKS
        self.assertEqual(self.tool(os.path.join(self.folder, "2.pyz"), "gc", "--keep=0", inject=inject), "")
        self.assertTrue(os.path.exists(paths[0]))
        self.assertEqual(
            self.tool(os.path.join(self.folder, "2.pyz"), "gc", FERRYWHEEL_ROOT=self.folder + "/absent"), ""
        )

    def test_the_root_is_marked_as_a_cache(self):
        bundle = self.bundle()
        self.seen(bundle)
        with open(self.root + "/CACHEDIR.TAG") as file:
            self.assertTrue(file.read().startswith("Signature: 8a477f597d28d172789f06886806bc55\n"))

    def test_the_application_holds_no_low_descriptor(self):
        code = (
            "import os\ndef main():\n    links = [(fd, '/proc/self/fd/%d' % fd) for fd in range(3, 256)]\n"
            "    print([fd for fd, link in links if os.path.exists(link) and 'root' in os.readlink(link)])\n"
        )
        bundle = self.bundle(oracle.Wheel("fds", files={"fds.py": code}), entry_point=("function", "fds:main"))
        for _ in range(2):
            self.assertEqual(self.start(bundle).stdout, "[60]\n")

    def test_few_descriptors_are_no_obstacle(self):
        inject = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))\n"
        self.seen(self.bundle(), inject=inject)
