"""Which wheels fit which hosts: the compatibility-tags specification on invented hosts."""

import importlib
import os
import struct
import sys
import sysconfig
import types
import unittest
from unittest import mock

from support import BundleCase, load_bootstrap

load_bootstrap()
tags = importlib.import_module("_bootstrap.tags")

DEBIAN = tags.Host("cp", (3, 11), "cp311", "linux", "x86_64", "glibc", (2, 36))
ALPINE = tags.Host("cp", (3, 12), "cp312", "linux", "x86_64", "musl", (1, 2))
THREADED = tags.Host("cp", (3, 13), "cp313t", "linux", "aarch64", "glibc", (2, 39), is_threaded=True)
PYPY = tags.Host("pp", (3, 9), "pypy39_pp73", "linux", "x86_64", "glibc", (2, 31))
MAC = tags.Host("cp", (3, 12), "cp312", "darwin", "arm64", mac_version=(14, 2))
INTEL_MAC = tags.Host("cp", (3, 12), "cp312", "darwin", "x86_64", mac_version=(10, 15))
WINDOWS = tags.Host("cp", (3, 12), "cp312", "win32", "win_amd64")
BSD = tags.Host("cp", (3, 11), "cp311", "freebsd14", "amd64")


class Fit(unittest.TestCase):
    def check(self, host, fit, unfit):
        for tag in fit.split():
            self.assertIsNotNone(tags.rank_wheel("x-1-%s.whl" % tag, host), tag)
        for tag in unfit.split():
            self.assertIsNone(tags.rank_wheel("x-1-%s.whl" % tag, host), tag)

    def test_glibc_hosts(self):
        self.check(
            DEBIAN,
            "py3-none-any py2.py3-none-any py311-none-any py38-none-any cp311-none-any cp311-cp311-linux_x86_64 "
            "cp311-cp311-manylinux_2_36_x86_64 cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64 "
            "cp38-abi3-manylinux1_x86_64 "
            "cp32-abi3-manylinux2010_x86_64 cp311-abi3-any py3-none-manylinux_2_5_x86_64 cp310.cp311-none-any",
            "py2-none-any py312-none-any cp310-none-any cp310-cp310-manylinux_2_17_x86_64 "
            "cp311-cp311-manylinux_2_37_x86_64 "
            "cp311-cp311-manylinux_2_17_aarch64 cp311-cp311-musllinux_1_1_x86_64 "
            "cp312-abi3-manylinux_2_17_x86_64 cp3-abi3-any "
            "cp311-cp311-win_amd64 cp311-cp311-macosx_11_0_x86_64 cp311-cp311-manylinux_3_0_x86_64 "
            "cp31-abi3-any pp311-none-any "
            "py3-abi3-any cp311-cp311t-any py4-none-any x-none-any cp313-abi3t-any cp311-cp311-linux_aarch64",
        )

    def test_musl_hosts(self):
        self.check(
            ALPINE,
            "cp312-cp312-musllinux_1_1_x86_64 cp39-abi3-musllinux_1_2_x86_64 py3-none-any",
            "cp312-cp312-musllinux_1_3_x86_64 cp312-cp312-manylinux_2_17_x86_64 "
            "cp312-cp312-manylinux2014_x86_64 cp312-cp312-musllinux_2_0_x86_64",
        )

    def test_free_threaded_pythons(self):
        self.check(
            THREADED,
            "cp313-cp313t-manylinux_2_17_aarch64 py3-none-any cp313-abi3t-any cp313-none-any",
            "cp313-cp313-manylinux_2_17_aarch64 cp38-abi3-manylinux_2_17_aarch64",
        )

    def test_pypy(self):
        self.check(
            PYPY,
            "pp39-pypy39_pp73-manylinux_2_17_x86_64 py3-none-any pp39-none-any",
            "cp39-cp39-manylinux_2_17_x86_64 cp38-abi3-manylinux_2_17_x86_64 pp38-pypy38_pp73-any",
        )

    def test_macs(self):
        self.check(
            MAC,
            "cp312-cp312-macosx_11_0_arm64 cp312-cp312-macosx_14_0_universal2 cp312-cp312-macosx_10_9_universal2",
            "cp312-cp312-macosx_15_0_arm64 cp312-cp312-macosx_11_0_x86_64 cp312-cp312-macosx_10_9_arm64 "
            "cp312-cp312-manylinux_2_17_x86_64 cp312-cp312-macosx",
        )
        self.check(
            INTEL_MAC,
            "cp312-cp312-macosx_10_9_x86_64 cp312-cp312-macosx_10_6_intel cp312-cp312-macosx_10_9_universal2",
            "cp312-cp312-macosx_11_0_x86_64 cp312-cp312-macosx_10_9_arm64",
        )

    def test_windows_and_others(self):
        self.check(WINDOWS, "cp312-cp312-win_amd64 py3-none-any", "cp312-cp312-win32 cp312-cp312-manylinux_2_17_x86_64")
        self.check(BSD, "cp311-cp311-freebsd14_amd64 py3-none-any", "cp311-cp311-linux_x86_64")

    def test_a_distributors_judgement_counts(self):
        strict = tags.Host(
            "cp",
            (3, 11),
            "cp311",
            "linux",
            "x86_64",
            "glibc",
            (2, 36),
            manylinux_policy=lambda major, minor, machine: minor < 20,
        )
        self.check(strict, "cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_28_x86_64")

    def test_names_that_are_no_wheels_fit_nothing(self):
        for name in "x-1.tar.gz", "x-1-py3-none.whl", "x.whl", "a-b-c-d-e-f-g.whl":
            self.assertIsNone(tags.rank_wheel(name, DEBIAN), name)
        self.assertIsNotNone(tags.rank_wheel("x-1-1build-py3-none-any.whl", DEBIAN))

    def test_the_more_special_wheel_ranks_higher(self):
        order = [
            "py38-none-any",
            "py311-none-any",
            "cp311-none-any",
            "cp38-abi3-manylinux_2_17_x86_64",
            "cp39-abi3-manylinux_2_17_x86_64",
            "cp311-cp311-linux_x86_64",
            "cp311-cp311-manylinux_2_17_x86_64",
            "cp311-cp311-manylinux_2_28_x86_64",
        ]
        ranks = [tags.rank_wheel("x-1-%s.whl" % tag, DEBIAN) for tag in order]
        self.assertEqual(ranks, sorted(ranks))
        self.assertEqual(len(set(ranks)), len(ranks))

    def test_the_same_machine_with_another_python(self):
        other = DEBIAN.with_version((3, 13))
        self.check(
            other,
            "cp313-cp313-manylinux_2_17_x86_64 cp311-abi3-manylinux_2_17_x86_64",
            "cp311-cp311-manylinux_2_17_x86_64",
        )


