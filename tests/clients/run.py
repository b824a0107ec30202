"""Real clients against a real server: `run.py --server PATH` starts the program at PATH on loopback.

Each file of tests runs in a process of its own, two at a time. Ends with a line `N passed, N failed` and exit code 0 only
if nothing failed and something ran.
"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import time
import unittest

import environments
import scene
import support

HERE = pathlib.Path(__file__).resolve().parent

AT_ONCE = 2
"""Processes at a time: a client and a server keep one core busy each, but seldom both at once."""


def main():
    """Run every `test_*.py` beside this file, or one."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--server", required=True, type=pathlib.Path, help="the ferrywheel program")
    arguments.add_argument("--only", default="test_*.py", help="pattern of test files")
    arguments.add_argument("--wheels", type=pathlib.Path, help="folder of the real wheels, if they are there already")
    chosen = arguments.parse_args()
    support.PROGRAM = chosen.server.resolve()
    if chosen.wheels:
        support.real_wheels.folder = chosen.wheels
    files = sorted(path.name for path in HERE.glob(chosen.only))
    passed, failed = run_one(files[0]) if len(files) == 1 else run_all(files)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 0 if failed == 0 and passed > 0 else 1


def run_one(file):
    """Run one file here; returns how many of its tests passed and failed."""
    suite = unittest.defaultTestLoader.discover(str(HERE), pattern=file)
    try:
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    finally:
        scene.Shared.stop_all()
    # A test of which several rows failed is one failed test.
    failed = len({getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors})
    return max(result.testsRun - failed, 0), failed


def run_all(files):
    """Run files in processes of their own and print what each says when it has ended; returns the sums."""
    environments.make_all()
    wheels = support.real_wheels()
    sums = [0, 0]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for ended in concurrent.futures.as_completed([pool.submit(run_apart, file, wheels) for file in files]):
            file, code, text, seconds = ended.result()
            counts = re.findall(r"^(\d+) passed, (\d+) failed$", text, re.MULTILINE)
            passed, failed = map(int, counts[-1]) if counts else (0, 1)
            sums[0] += passed
            sums[1] += max(failed, 1 if code else 0)
            print(f"{text.rstrip()}\n== {file}: {seconds:.0f} s\n", flush=True)
    return sums


def run_apart(file, wheels):
    """Run one file in a process of its own: its name, exit code, output, and how long it took."""
    started = time.monotonic()
    command = [sys.executable, __file__, "--server", support.PROGRAM, "--only", file, "--wheels", wheels]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return file, done.returncode, done.stdout.decode(errors="replace"), time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
