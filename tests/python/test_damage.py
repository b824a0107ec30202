"""Damaged archives, damaged environments and full disks."""

import json
import os
import subprocess
import sys
import unittest

import injections
import oracle
from support import IS_ROOT, BundleCase, probe_wheel


class Archive(BundleCase):
    def flip(self, data, needle, offset=0):
        """The data with one bit changed where `needle` is."""
        at = data.index(needle) + offset
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    def test_one_changed_bit_anywhere_that_counts_is_refused(self):
        wheel = probe_wheel()
        data = oracle.bundle_bytes([wheel])
        middle = wheel.data[100:120]
        end = data.rindex(b"PK\x05\x06")
        for name, damaged in [
            ("wheel", self.flip(data, middle)),
            ("manifest text", self.flip(data, b'"version":"1.0"', 12)),
            ("manifest name", self.flip(data, b'"name":"hello"', 9)),
            ("manifest form", self.flip(data, b'"format":1', 8)),
            ("comment in the bootstrap", self.flip(data, b"Spread wheels into", 3)),
            ("length of the directory", data[: end + 12] + b"\xff\xff\xff\x7f" + data[end + 16 :]),
            ("number of entries", data[: end + 8] + b"\x03\x00\x03\x00" + data[end + 12 :]),
        ]:
            with self.subTest(name):
                done = self.start(self.write("hello.pyz", damaged))
                if name.endswith(("directory", "entries")) and done.returncode == 1:
                    continue  # Python itself could not find `__main__`
                self.assertEqual(done.returncode, 66, done.stderr)
                self.assertNotIn("Traceback", done.stderr)
                self.assertEqual(self.environments(), [])

    def test_a_changed_wheel_is_named(self):
        wheel = probe_wheel()
        data = oracle.bundle_bytes([wheel])
        text = self.refused(self.write("hello.pyz", self.flip(data, wheel.data[200:220])), 66)
        self.assertIn("wheels/probe-1.0-py3-none-any.whl", text)
        self.assertIn("fetch it again", text.lower())

    def test_a_wheel_that_the_manifest_does_not_know_is_refused(self):
        manifest = oracle.manifest_of([probe_wheel(version="1.0")], "hello", ("script", "hello"))
        manifest["distributions"][0]["wheels"][0]["sha256"] = "0" * 64
        bundle = self.bundle(probe_wheel(), manifest_bytes=oracle.canonical(manifest))
        self.assertIn("has another SHA-256 than the manifest says", self.refused(bundle, 66))
        self.assertIn("another SHA-256", self.refused(bundle, 66, FERRYWHEEL_TOOLS="verify"))

    def test_manifests_of_another_form_are_refused(self):
        good = oracle.manifest_of([probe_wheel()], "hello", ("script", "hello"))

        def changed(**changes):
            return oracle.canonical(dict(good, **changes))

        for expected, manifest in [
            ("format 2", changed(format=2)),
            ("outside its allowed form", changed(entry_point={"kind": "shell", "value": ""})),
            ("outside its allowed form", changed(name="../evil")),
            ("is not a line of text", changed(requires_python=3)),
            ("is not a count", changed(file_count=-1)),
            ("'value'", changed(entry_point={"kind": "script"})),
            ("has no wheel", changed(distributions=[{"name": "x", "version": "1", "wheels": []}])),
            (
                "is not the name of a wheel",
                changed(
                    distributions=[
                        {
                            "name": "x",
                            "version": "1",
                            "wheels": [
                                {
                                    "filename": "../x.whl",
                                    "sha256": "",
                                    "size_bytes": 1,
                                    "unpacked_size_bytes": 1,
                                    "is_native": False,
                                }
                            ],
                        }
                    ]
                ),
            ),
            (
                "has no entry 'wheels/absent",
                changed(
                    distributions=[
                        {
                            "name": "x",
                            "version": "1",
                            "wheels": [
                                {
                                    "filename": "absent-1-py3-none-any.whl",
                                    "sha256": "",
                                    "size_bytes": 1,
                                    "unpacked_size_bytes": 1,
                                    "is_native": False,
                                }
                            ],
                        }
                    ]
                ),
            ),
            ("README.txt has another SHA-256", changed(texts={"README.txt": "0" * 64})),
            ("cannot be used", changed(texts=["README.txt"])),
            ("bootstrap has another SHA-256", changed(bootstrap_sha256="0" * 64)),
            ("canonical order", json.dumps(good).encode()),
            ("cannot be used", b"\xff not json"),
        ]:
            with self.subTest(expected):
                text = self.refused(self.bundle(probe_wheel(), manifest_bytes=manifest), 66)
                self.assertIn(expected, text)

    def test_an_archive_without_a_manifest_is_refused(self):
        bundle = self.write("hello.pyz", oracle.zip_bytes(oracle.bootstrap_entries()))
        self.assertIn("has no readable FERRYWHEEL.json", self.refused(bundle, 66))

    def test_an_unzipped_archive_is_not_a_bundle(self):
        for name, data in oracle.bootstrap_entries():
            self.write("tree/" + name, data)
        self.assertIn("Start the .pyz itself", self.refused(os.path.join(self.folder, "tree"), 66))


