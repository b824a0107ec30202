#!/usr/bin/env python3
"""Slow, broken and unwelcome clients, and a full disk, against a real server: `run.py --server PATH`.

The disk that is filled is one in memory, on a mount of this process alone. Everything is bounded in time. Ends with a line
`N passed, N failed`.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "clients")]

import support  # noqa: E402

OWN_MOUNTS = "LIMITS_OWN_MOUNTS"
"""Set for the process that may mount what it likes because nobody else sees it."""


def with_own_mounts():
    """Start again where mounts are our own; without that right, the tests that need it say so and fail."""
    if os.environ.get(OWN_MOUNTS):
        return
    for words in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        if subprocess.run([*words, "true"], stderr=subprocess.DEVNULL).returncode == 0:
            os.execvpe(words[0], [*words, sys.executable, *sys.argv], {**os.environ, OWN_MOUNTS: "1"})


def main():
    """Run every `test_*.py` beside this file, or those that a pattern names."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--server", required=True, type=pathlib.Path, help="the ferrywheel program")
    arguments.add_argument("--only", default="test_*.py", help="pattern of test files")
    chosen = arguments.parse_args()
    with_own_mounts()
    support.PROGRAM = chosen.server.resolve()
    suite = unittest.defaultTestLoader.discover(str(HERE), pattern=chosen.only)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    passed = max(result.testsRun - failed, 0)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
