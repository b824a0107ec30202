"""Compare an environment with the list of files that was written when it was made.

The cheap check looks at each file's existence and size, the full one at its SHA-256.
"""

import hashlib
import os
import stat

from . import STATE_NAME, trust

LIST_NAME = "files"


def render(files):
    """The text of the list: one line per file with SHA-256, size, `x` or `-`, and path."""
    lines = [
        "%s %d %s %s\n" % (files[path][0], files[path][1], "x" if files[path][2] else "-", path)
        for path in sorted(files)
    ]
    return "".join(lines).encode("utf-8", "surrogateescape")


def list_path(environment_path):
    """Where an environment keeps its list."""
    return os.path.join(environment_path, STATE_NAME, LIST_NAME)


def find_problems(environment, hashes_all):
    """Yield (path, what is wrong) for every file that is not as it was made; nothing if all is well."""
    try:
        with open(list_path(environment.path), "rb") as file:
            text = file.read()
    except OSError as error:
        yield list_path(environment.path), error.strerror
        return
    if hashlib.sha256(text).hexdigest() != environment.marker.get("files"):
        yield list_path(environment.path), "it was changed"
        return
    for line in text.decode("utf-8", "surrogateescape").splitlines():
        digest, size, _, path = line.split(" ", 3)
        problem = _judge(os.path.join(environment.path, path), digest if hashes_all else None, int(size))
        if problem:
            yield path, problem


def _judge(path, digest, size):
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return "it is not a plain file any more"
        if status.st_size != size:
            return "it has %d bytes instead of %d" % (status.st_size, size)
        return "it was changed" if digest and _sha256(path) != digest else None
    except OSError as error:
        return error.strerror


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb", 0) as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def stamp(environment):
    """Remember that the files were checked in this boot; not being allowed to is no error."""
    try:
        with open(environment.boot_file(), "wb") as file:
            file.write(trust.current_boot())
    except OSError:
        pass


def recheck(environment, bundle, asked):
    """Return the environment if its files are as they were made, or a new one made in its place.

    FERRYWHEEL_VERIFY=full does not repair: a file with the right size and other bytes is a finding, not an accident.
    """
    problem = next(find_problems(environment, asked.verifies_all), None)
    if problem is None:
        stamp(environment)
        return environment
    text = "%s: %s" % problem
    if asked.verifies_all:
        remedy = "FERRYWHEEL_TOOLS=verify %s --repair makes the environment anew." % bundle.title
        raise trust.damaged(environment.path, "%s. %s" % (text, remedy))
    return repair(environment, bundle, asked, text)


def repair(environment, bundle, asked, text):
    """Make the environment anew in its place."""
    from . import install

    root, name = os.path.split(environment.path)
    if name != bundle.environment_name():
        raise trust.damaged(environment.path, "%s. Unpack it again with FERRYWHEEL_TOOLS=unpack." % text)
    trust.say("%s: %s: %s; making the environment anew" % (bundle.title, environment.path, text))
    try:
        return install.build(bundle, asked, root, root == trust.LAST_RESORT % os.geteuid(), environment)
    except trust.Unusable as reason:
        raise trust.damaged(environment.path, "%s, and it cannot be made anew: %s." % (text, reason)) from None
