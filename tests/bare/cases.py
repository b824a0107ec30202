"""What must be true of bundles on a host with nothing but Python."""
import pathlib
import shutil
import stat
import subprocess
import tempfile
import time
import unittest

from host import Host
from roots import CACHE, make_root
from server import DEBIAN_12, DEBIAN_13, FRAME, WEB, Server, download_wheels

HERE = pathlib.Path(__file__).resolve().parent

#: The built server; `run` sets it.
BINARY = None

#: Most memory that the root, the server's data and one host's environments take; it is used as it is needed.
MEMORY = "3g"

EXIT_NO_FITTING_PYTHON = 65
EXIT_NO_ROOT = 68

HELLO = b"""import os, subprocess, sys
from flask import Flask
app = Flask(__name__)

@app.get("/")
def page():
    child = [sys.executable, "-c", "import flask, sys; print(flask.__file__)"]
    return {"here": __import__("flask").__file__, "child": subprocess.check_output(child, text=True).strip()}
"""

FRAME_PROGRAM = b"""import numpy, pandas
frame = pandas.DataFrame({"name": ["a", "b", "a"], "value": numpy.arange(3) * 1.5})
print(frame.groupby("name").value.sum().to_string())
"""
FRAME_OUTPUT = "name\na    3.0\nb    1.5\n"


def setUpModule():
    """One root, one server and every bundle, for all cases."""
    global PLACE, ROOT, BUNDLES
    CACHE.mkdir(parents=True, exist_ok=True)
    PLACE = pathlib.Path(tempfile.mkdtemp(dir=CACHE, prefix="run-"))
    unittest.addModuleCleanup(PLACE.rmdir)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=" + MEMORY, "tmpfs", PLACE], check=True)
    unittest.addModuleCleanup(subprocess.run, ["umount", PLACE], check=True)
    ROOT = PLACE / "root"
    make_root("bookworm", ROOT)
    server = Server(BINARY, PLACE)
    try:
        server.fill(download_wheels())
        BUNDLES = {
            "web": server.bundle("web", WEB, DEBIAN_12, script="gunicorn"),
            "frame": server.bundle("frame", FRAME, DEBIAN_12),
            "numpy-13": server.bundle("numpy-13", FRAME[:1], DEBIAN_13),
        }
    finally:
        server.stop()


class BareCase(unittest.TestCase):
    """Gives each case a host of its own with the bundles in `/srv`."""

    def setUp(self):
        scratch = pathlib.Path(tempfile.mkdtemp(dir=PLACE))
        self.addCleanup(shutil.rmtree, scratch)
        self.host = Host(ROOT, scratch)
        for name, content in BUNDLES.items():
            self.host.put("/srv/%s.pyz" % name, content)
        self.host.put("/srv/hello.py", HELLO)
        self.host.put("/srv/frame.py", FRAME_PROGRAM)
        self.host.put("/srv/answer.py", (HERE / "answer.py").read_bytes())

    def start(self, *arguments, **environment):
        """Run Python on the host and expect success."""
        outcome = self.host.run("python3", *arguments, **environment)
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        return outcome

    def print_frame(self, **environment):
        """Start the pandas bundle and check what it prints."""
        outcome = self.start("frame.pyz", "frame.py", **environment)
        self.assertEqual(outcome.stdout, FRAME_OUTPUT, outcome.stderr)


class TheHost(BareCase):
    def test_it_has_python_and_neither_pip_nor_a_compiler(self):
        self.assertEqual(self.start("-c", "import sys; print(sys.version_info[:2])").stdout, "(3, 11)\n")
        for module in ("pip", "ensurepip", "setuptools", "flask", "numpy"):
            outcome = self.host.run("python3", "-c", "import " + module)
            self.assertIn("ModuleNotFoundError", outcome.stderr, module)
        for program in ("pip", "pip3", "cc", "gcc", "g++", "c99", "clang", "tcc", "ld", "as", "make", "uv"):
            self.assertEqual(self.host.run("which", program).returncode, 1, program)

    def test_it_has_no_network_and_an_ordinary_user(self):
        self.assertEqual(self.start("-c", "import os; print(os.getuid() > 0, os.getgroups())").stdout, "True []\n")
        interfaces = self.start("-c", "import socket; print(socket.if_nameindex())").stdout
        self.assertEqual(interfaces, "[(1, 'lo')]\n")


