"""Real clients against a real server: `run.py --server PATH` starts the program at PATH on loopback.

Ends with a line `N passed, N failed` and exit code 0 only if nothing failed and something ran.
"""
import argparse
import pathlib
import sys
import unittest

import scene
import support


def main():
    """Run every `test_*.py` beside this file."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--server", required=True, type=pathlib.Path, help="the ferrywheel program")
    arguments.add_argument("--only", default="test_*.py", help="pattern of test files")
    chosen = arguments.parse_args()
    support.PROGRAM = chosen.server.resolve()
    here = pathlib.Path(__file__).parent
    suite = unittest.defaultTestLoader.discover(str(here), pattern=chosen.only)
    try:
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    finally:
        scene.Shared.stop_all()
    # A test of which several rows failed is one failed test.
    failed = len({getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors})
    print(f"{max(result.testsRun - failed, 0)} passed, {failed} failed", flush=True)
    return 0 if failed == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
