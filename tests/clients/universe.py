"""Small projects that hold one trap each, and the shared servers that show them."""
import tempfile

import support

#: File name's project, version, and further lines of METADATA. The reason stands beside each.
WHEELS = [
    ("app", "1.0", "Requires-Dist: leaf>=1\n"),
    ("app", "2.0", "Requires-Dist: leaf>=1\nProvides-Extra: more\nRequires-Dist: local-build ; extra == 'more'\n"),
    ("leaf", "1.0", ""),
    ("leaf", "1.5", ""),
    # `+` in a file name is a plus, and never a space (FIL-07).
    ("local_build", "1.0", ""),
    ("local_build", "1.0+cu118", ""),
    # An epoch is above every version without one, and `!` is sent as it is or as `%21`.
    ("epoch", "2020.1", ""),
    ("epoch", "1!1.0", ""),
    # The newest is for a Python that nobody has yet.
    ("future", "1.0", ""),
    ("future", "2.0", "Requires-Python: >=3.99\n"),
    # Nobody gets a release candidate who did not ask for one.
    ("candidate", "1.0", ""),
    ("candidate", "2.0rc1", ""),
    # What the tests of yanking and of refusals ask for, and nothing else.
    ("withdrawn", "1.0", ""),
    ("withdrawn", "2.0", ""),
    # Three spellings, one project. pip 22.3 takes no `.metadata` whose name is spelled other than it was asked for; it
    # reads `.metadata` from HTML pages only, and gets JSON from us.
    ("odd_name.dots", "1.0", ""),
    ("source", "1.0", ""),
]

#: Source distributions: beside a wheel of the same release, and newer than each wheel.
SDISTS = [("source", "1.0"), ("source", "2.0")]


def make_files(folder):
    """Write every file below a folder; returns their paths."""
    wheels = [support.make_wheel(folder, name, version, metadata=lines) for name, version, lines in WHEELS]
    return wheels + [support.make_sdist(folder, name, version) for name, version in SDISTS]


def publish(server):
    """Upload and bless all of it."""
    with tempfile.TemporaryDirectory(prefix="ferrywheel-universe-") as folder:
        make_files(folder)
        server.cli("upload", folder)
    server.cli("bless")
