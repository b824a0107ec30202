"""Which folders a bundle unpacks into and runs from, and which it refuses."""

import os
import stat
import subprocess
import sys
import unittest

import injections
from support import IS_ROOT, NOBODY, BundleCase, probe_wheel

needs_root = unittest.skipUnless(IS_ROOT, "giving files to another user needs root")


class Roots(BundleCase):
    def roots(self, bundle, **variables):
        """The root that was used."""
        variables.setdefault("FERRYWHEEL_ROOT", None)
        return os.path.dirname(self.seen(bundle, **variables)["prefix"])

    def test_the_first_root_that_can_be_used_wins(self):
        bundle = self.bundle()
        names = {name: os.path.join(self.folder, name) for name in ("own", "shiv", "service", "xdg")}
        every = {
            "FERRYWHEEL_ROOT": names["own"],
            "SHIV_ROOT": names["shiv"],
            "CACHE_DIRECTORY": names["service"] + ":/other",
            "XDG_CACHE_HOME": names["xdg"],
        }
        for variable, expected in [
            ("FERRYWHEEL_ROOT", names["own"]),
            ("SHIV_ROOT", names["shiv"]),
            ("CACHE_DIRECTORY", names["service"]),
            ("XDG_CACHE_HOME", names["xdg"] + "/ferrywheel"),
            (None, self.home + "/.cache/ferrywheel"),
        ]:
            self.assertEqual(self.roots(bundle, **every), expected)
            self.assertEqual(stat.S_IMODE(os.stat(expected).st_mode), 0o700)
            every[variable] = None

    def test_relative_cache_folders_are_ignored_and_a_named_root_is_not(self):
        bundle = self.bundle()
        self.assertEqual(
            self.roots(bundle, XDG_CACHE_HOME="rel", CACHE_DIRECTORY="rel"), self.home + "/.cache/ferrywheel"
        )
        self.assertEqual(self.roots(bundle, FERRYWHEEL_ROOT="here"), self.folder + "/here")
        self.assertEqual(self.roots(bundle, FERRYWHEEL_ROOT="~/mine"), self.home + "/mine")

    def test_without_a_home_a_private_folder_is_the_last_resort(self):
        bundle = self.bundle()
        last = os.path.join(self.folder, "last-%d")
        for home in None, "/", "relative":
            with self.subTest(home):
                self.assertEqual(
                    self.roots(bundle, HOME=home, inject=injections.LAST_RESORT % last), last % os.geteuid()
                )
        self.assertEqual(stat.S_IMODE(os.stat(last % os.geteuid()).st_mode), 0o700)

    def test_the_last_resort_must_be_private(self):
        bundle = self.bundle()
        last = os.path.join(self.folder, "last-%d")
        os.mkdir(last % os.geteuid(), 0o755)
        text = self.refused(bundle, 68, HOME=None, FERRYWHEEL_ROOT=None, inject=injections.LAST_RESORT % last)
        self.assertIn("is open to other users (mode 0755)", text)
        self.assertIn("Set FERRYWHEEL_ROOT", text)

    def test_a_home_that_cannot_be_written_leads_to_the_next_root(self):
        bundle = self.bundle()
        file = self.write("not-a-folder", "")
        last = os.path.join(self.folder, "last-%d")
        self.assertEqual(self.roots(bundle, HOME=file, inject=injections.LAST_RESORT % last), last % os.geteuid())
        done = self.start(
            bundle, HOME=file, FERRYWHEEL_ROOT=None, FERRYWHEEL_VERBOSE="1", inject=injections.LAST_RESORT % last
        )
        self.assertIn("/.cache/ferrywheel (HOME): ", done.stderr)

    @needs_root
    def test_a_read_only_root_is_refused_with_every_attempt(self):
        bundle = self.bundle()
        readonly = os.path.join(self.folder, "readonly")
        os.mkdir(readonly)
        script = "mount -t tmpfs -o ro,mode=755 none %s && exec %s %s" % (readonly, sys.executable, bundle)
        environ = self.environ(FERRYWHEEL_ROOT=readonly)
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
        if "unshare" in done.stderr or "mount" in done.stderr.split("\n")[0]:
            self.skipTest("no mount namespaces here: " + done.stderr)
        self.assertEqual(done.returncode, 68, done.stderr)
        self.assertIn("%s (FERRYWHEEL_ROOT or SHIV_ROOT): it is not writable" % readonly, done.stderr)

    def test_a_folder_readable_by_all_stays_so(self):
        os.mkdir(self.root, 0o755)
        self.seen(self.bundle())
        self.assertEqual(stat.S_IMODE(os.stat(self.environment()).st_mode), 0o755)


