"""First file that Python runs in a bundle; every Python from 2.7 on must be able to read it."""

import os
import sys

OLDEST_PYTHON = (3, 8)
EXIT_PYTHON_TOO_OLD = 64


def main():
    """Hand over to `_bootstrap`, or say in one sentence why this Python cannot."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        text = "%s needs Python %d.%d or newer; this is Python %d.%d (%s). Start it with a newer one.\n"
        here = tuple(sys.version_info[:2]) + (sys.executable,)
        os.write(2, (text % ((os.path.basename(sys.argv[0]),) + OLDEST_PYTHON + here)).encode("utf-8", "replace"))
        return EXIT_PYTHON_TOO_OLD
    import _bootstrap  # not above: an old Python could not parse it

    return _bootstrap.bootstrap(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
