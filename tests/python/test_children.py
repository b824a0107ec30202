"""Children of the application find the bundle's packages, however they are started."""

import os

import oracle
from support import BundleCase, probe_wheel

CHILDREN = """
import os, subprocess, sys
def run(command, **rest):
    print(subprocess.check_output(command, universal_newlines=True, **rest).strip(), flush=True)
def main():
    code = "import other; print(other.VALUE)"
    run([sys.executable, "-c", code])
    run([sys.executable, "-I", "-c", code])
    run([sys.executable, "-m", "other"])
    run([sys.executable, "-c", code], env={})
    run([sys.executable, "-c", code], cwd="/")
    run(["speaks"])
    run([os.path.join(sys.prefix, "bin", "speaks")], env={})
    run(["python", "-c", code])
"""
OTHER = "VALUE = 'found'\ndef main():\n    print(VALUE)\nif __name__ == '__main__':\n    main()\n"
SPAWN = """
import multiprocessing, sys
def double(number):
    import other
    return number * 2
def main():
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        print(pool.map(double, [1, 2, 3]))
if __name__ == "__main__":
    main()
"""

AGAIN = """
import os, sys
def main():
    if len(sys.argv) > 1:
        print("again", flush=True)
    else:
        os.execv(sys.executable, [sys.executable] + sys.argv + ["x"])
"""


class Children(BundleCase):
    def setUp(self):
        super().setUp()
        files = {
            "parent.py": CHILDREN,
            "other.py": OTHER,
            "spawns.py": SPAWN,
            "probe-1.0.data/scripts/pool": "#!python\n" + SPAWN,
        }
        scripts = {"hello": "parent:main", "speaks": "other:main", "spawns": "spawns:main"}
        self.path = self.bundle(probe_wheel(files=files, console_scripts=scripts))

    def test_children_of_every_kind_find_the_packages(self):
        done = self.start(self.path)
        self.assertEqual((done.stdout, done.stderr), ("found\n" * 8, ""))

    def test_children_find_the_packages_in_path_mode(self):
        code = (
            "import subprocess, sys; subprocess.check_call([sys.executable, '-c', 'import other; print(other.VALUE)'])"
        )
        script = self.write("x.py", "")
        self.assertEqual(
            self.start(self.path, "-c", code, FERRYWHEEL_MODE="path", FERRYWHEEL_INTERPRETER="1").stdout,
            "found\n",
            script,
        )

    def test_multiprocessing_spawns_from_every_kind_of_entry(self):
        for variables in (
            {"FERRYWHEEL_SCRIPT": "spawns"},
            {"FERRYWHEEL_SCRIPT": "pool"},
            {"FERRYWHEEL_ENTRY_POINT": "spawns:main"},
            {"FERRYWHEEL_ENTRY_POINT": "spawns"},
            {"FERRYWHEEL_ENTRY_POINT": "spawns:main", "FERRYWHEEL_MODE": "path"},
        ):
            with self.subTest(variables):
                done = self.start(self.path, **variables)
                self.assertEqual((done.stdout, done.stderr), ("[2, 4, 6]\n", ""))

    def test_a_reloader_that_runs_the_program_again_comes_back(self):
        wheel = oracle.Wheel("again", files={"again.py": AGAIN}, console_scripts={"again": "again:main"})
        for entry in ("script", "again"), ("function", "again:main"):
            self.assertEqual(self.start(self.bundle(wheel, entry_point=entry)).stdout, "again\n", entry)

    def test_a_bundle_started_by_a_bundle_uses_its_own_environment(self):
        inner = self.bundle(probe_wheel(), file="inner.pyz", name="inner")
        code = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, %r, 'x']))" % inner
        seen = self.seen(self.path, "-c", code, FERRYWHEEL_INTERPRETER="1", FERRYWHEEL_ROOT=None)
        self.assertEqual(os.path.basename(seen["prefix"]).split("-")[0], "inner")
        self.assertEqual(seen["environ"]["FERRYWHEEL_ARCHIVE"], inner)