class Starting(BareCase):
    def test_gunicorn_and_flask_answer_a_request_on_loopback(self):
        outcome = self.start("answer.py", "web.pyz")
        self.assertIn('"here":"/home/app/.cache/ferrywheel/web-', outcome.stdout, outcome.stderr)
        here, child = [part.split('":"')[1].split('"')[0] for part in sorted(outcome.stdout.split(","))]
        self.assertEqual(here, child, "a child process finds the same packages")

    def test_numpy_and_pandas_print_a_computed_frame(self):
        self.print_frame()

    def test_a_bundle_made_executable_starts_by_its_own_first_line(self):
        self.host.path("/srv/frame.pyz").chmod(0o755)
        outcome = self.host.run("./frame.pyz", "frame.py")
        self.assertEqual((outcome.returncode, outcome.stdout), (0, FRAME_OUTPUT), outcome.stderr)

    def test_root_may_start_it_too(self):
        self.host.user_id = 0
        self.host.environment["HOME"] = "/home/administrator"
        self.host.make_folder("/home/administrator", 0o700)
        self.print_frame()
        self.assertTrue(self.host.environments("/home/administrator/.cache/ferrywheel"))

    def test_the_second_start_finds_everything_unpacked(self):
        begin = time.monotonic()
        self.print_frame()
        cold_seconds = time.monotonic() - begin
        before = self.host.environments()
        self.assertGreater(len(before), 1000)
        begin = time.monotonic()
        self.print_frame()
        warm_seconds = time.monotonic() - begin
        self.assertEqual(self.host.environments(), before)
        print("cold %.1f s, warm %.1f s … " % (cold_seconds, warm_seconds), end="")

    def test_a_read_only_home_is_passed_over(self):
        self.host.tmpfs["/home/app"] = "ro,mode=755"
        self.print_frame()
        private = self.host.path("/var/tmp") / ("ferrywheel-%d" % self.host.user_id)
        self.assertEqual(stat.S_IMODE(private.stat().st_mode), 0o700)

    def test_a_service_unpacks_into_its_cache_directory(self):
        self.host.make_folder("/var/cache/frame", 0o700)
        self.print_frame(HOME="/", CACHE_DIRECTORY="/var/cache/frame")
        self.assertTrue(self.host.environments("/var/cache/frame"))


class Refusing(BareCase):
    def refuse(self, exit_code, *arguments, **environment):
        """Start and expect this exit code, nothing on stdout and no traceback; returns stderr."""
        outcome = self.host.run("python3", *arguments, **environment)
        self.assertEqual((outcome.returncode, outcome.stdout), (exit_code, ""), outcome.stderr)
        self.assertNotIn("Traceback", outcome.stderr)
        return outcome.stderr

    def test_a_bundle_for_debian_13_names_the_python_it_needs_in_one_line(self):
        text = self.refuse(EXIT_NO_FITTING_PYTHON, "numpy-13.pyz", "-c", "import numpy")
        self.assertEqual(text.count("\n"), 1, text)
        self.assertIn("3.13", text)
        self.assertIn("3.11", text)
        self.assertEqual(self.host.environments(), {}, "nothing was unpacked")

    def test_without_a_place_to_unpack_it_lists_what_it_tried(self):
        self.host.tmpfs.update({"/home/app": "ro", "/var/tmp": "ro"})
        text = self.refuse(EXIT_NO_ROOT, "frame.pyz", "frame.py")
        self.assertIn("/home/app", text)
        self.assertIn("FERRYWHEEL_ROOT", text)

    def test_a_root_that_may_not_run_code_is_named_before_anything_is_unpacked(self):
        self.host.tmpfs["/home/app"] = "noexec,mode=700,uid=%d" % self.host.user_id
        text = self.refuse(EXIT_NO_ROOT, "frame.pyz", "frame.py", FERRYWHEEL_ROOT="/home/app")
        self.assertIn("noexec", text)