class Refused(BundleCase):
    def test_a_root_that_others_may_write_is_refused_unchanged(self):
        bundle = self.bundle()
        for mode in 0o777, 0o1777, 0o775, 0o722:
            with self.subTest(oct(mode)):
                os.makedirs(self.root, exist_ok=True)
                os.chmod(self.root, mode)
                text = self.refused(bundle, 68)
                self.assertIn("is open to other users (mode %04o)" % mode, text)
                self.assertEqual(stat.S_IMODE(os.stat(self.root).st_mode), mode)
                self.assertEqual(os.listdir(self.root), [])

    def test_a_root_that_others_open_later_is_refused_too(self):
        bundle = self.bundle()
        self.seen(bundle)
        os.chmod(self.root, 0o777)
        self.assertIn("is open to other users", self.refused(bundle, 68))
        os.chmod(self.root, 0o700)
        os.chmod(self.environment(), 0o777)
        self.assertIn("is open to other users", self.refused(bundle, 68))

    @needs_root
    def test_a_root_or_environment_of_another_user_is_refused(self):
        bundle = self.bundle()
        self.seen(bundle)
        environment = self.environment()
        os.chown(environment, NOBODY, NOBODY)
        self.assertIn("belongs to user id %d" % NOBODY, self.refused(bundle, 68))
        os.chown(environment, 0, 0)
        os.chown(environment + "/.complete", NOBODY, NOBODY)
        self.assertEqual(
            self.seen(bundle)["prefix"], environment, "a foreign marker counts for nothing; it is made again"
        )
        self.assertEqual(os.stat(environment + "/.complete").st_uid, 0)
        os.chown(self.root, NOBODY, NOBODY)
        self.assertIn("belongs to user id %d" % NOBODY, self.refused(bundle, 68))

    @needs_root
    def test_root_does_not_write_into_a_users_cache(self):
        os.chown(self.home, NOBODY, NOBODY)
        text = self.refused(
            self.bundle(), 68, FERRYWHEEL_ROOT=None, inject=injections.LAST_RESORT % (self.write("no", "") + "/%d")
        )
        self.assertIn("%s on the way to it belongs to user id %d" % (self.home, NOBODY), text)
        self.assertEqual(os.listdir(self.home), [])

    def test_links_at_the_root_or_the_environment_are_refused(self):
        bundle = self.bundle()
        self.seen(bundle)
        real = self.environment()
        os.rename(real, self.folder + "/elsewhere")
        os.symlink(self.folder + "/elsewhere", real)
        self.assertIn("it is a symbolic link", self.refused(bundle, 68))
        os.rename(self.root, self.folder + "/root2")
        os.symlink(self.folder + "/root2", self.root)
        self.assertIn("it is a symbolic link", self.refused(bundle, 68))

    def test_links_on_the_way_are_followed_only_where_nobody_else_can_plant_them(self):
        bundle = self.bundle()
        os.mkdir(self.folder + "/real", 0o700)
        os.symlink("real/../real", self.folder + "/link")
        self.seen(bundle, FERRYWHEEL_ROOT=self.folder + "/link/root")
        shared = self.folder + "/shared"
        os.mkdir(shared)
        os.chmod(shared, 0o1777)
        os.symlink(self.folder + "/real", shared + "/link")
        text = self.refused(bundle, 68, FERRYWHEEL_ROOT=shared + "/link/root")
        self.assertIn("is a symbolic link that others can plant", text)
        os.mkdir(shared + "/own", 0o700)
        self.seen(bundle, FERRYWHEEL_ROOT=shared + "/own/root")
        os.symlink("loop", self.folder + "/loop")
        self.assertIn("symbolic link", self.refused(bundle, 68, FERRYWHEEL_ROOT=self.folder + "/loop/root"))

    def test_a_way_that_others_can_change_is_refused(self):
        shared = self.folder + "/shared"
        os.makedirs(shared + "/root", 0o700)
        bundle = self.bundle()
        for mode in 0o777, 0o770:
            os.chmod(shared, mode)
            if mode == 0o770 and IS_ROOT:
                os.chown(shared, -1, NOBODY)
            text = self.refused(bundle, 68, FERRYWHEEL_ROOT=shared + "/root")
            self.assertIn("%s on the way to it can be changed by other users" % shared, text)

    def test_a_file_instead_of_a_root_is_refused(self):
        self.write("root", "")
        self.assertIn("it is not a folder", self.refused(self.bundle(), 68))
        self.assertIn("Not a directory", self.refused(self.bundle(), 68, FERRYWHEEL_ROOT=self.root + "/below"))

    def test_a_mount_that_forbids_execution_is_refused_for_native_modules_only(self):
        inject = injections.NOEXEC
        self.seen(self.bundle(), inject=inject)
        text = self.refused(self.bundle(probe_wheel(is_native=True)), 68, inject=inject)
        self.assertIn("mounted noexec, but this bundle has native extension modules", text)


