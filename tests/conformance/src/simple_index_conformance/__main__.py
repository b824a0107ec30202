"""Command line: pytest with the rules of this package and nothing of the folder it is started in."""

import os
import pathlib
import sys

import pytest

RULES = pathlib.Path(__file__).parent / "rules"


def main(arguments=None):
    """Run the rules; what is given goes to pytest. Returns pytest's exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own = ["-p", "simple_index_conformance.plugin", "-p", "no:cacheprovider", "-c", os.devnull]
    return int(pytest.main([*own, f"--rootdir={RULES}", "-q", "--no-header", str(RULES), *given]))


if __name__ == "__main__":
    sys.exit(main())