class Versions(unittest.TestCase):
    def test_requires_python(self):
        for text, version, expected in [
            ("", "3.11.2", True),
            (">=3.9", "3.11.2", True),
            (">=3.12", "3.11.2", False),
            (">=3.11.3", "3.11.2", False),
            ("<3.11", "3.11.2", False),
            ("<4", "3.11.2", True),
            (">3.11", "3.11.0", False),
            (">3.11.1", "3.11.2", True),
            ("<=3.11", "3.11.2", False),
            ("<=3.11.2", "3.11.2", True),
            ("==3.11.*", "3.11.2", True),
            ("==3.11.*", "3.12.0", False),
            ("!=3.11.*", "3.11.2", False),
            ("!=3.11.2", "3.11.2", False),
            ("~=3.9", "3.11.2", True),
            ("~=3.9", "4.0.0", False),
            ("~=3.11.1", "3.12.0", False),
            (">=3.8, !=3.9.*, <4.0", "3.9.1", False),
            ("===weird", "3.11.2", True),
            (">=3.8,nonsense", "3.11.2", True),
            ("==3", "3.0.0", True),
        ]:
            self.assertIs(tags.satisfies(text, version), expected, (text, version))


class Words(unittest.TestCase):
    def test_hosts(self):
        for host, expected in [
            (DEBIAN, "CPython 3.11 with glibc 2.36"),
            (ALPINE, "CPython 3.12 with musl 1.2"),
            (THREADED, "CPython 3.13 (free-threaded) with glibc 2.39"),
            (PYPY, "PyPy 3.9 with glibc 2.31"),
            (MAC, "CPython 3.12 on macOS"),
            (WINDOWS, "CPython 3.12 on Windows"),
            (BSD, "CPython 3.11 on freebsd14"),
        ]:
            self.assertEqual(tags.describe_host(host), expected)

    def test_needs(self):
        for python, abi, expected in [
            ("cp313", "cp313", "CPython 3.13 (cp313)"),
            ("cp38", "abi3", "CPython 3.8 or newer (cp38-abi3)"),
            ("py3", "none", "Python 3"),
            ("py310", "none", "Python 3.10 or newer"),
            ("cp314", "cp314t", "CPython 3.14 free-threaded (cp314t)"),
            ("odd", "none", "odd"),
        ]:
            self.assertEqual(tags.describe_python(python, abi), expected)