class Environment(BundleCase):
    def boot(self, number):
        return injections.OTHER_BOOT % self.write("boot%d" % number, "boot %d" % number)

    def test_a_lost_file_is_noticed_after_the_next_boot_and_made_again(self):
        bundle = self.bundle(probe_wheel(files={"lost.py": "x"}))
        self.seen(bundle)
        os.unlink(self.site_packages() + "/lost.py")
        self.seen(bundle)
        done = self.start(bundle, inject=self.boot(1))
        self.assertEqual(done.returncode, 0)
        self.assertIn("lost.py: No such file or directory; making the environment anew", done.stderr)
        self.assertTrue(os.path.exists(self.site_packages() + "/lost.py"))
        self.seen(bundle, inject=self.boot(1))

    def test_the_check_after_a_boot_happens_once(self):
        bundle = self.bundle()
        self.seen(bundle)
        inject = self.boot(1) + injections.COUNT_LOOKS
        first, second = (self.start(bundle, inject=inject).stdout.splitlines()[0] for _ in range(2))
        self.assertEqual((first, second), ("1", "0"))

    def test_kinds_of_damage_that_a_cheap_look_finds(self):
        bundle = self.bundle(probe_wheel(files={"a.py": "12345"}))
        self.seen(bundle)
        for number, (expected, damage) in enumerate(
            [
                ("it has 0 bytes instead of 5", lambda site: self.write(site + "/a.py", "")),
                (
                    "not a plain file",
                    lambda site: (os.unlink(site + "/a.py"), os.symlink("/etc/passwd", site + "/a.py")),
                ),
                ("files: it was changed", lambda site: self.write(self.environment() + "/.ferrywheel/files", "x\n")),
                ("files: No such file", lambda site: os.unlink(self.environment() + "/.ferrywheel/files")),
            ]
        ):
            with self.subTest(expected):
                damage(self.site_packages())
                done = self.start(bundle, inject=self.boot(number))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(expected, done.stderr)

    def test_a_full_check_finds_a_changed_byte_and_stops(self):
        bundle = self.bundle(probe_wheel(files={"other.py": "x = 1\n"}))
        self.seen(bundle)
        self.seen(bundle, FERRYWHEEL_VERIFY="full")
        self.write(self.site_packages() + "/other.py", "x = 2\n")
        self.assertEqual(self.start(bundle).returncode, 0)
        text = self.refused(bundle, 66, FERRYWHEEL_VERIFY="full")
        self.assertIn("other.py: it was changed", text)
        self.assertIn("FERRYWHEEL_TOOLS=verify hello.pyz --repair", text)

    def test_force_extract_makes_the_environment_anew(self):
        bundle = self.bundle()
        self.seen(bundle)
        for variable in "FERRYWHEEL_FORCE_EXTRACT", "SHIV_FORCE_EXTRACT":
            self.write(self.site_packages() + "/probe.py", "")
            self.seen(bundle, **{variable: "1"})

    def test_an_environment_without_its_marker_or_interpreter_is_made_anew(self):
        bundle = self.bundle()
        self.seen(bundle)
        for name in ".complete", "bin/python":
            os.unlink(os.path.join(self.environment() if self.environments() else self.last, name))
            self.seen(bundle)
            self.last = self.environment()
        for text in "ferrywheel-environment 2\n", "ferrywheel-environment 1\nbundle 0\n", "cut off":
            with open(self.environment() + "/.complete", "w") as file:
                file.write(text)
            self.seen(bundle)

    def test_an_interpreter_that_is_no_program_is_named(self):
        bundle = self.bundle()
        self.seen(bundle)
        os.unlink(self.environment() + "/bin/python")
        self.write(self.environment() + "/bin/python", b"\0\0\0\0")
        self.assertIn("bin/python cannot be executed: Exec format error", self.refused(bundle, 68))

    def test_a_python_without_small_hash_modules_names_the_same_environment(self):
        bundle = self.bundle()
        self.seen(bundle)
        self.seen(bundle, inject="import sys\nsys.modules['_sha2'] = sys.modules['_sha256'] = None\n")
        self.assertEqual(len(self.environments()), 1)

    def test_an_unpacked_sibling_that_is_damaged_is_not_made_anew(self):
        bundle = self.bundle()
        self.start(bundle, bundle + ".env", FERRYWHEEL_TOOLS="unpack")
        site = "%s.env/lib/python%d.%d/site-packages" % ((bundle,) + sys.version_info[:2])
        os.unlink(site + "/probe.py")
        text = self.refused(bundle, 66, inject=self.boot(1))
        self.assertIn("FERRYWHEEL_TOOLS=unpack", text)

    def test_a_damaged_environment_that_cannot_be_replaced_is_named(self):
        bundle = self.bundle()
        self.seen(bundle)
        os.unlink(self.site_packages() + "/probe.py")
        inject = self.boot(1) + injections.READ_ONLY
        self.assertIn("cannot be made anew: it is not writable", self.refused(bundle, 66, inject=inject))

    def test_a_system_without_a_boot_id_starts(self):
        bundle = self.bundle()
        self.seen(bundle)
        self.seen(bundle, inject=injections.OTHER_BOOT % "/nonexistent")

    def test_the_last_use_is_noted_daily(self):
        bundle = self.bundle()
        self.seen(bundle)
        boot = self.environment() + "/.ferrywheel/boot"
        os.utime(boot, (1, 1))
        self.seen(bundle)
        self.assertGreater(os.stat(boot).st_mtime, 1)


