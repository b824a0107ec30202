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
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed", flush=True)
    return 0 if failed == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