class Detection(BundleCase):
    def test_the_running_interpreter_accepts_what_pip_accepts(self):
        host = tags.detect()
        self.assertEqual(
            (host.family, host.version),
            ("cp" if sys.implementation.name == "cpython" else host.family, sys.version_info[:2]),
        )
        try:
            from pip._vendor.packaging.tags import sys_tags
        except ImportError:
            self.skipTest("no pip here to compare with")
        for tag in sys_tags():
            name = "x-1-%s.whl" % tag
            if tag.abi.startswith("cp") and tag.abi != host.abi:
                continue  # pip also lists debug builds
            if (
                tag.interpreter.startswith("py")
                and len(tag.interpreter) > 3
                and int(tag.interpreter[3:]) > sys.version_info[1]
            ):
                continue
            self.assertIsNotNone(tags.rank_wheel(name, host), name)

    def elf(self, loader, bits=64, order="<", kind=3):
        """A tiny ELF file that names a loader."""
        flag = 2 if bits == 64 else 1
        ident = b"\x7fELF" + bytes([flag, 1 if order == "<" else 2, 1]) + b"\0" * 9
        if bits == 64:
            header = ident + struct.pack(order + "HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
            program = struct.pack(order + "IIQQQQQQ", kind, 4, 120, 0, 0, len(loader) + 1, 0, 1)
        else:
            header = ident + struct.pack(order + "HHIIIIIHHHHHH", 2, 3, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
            program = struct.pack(order + "IIIIIIII", kind, 84, 0, 0, len(loader) + 1, 0, 4, 1)
        return header + program + loader.encode() + b"\0"

    def test_the_loader_is_read_from_every_kind_of_program(self):
        for bits in 32, 64:
            for order in "<", ">":
                path = self.write("program", self.elf("/lib/ld-musl-x86_64.so.1", bits, order))
                self.assertEqual(tags.find_loader(path), "/lib/ld-musl-x86_64.so.1")
        self.assertEqual(tags.find_loader(self.write("program", self.elf("/x", kind=1))), "")
        self.assertEqual(tags.find_loader(self.write("program", b"#!/bin/sh\n")), "")
        self.assertEqual(tags.find_loader(self.write("program", b"\x7fELF\x02\x01")), "")
        self.assertEqual(tags.find_loader("/nonexistent"), "")

    def test_the_version_of_musl_is_asked_of_its_loader(self):
        loader = self.write(
            "ld-musl-x86_64.so.1", "#!/bin/sh\necho 'musl libc (x86_64)' >&2\necho 'Version 1.2.4' >&2\nexit 1\n"
        )
        program = self.write("program", self.elf(loader))
        self.assertEqual(tags.read_musl(program), ("musl", (1, 2)))
        self.write("ld-musl-x86_64.so.1", "#!/bin/sh\n")
        self.assertEqual(tags.read_musl(program), ("musl", (1, 1)))
        os.unlink(loader)
        self.assertEqual(tags.read_musl(program), ("musl", (1, 1)))
        with mock.patch.object(os, "confstr", side_effect=ValueError), mock.patch.object(sys, "executable", program):
            self.assertEqual(tags.detect().libc, "musl")
        with mock.patch.object(os, "confstr", side_effect=OSError), mock.patch.object(sys, "executable", "/bin/sh"):
            self.assertEqual(tags.detect().libc, "")

    def test_other_systems_are_told_apart(self):
        uname = types.SimpleNamespace(machine="arm64")
        with mock.patch.object(sys, "platform", "darwin"), mock.patch.object(os, "uname", lambda: uname):
            with mock.patch("platform.mac_ver", lambda: ("14.2.1", ("", "", ""), "")):
                host = tags.detect()
        self.assertEqual((host.system, host.machine, host.mac_version, host.libc), ("darwin", "arm64", (14, 2), ""))
        with mock.patch.object(sys, "platform", "win32"), mock.patch.object(
            sysconfig, "get_platform", lambda: "win-amd64"
        ):
            self.assertEqual(tags.detect().machine, "win_amd64")
        uname.machine = "x86_64"
        with mock.patch.object(sys, "maxsize", 2**31 - 1), mock.patch.object(os, "uname", lambda: uname):
            self.assertEqual(tags.detect().machine, "i686")

    def test_other_implementations_are_told_apart(self):
        names = types.SimpleNamespace(name="pypy", cache_tag="pypy39")
        with mock.patch.object(sys, "implementation", names), mock.patch.object(
            sysconfig, "get_config_var", {"SOABI": "pypy39-pp73-x86_64-linux-gnu"}.get
        ):
            host = tags.detect()
        self.assertEqual((host.family, host.abi), ("pp", "pypy39_pp73"))
        with mock.patch.object(sysconfig, "get_config_var", {"Py_GIL_DISABLED": 1}.get):
            self.assertEqual(tags.detect().abi, "cp%d%dt" % sys.version_info[:2])

    def test_a_manylinux_module_of_the_distributor_is_asked(self):
        module = types.ModuleType("_manylinux")
        module.manylinux_compatible = lambda *_: False
        with mock.patch.dict(sys.modules, {"_manylinux": module}):
            self.assertIs(tags.detect().manylinux_policy, module.manylinux_compatible)