class Space(BundleCase):
    def test_too_little_room_is_known_before_anything_is_written(self):
        bundle = self.bundle(unpacked_size_bytes=1 << 60)
        text = self.refused(bundle, 67)
        self.assertIn("MiB are needed", text)
        self.assertEqual([name for name in os.listdir(self.root) if name.startswith(".tmp")], [])

    @unittest.skipUnless(IS_ROOT, "mounting a small file system needs root")
    def test_a_disk_that_fills_up_half_way_is_cleared_again(self):
        bundle = self.bundle(probe_wheel(files={"big.bin": os.urandom(12 << 20)}), unpacked_size_bytes=1)
        small = os.path.join(self.folder, "small")
        os.mkdir(small)
        script = "mount -t tmpfs -o size=8m,mode=700 none %s && %s %s; code=$?; ls -A %s; exit $code" % (
            small,
            sys.executable,
            bundle,
            small,
        )
        environ = self.environ(FERRYWHEEL_ROOT=small)
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
        if "unshare:" in done.stderr or "mount:" in done.stderr:
            self.skipTest("no mount namespaces here: " + done.stderr)
        self.assertEqual(done.returncode, 67, done.stderr)
        self.assertIn("%s is full" % small, done.stderr)
        self.assertNotIn(".tmp", done.stdout)

    def test_other_errors_of_the_disk_lead_to_the_next_root_or_a_refusal(self):
        inject = injections.FSYNC_RAISES % "OSError(errno.EIO, 'Input/output error')"
        self.assertIn("Input/output error", self.refused(self.bundle(), 68, inject=inject))

    def test_many_files_are_made_durable_with_and_without_the_quick_way(self):
        bundle = self.bundle(probe_wheel(files={"lib%d.py" % number: "" for number in range(60)}))
        for inject, low, high in (
            (injections.COUNT_FSYNCS, 1, 10),
            (injections.COUNT_FSYNCS + injections.NO_CTYPES, 60, 200),
        ):
            done = self.start(bundle, inject=inject, FERRYWHEEL_FORCE_EXTRACT="1")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(low <= int(done.stdout.split()[0]) <= high, done.stdout[:20])
        self.assertIn(
            "Input/output error",
            self.refused(bundle, 68, inject=injections.BROKEN_SYNCFS, FERRYWHEEL_FORCE_EXTRACT="1"),
        )

    def test_an_unforeseen_error_is_one_line_unless_asked(self):
        inject = injections.FSYNC_RAISES % "RuntimeError('odd')"
        text = self.refused(self.bundle(), 1, inject=inject)
        self.assertEqual(text, "hello.pyz: RuntimeError: odd. FERRYWHEEL_VERBOSE=1 shows where.")
        self.assertIn("Traceback", self.start(self.bundle(), inject=inject, FERRYWHEEL_VERBOSE="1").stderr)
