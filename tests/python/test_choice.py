"""Which Python runs a bundle, and what is said if none can."""

import glob
import os
import shutil
import subprocess
import sys
import unittest

import oracle
from support import BundleCase, load_bootstrap, probe_wheel

VERSION = sys.version_info[:2]
OTHER = (3, VERSION[1] + 1)


def pythons():
    """Real interpreters on this machine by version, e.g. {(3, 8): path}; the running one is left out."""
    found = {}
    candidates = glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python[23].[0-9]*")) + glob.glob(
        "/usr/bin/python[23].[0-9]*"
    )
    for path in candidates:
        name = os.path.basename(path)[len("python") :]
        if name.replace(".", "").isdigit() and os.path.isfile(path):
            version = tuple(int(part) for part in name.split("."))
            if version != VERSION:
                found.setdefault(version, path)
    return found


class Refusals(BundleCase):
    def refusal(self, *tags, requires_python=""):
        wheels = [probe_wheel(tag=tags[0])] + [oracle.Wheel("more%d" % at, tag=tag) for at, tag in enumerate(tags[1:])]
        text = self.refused(self.bundle(*wheels, requires_python=requires_python), 65, FERRYWHEEL_NO_REEXEC="1")
        self.assertNotIn("\n", text)
        self.assertTrue(text.startswith("hello.pyz needs "), text)
        self.assertEqual(self.environments(), [])
        return text

    def test_the_needed_and_the_present_python_are_named_in_one_line(self):
        machine = os.uname().machine
        tag = "cp3%d-cp3%d-manylinux_2_17_%s.manylinux_2_28_%s" % (OTHER[1], OTHER[1], machine, machine)
        text = self.refusal(tag)
        host = load_bootstrap() and __import__("_bootstrap.tags").tags
        expected = "hello.pyz needs CPython 3.%d (cp3%d) on Linux %s with glibc 2.17 or newer; this is %s"
        self.assertIn(expected % (OTHER[1], OTHER[1], machine, host.describe_host(host.detect())), text)

    def test_other_needs_are_named_too(self):
        for expected, tag in [
            ("CPython 3.99 or newer (cp399-abi3) on macOS 11.0 or newer on arm64", "cp399-abi3-macosx_11_0_arm64"),
            ("Linux s390x with musl 1.2 or newer", "cp39-cp39-musllinux_1_2_s390x"),
            ("Windows x86_64", "cp39-cp39-win_amd64"),
            ("Linux s390x with glibc 2.17 or newer", "py3-none-manylinux2014_s390x"),
            ("PyPy 3.9 (pp39)", "pp39-pypy39_pp73-any"),
            ("Python 2", "py2-none-any"),
            ("free-threaded (cp313t)", "cp313-cp313t-any"),
            ("linux_s390x", "py3-none-linux_s390x"),
            ("strange", "strange-none-any"),
        ]:
            with self.subTest(tag):
                self.assertIn(expected, self.refusal(tag))

    def test_several_unfit_wheels_are_counted(self):
        self.assertIn("and 2 more wheels)", self.refusal("cp399-cp399-any", "cp399-cp399-any", "py2-none-any"))

    def test_the_floor_of_a_pure_bundle_is_named(self):
        self.assertIn("hello.pyz needs Python >=3.99; this is", self.refusal("py3-none-any", requires_python=">=3.99"))

    def test_a_pure_bundle_starts_on_every_python_that_meets_its_floor(self):
        self.seen(self.bundle(requires_python=">=3.8,!=3.9.999"))

    def test_the_best_of_several_wheels_is_installed(self):
        own = "cp%d%d-none-any" % VERSION
        wheels = [
            probe_wheel(files={"which.py": "which = %r\n" % tag}, tag=tag)
            for tag in ("py3-none-any", own, "cp399-cp399-any")
        ]
        bundle = self.bundle(*wheels, entry_point=("interpreter", ""))
        self.assertEqual(self.start(bundle, "-c", "import which; print(which.which)").stdout, own + "\n")


