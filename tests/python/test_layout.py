"""How wheels are spread: every place of the wheel format, RECORD, modes, scripts, and what is refused."""

import base64
import csv
import hashlib
import os
import subprocess
import sys
import zipfile

import oracle
from support import BundleCase, probe_wheel

VERSION = "python%d.%d" % sys.version_info[:2]


class Installed(BundleCase):
    def test_every_place_of_the_wheel_format_is_served(self):
        data = "probe-1.0.data/"
        wheel = probe_wheel(
            files={
                data + "purelib/pure.py": "",
                data + "platlib/plat/x.py": "",
                data + "headers/sub/h.h": "h",
                data + "data/share/doc/d.txt": "d",
                data + "scripts/tool": "#!python -E\nimport sys\nprint(sys.prefix)\n",
                data + "scripts/win": "#!pythonw\nprint('w')\n",
                data + "data/bin/python-tool": "t",
                data + "scripts/raw": "#!/bin/sh\necho raw\n",
                data + "scripts/bin.dat": b"\x00\x01",
            }
        )
        self.seen(self.bundle(wheel))
        env = self.environment()
        for path in ("lib/%s/site-packages/pure.py", "lib/%s/site-packages/plat/x.py", "include/site/%s/probe/sub/h.h"):
            self.assertTrue(os.path.isfile(os.path.join(env, path % VERSION)), path)
        with open(env + "/share/doc/d.txt") as file:
            self.assertEqual(file.read(), "d")
        self.assertEqual(subprocess.check_output([env + "/bin/tool"], universal_newlines=True), env + "\n")
        self.assertEqual(subprocess.check_output([env + "/bin/win"], universal_newlines=True), "w\n")
        self.assertEqual(subprocess.check_output([env + "/bin/raw"], universal_newlines=True), "raw\n")
        self.assertTrue(os.path.isfile(env + "/bin/python-tool"))
        self.assertFalse(os.path.exists(self.site_packages() + "/probe-1.0.data"))

    def test_record_lists_what_is_there_with_the_right_hashes(self):
        wheel = probe_wheel(
            files={
                "probe-1.0.data/scripts/tool": "#!python\n",
                "probe-1.0.data/data/share/x": "x",
                'odd "name", here.txt': "odd",
                "größe.txt": "ö",
            }
        )
        self.seen(self.bundle(wheel))
        site = self.site_packages()
        with open(site + "/probe-1.0.dist-info/RECORD", newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        self.assertEqual(rows[-1], ["probe-1.0.dist-info/RECORD", "", ""])
        for name, text, size in rows[:-1]:
            with open(os.path.join(site, name), "rb") as file:
                data = file.read()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            self.assertEqual((text, size), ("sha256=" + digest, str(len(data))), name)
        names = {row[0] for row in rows}
        wanted = {
            "../../../bin/tool",
            "../../../bin/hello",
            "../../../share/x",
            'odd "name", here.txt',
            "größe.txt",
            "probe-1.0.dist-info/INSTALLER",
        }
        self.assertLessEqual(wanted, names)

    def test_metadata_of_every_distribution_is_found(self):
        other = oracle.Wheel("other_thing", "2.0", {"other.py": ""})
        bundle = self.bundle(probe_wheel(), other, entry_point=("interpreter", ""))
        code = (
            "from importlib.metadata import version, files, entry_points, distribution as d; "
            "print(version('probe'), version('other-thing'), d('probe').read_text('INSTALLER').strip(), "
            "all(f.locate().exists() for f in files('probe')), "
            "d('probe').read_text('direct_url.json'))"
        )
        done = self.start(bundle, "-c", code)
        self.assertEqual((done.stdout, done.stderr), ("1.0 2.0 ferrywheel True None\n", ""))

    def test_files_that_only_an_installer_may_write_are_left_out(self):
        info = "probe-1.0.dist-info/"
        wheel = probe_wheel(
            files={
                info + "direct_url.json": "{}",
                info + "REQUESTED": "",
                info + "INSTALLER": "x\n",
                info + "licenses/L": "l",
            }
        )
        self.seen(self.bundle(wheel))
        left = set(os.listdir(self.site_packages() + "/probe-1.0.dist-info"))
        self.assertEqual(left, {"METADATA", "WHEEL", "RECORD", "INSTALLER", "entry_points.txt", "licenses"})

    def test_namespace_packages_of_both_kinds_span_wheels(self):
        legacy = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
        first = oracle.Wheel("first", files={"new/one.py": "", "old/__init__.py": legacy, "old/one.py": ""})
        second = oracle.Wheel("second", files={"new/two.py": "", "old/__init__.py": legacy, "old/two.py": ""})
        bundle = self.bundle(first, second, entry_point=("interpreter", ""))
        done = self.start(bundle, "-c", "import new.one, new.two, old.one, old.two; print('ok')")
        self.assertEqual((done.stdout, done.stderr), ("ok\n", ""))

    def test_path_files_run_in_the_application_and_its_children(self):
        wheel = oracle.Wheel("hook", files={"hook.pth": "import sys; sys.hooked = True\nextra\n", "extra/deep.py": ""})
        bundle = self.bundle(wheel, entry_point=("interpreter", ""))
        code = "import sys, subprocess, deep; print(sys.hooked); "
        code += "subprocess.call([sys.executable, '-c', 'import sys, deep; print(sys.hooked)'])"
        self.assertEqual(self.start(bundle, "-uc", code).stdout, "True\nTrue\n")

    def test_only_the_executable_bit_of_a_mode_counts(self):
        def worst(info):
            info.external_attr = (0o104777 if info.filename == "tool.sh" else 0o100000) << 16

        wheel = probe_wheel(files={"tool.sh": "#!/bin/sh\n"}, changes_info=worst)
        old = os.umask(0o022)
        try:
            self.seen(self.bundle(wheel))
        finally:
            os.umask(old)
        self.assertEqual(oct(os.stat(self.site_packages() + "/tool.sh").st_mode), oct(0o100755))
        self.assertEqual(oct(os.stat(self.site_packages() + "/probe.py").st_mode), oct(0o100644))
        self.assertEqual(oct(os.stat(self.environment() + "/bin/hello").st_mode), oct(0o100755))

    def test_a_private_umask_is_respected(self):
        old = os.umask(0o077)
        try:
            self.seen(self.bundle())
        finally:
            os.umask(old)
        self.assertEqual(oct(os.stat(self.site_packages() + "/probe.py").st_mode), oct(0o100600))

    def test_leftovers_of_setuptools_give_way_to_the_entry_point(self):
        data = "probe-1.0.data/scripts/"
        wheel = probe_wheel(
            files={data + "hello": "#!python\nold\n", data + "hello-script.py": "", data + "hello.exe": ""}
        )
        self.seen(self.bundle(wheel))
        self.assertEqual(sorted(os.listdir(self.environment() + "/bin"))[:3], ["fails", "hello", "method"])
        with open(self.environment() + "/bin/hello") as file:
            self.assertIn("from probe import main", file.read())

    def test_a_later_wheel_replaces_a_file_of_an_earlier_one(self):
        first, second = oracle.Wheel("aaa", files={"tests.py": "1"}), oracle.Wheel("bbb", files={"tests.py": "22"})
        self.seen(self.bundle(first, probe_wheel(), second))
        with open(self.site_packages() + "/tests.py") as file:
            self.assertEqual(file.read(), "22")
        self.seen(self.bundle(first, probe_wheel(), second), FERRYWHEEL_VERIFY="full")

    def test_stored_wheels_and_other_record_hashes_are_read(self):
        wheel = probe_wheel(
            algorithm="sha512", compression=zipfile.ZIP_STORED, files={"probe-1.0.data/scripts/tool": "#!python\n"}
        )
        self.seen(self.bundle(wheel))

    def test_big_and_empty_files_are_unpacked_whole(self):
        big = os.urandom(3 << 20) + b"\0" * (9 << 20)
        wheel = probe_wheel(files={"big.bin": big, "empty.bin": b""})
        self.seen(self.bundle(wheel))
        with open(self.site_packages() + "/big.bin", "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).digest(), hashlib.sha256(big).digest())
        self.assertEqual(os.path.getsize(self.site_packages() + "/empty.bin"), 0)

    def test_directory_entries_in_a_wheel_do_no_harm(self):
        self.seen(self.bundle(probe_wheel(folders=("runs/", "empty/"))))
        self.assertFalse(os.path.exists(self.site_packages() + "/empty"))

    def test_no_distribution_at_all_is_an_empty_environment(self):
        bundle = self.write("hello.pyz", oracle.bundle_bytes([], entry_point=("interpreter", "")))
        self.assertEqual(self.start(bundle, "-c", "print('ok')").stdout, "ok\n")


class Shebangs(BundleCase):
    def test_scripts_work_below_a_folder_with_blanks_and_quotes(self):
        self.root = os.path.join(self.folder, "a 'b' \"c\" $d `e`")
        bundle = self.bundle(
            probe_wheel(files={"probe-1.0.data/scripts/tool": "#!python\nprint('tool')\n"}), file="my $app 'x'.pyz"
        )
        self.seen(bundle)
        for _ in range(2):
            self.assertEqual(self.seen(bundle, "x y")["argv"], [self.environment() + "/bin/hello", "x y"])
        self.assertEqual(subprocess.check_output([self.environment() + "/bin/tool"]), b"tool\n")
        self.assertEqual(subprocess.check_output([self.environment() + "/bin/method"]), b"method\n")

    def test_scripts_work_below_a_very_long_path(self):
        self.root = os.path.join(self.folder, "d" * 100, "e" * 100)
        self.seen(self.bundle())
        self.assertEqual(subprocess.check_output([self.environment() + "/bin/method"]), b"method\n")

    def test_a_plain_path_gets_a_plain_shebang(self):
        self.seen(self.bundle())
        with open(self.environment() + "/bin/hello") as file:
            self.assertEqual(file.readline(), "#!%s/bin/python\n" % self.environment())


class RefusedWheels(BundleCase):
    def test_wheels_that_break_the_format_are_refused_by_name(self):
        data = "probe-1.0.data/"

        def link(info):
            info.external_attr = 0o120777 << 16

        for expected, wheel in [
            (
                "another hash",
                probe_wheel(changes_record=lambda text: text.replace("probe.py,sha256=", "probe.py,sha256=A")),
            ),
            ("no usable hash", probe_wheel(changes_record=lambda text: text.replace("probe.py,", "missing.py,"))),
            ("no usable hash", probe_wheel(changes_record=lambda text: text.replace("sha256", "md5"))),
            ("Wheel-Version", probe_wheel(wheel_version="2.0")),
            ("no place", probe_wheel(files={data + "bogus/x": ""})),
            ("no place", probe_wheel(files={data + "x": ""})),
            ("no place", probe_wheel(files={data + "scripts/d/x": ""})),
            ("no place", probe_wheel(files={data + "scripts/python3": ""})),
            ("no place", probe_wheel(files={data + "data/pyvenv.cfg": ""})),
            ("no place", probe_wheel(files={data + "data/bin/python": ""})),
            ("no place", probe_wheel(files={data + "data/.ferrywheel/run.py": ""})),
            ("out of its folder", probe_wheel(files={"../evil.py": ""})),
            ("out of its folder", probe_wheel(files={"a//b.py": ""})),
            ("out of its folder", probe_wheel(files={"a/./b.py": ""})),
            ("out of its folder", probe_wheel(files={"a/..": ""})),
            ("not a relative path", probe_wheel(files={"/etc/evil": ""})),
            ("not a relative path", probe_wheel(files={"a\\b": ""})),
            ("not a relative path", probe_wheel(files={"c:evil": ""})),
            ("control characters", probe_wheel(files={"a\nb": ""})),
            ("a link", probe_wheel(changes_info=link)),
            ("exactly one .dist-info", probe_wheel(files={"second-1.0.dist-info/METADATA": ""})),
            ("cannot be made", probe_wheel(console_scripts={"hello": "probe"})),
            ("cannot be made", probe_wheel(console_scripts={"hello": "probe:main", "../x": "probe:main"})),
            ("cannot be made", probe_wheel(console_scripts={"hello": "probe:main", "python3.11": "probe:main"})),
            ("packed in an unknown way", probe_wheel(compression=zipfile.ZIP_BZIP2)),
            ("where there is a folder", probe_wheel(files={"probe-1.0.data/purelib/runs": ""})),
        ]:
            with self.subTest(expected):
                text = self.refused(self.bundle(wheel), 66)
                self.assertIn(expected, text)
                self.assertNotIn("\n", text)
                self.assertIn("probe-1.0-py3-none-any.whl", text)
        self.assertEqual(self.environments(), [])
        self.assertEqual([name for name in os.listdir(self.root) if name.startswith(".tmp")], [])