@needs_root
class OtherUsers(BundleCase):
    """Root unpacks, an ordinary user starts."""

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        for self.python in os.path.realpath(sys.executable), "/usr/bin/python3":
            try:
                if self.start_as_nobody(self.python, "-c", "").returncode == 0:
                    return
            except OSError:
                continue
        self.skipTest("no Python here that an ordinary user may run")

    def start_as_nobody(self, *command, **variables):
        environ = self.environ(HOME="/nonexistent", FERRYWHEEL_ROOT=None, **variables)

        def drop():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        return subprocess.run(
            command,
            env=environ,
            preexec_fn=drop,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            timeout=60,
        )

    def test_an_environment_unpacked_by_root_serves_every_user(self):
        bundle = self.bundle()
        done = self.start(bundle, bundle + ".env", python=self.python, FERRYWHEEL_TOOLS="unpack")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        by_script = self.start_as_nobody(bundle + ".env/bin/hello", "x")
        self.assertEqual((by_script.returncode, by_script.stderr), (0, ""))
        by_bundle = self.start_as_nobody(self.python, bundle, "x")
        self.assertEqual((by_bundle.returncode, by_bundle.stderr), (0, ""))
        self.assertIn('"prefix": "%s.env"' % bundle, by_bundle.stdout)

    def test_a_sibling_of_another_user_is_not_used(self):
        bundle = self.bundle()
        self.start(bundle, bundle + ".env", python=self.python, FERRYWHEEL_TOOLS="unpack")
        os.chown(bundle + ".env", NOBODY, NOBODY)
        self.assertTrue(self.seen(bundle, python=self.python)["prefix"].startswith(self.root))
        os.chmod(self.root, 0o777)
        self.assertIn("beside the archive", self.refused(bundle, 68, python=self.python))

    def test_a_prepared_root_serves_every_user(self):
        bundle = self.bundle()
        os.mkdir(self.root, 0o755)
        self.assertEqual(self.start(bundle, python=self.python, FERRYWHEEL_TOOLS="prepare").returncode, 0)
        done = self.start_as_nobody(self.python, bundle, CACHE_DIRECTORY=self.root)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_nobody_without_any_folder_is_told_each_attempt(self):
        bundle = self.bundle()
        inject = injections.LAST_RESORT % (self.folder + "/%d")
        done = self.start_as_nobody(
            self.python, bundle, inject=inject, CACHE_DIRECTORY=self.folder, XDG_CACHE_HOME="/proc"
        )
        self.assertEqual(done.returncode, 68, done.stderr)
        labels = [line.partition("(")[2].partition(")")[0] for line in done.stderr.splitlines()[1:-1]]
        self.assertEqual(labels, ["CACHE_DIRECTORY", "XDG_CACHE_HOME", "HOME", "last resort"])
        self.assertIn("CACHE_DIRECTORY): it is not writable", done.stderr)