@unittest.skipUnless(pythons(), "there is no other Python here")
class OtherPythons(BundleCase):
    def test_every_python_of_this_machine_starts_a_pure_bundle_or_says_why_not(self):
        bundle = self.bundle()
        for version, path in sorted(pythons().items()):
            with self.subTest(version):
                if version >= (3, 8):
                    for _ in "cold", "warm":
                        self.assertEqual(self.seen(bundle, "x", python=path)["argv"][1:], ["x"])
                    continue
                text = self.refused(bundle, 64, python=path)
                self.assertIn(
                    "hello.pyz needs Python 3.8 or newer; this is Python %d.%d (%s)" % (version + (path,)), text
                )
                self.assertNotIn("\n", text)

    def fit(self):
        """A version other than ours, its path, and a folder that has nothing but it."""
        version, path = sorted(item for item in pythons().items() if item[0] >= (3, 8))[-1]
        folder = os.path.join(self.folder, "bin")
        os.makedirs(folder, exist_ok=True)
        link = os.path.join(folder, "python%d.%d" % version)
        if not os.path.lexists(link):
            os.symlink(path, link)
        return version, path, folder

    def test_a_fitting_python_on_the_path_is_found_and_used(self):
        version, path, folder = self.fit()
        bundle = self.bundle(probe_wheel(tag="cp%d%d-none-any" % version))
        seen = self.seen(bundle, "a b", PATH=folder)
        self.assertEqual(os.path.realpath(seen["executable"]), os.path.realpath(path))
        self.assertEqual(seen["argv"][1:], ["a b"])
        done = self.start(bundle, PATH=folder, FERRYWHEEL_VERBOSE="1", FERRYWHEEL_FORCE_EXTRACT="1")
        self.assertIn("continuing with", done.stderr)

    def test_an_environment_that_another_python_made_is_used_without_looking_for_it(self):
        version, path, folder = self.fit()
        bundle = self.bundle(probe_wheel(tag="cp%d%d-none-any" % version))
        self.seen(bundle, python=path)
        self.assertEqual(os.path.realpath(self.seen(bundle, PATH="/nonexistent")["executable"]), os.path.realpath(path))
        self.refused(bundle, 65, PATH="/nonexistent", FERRYWHEEL_NO_REEXEC="1")
        self.refused(bundle, 65, FERRYWHEEL_PYTHON=sys.executable)
        os.unlink(os.path.join(self.environment(), ".complete"))
        self.refused(bundle, 65, PATH="/nonexistent")

    def test_no_other_python_is_tried_if_that_is_forbidden(self):
        version, _, folder = self.fit()
        bundle = self.bundle(probe_wheel(tag="cp%d%d-none-any" % version))
        self.refused(bundle, 65, PATH=folder, FERRYWHEEL_NO_REEXEC="1")

    def test_an_interpreter_that_lies_about_its_version_is_passed_over(self):
        version, _, folder = self.fit()
        os.unlink(os.path.join(folder, "python%d.%d" % version))
        self.write("bin/python%d.%d" % version, '#!/bin/sh\nexec %s "$@"\n' % sys.executable)
        bundle = self.bundle(probe_wheel(tag="cp%d%d-none-any" % version))
        self.refused(bundle, 65, PATH=folder)
        self.write("bin/python%d.%d" % version, "not a program")
        self.refused(bundle, 65, PATH=folder)

    def test_a_named_python_is_used(self):
        version, path, folder = self.fit()
        bundle = self.bundle()
        for name, search in (path, os.defpath), ("python%d.%d" % version, folder):
            seen = self.seen(bundle, FERRYWHEEL_PYTHON=name, PATH=search)
            self.assertEqual(os.path.realpath(seen["executable"]), os.path.realpath(path))
        self.seen(bundle, FERRYWHEEL_PYTHON=sys.executable)

    def test_a_named_python_that_is_not_there_is_refused(self):
        bundle = self.bundle()
        self.assertIn("is not on PATH", self.refused(bundle, 65, FERRYWHEEL_PYTHON="python9.9"))
        self.assertIn("cannot be executed", self.refused(bundle, 65, FERRYWHEEL_PYTHON="/nonexistent/python"))

    def test_tools_prepare_for_the_python_that_will_run(self):
        version, _, folder = self.fit()
        bundle = self.bundle(probe_wheel(tag="cp%d%d-none-any" % version))
        done = self.start(bundle, PATH=folder, FERRYWHEEL_TOOLS="prepare")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("cpython-%d%d" % version, done.stdout)

    @unittest.skipUnless(shutil.which("sh"), "needs a shell")
    def test_a_bundle_is_a_program(self):
        bundle = self.bundle()
        _, _, folder = self.fit()
        os.symlink(sys.executable, os.path.join(folder, "python3"))
        done = subprocess.run(
            [bundle, "x"],
            env=self.environ(PATH=folder + ":/usr/bin:/bin"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.assertEqual((done.returncode, done.stderr), (0, b""))
