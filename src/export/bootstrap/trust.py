"""Which folders a bundle may unpack into and run from, and whether an environment there is complete.

A folder is trusted if only this user or root can change what is in it or what its path leads to.
Nothing is repaired here: a folder with wrong permissions is refused with the reason.
"""

import os
import stat

from . import EXIT_DAMAGED, MARKER_NAME, MARKER_TITLE, STATE_NAME, BootstrapError

BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id"
LAST_RESORT = "/var/tmp/ferrywheel-%d"
MAX_LINKS = 16
MAX_MARKER_BYTES = 16384
SECONDS_BETWEEN_TOUCHES = 86400
#: The folder that we hold open keeps away from the low numbers that programs expect to find or get.
HELD_DESCRIPTOR = 60


class Unusable(Exception):
    """This folder cannot be used, and why; another one may be."""


class Environment:
    """A complete, trusted environment: where it is and how its application is started."""

    def __init__(self, path, marker, descriptor):
        self.path = path
        self.marker = marker
        self.descriptor = descriptor
        self.site_packages = os.path.join(path, marker["site"])
        kind, _, file = marker["start"].partition(" ")
        self.start = (kind, file)

    def boot_file(self):
        """File that says in which boot the environment's files were last checked; its time is that of the last use."""
        return os.path.join(self.path, STATE_NAME, "boot")

    def is_from_other_boot(self):
        """Whether the host was started anew since the files were checked; a crash may have cost some their content."""
        boot = current_boot()
        if not boot:
            return False
        try:
            with open(self.boot_file(), "rb", 0) as file:
                known = file.read(200)
                self._touch(os.fstat(file.fileno()))
        except OSError:
            known = b""
        return known != boot

    def _touch(self, status):
        from time import time

        if time() - status.st_mtime > SECONDS_BETWEEN_TOUCHES and status.st_uid == os.geteuid():
            os.utime(self.boot_file())

    def release(self):
        """Give up the lock on the folder, so that it may be replaced."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def hold(self):
        """Keep a shared lock on the folder for as long as the process lives, so that nobody clears it away."""
        if self.descriptor is None:
            return
        try:
            import fcntl

            fcntl.fcntl(self.descriptor, fcntl.F_DUPFD, HELD_DESCRIPTOR)
        except (OSError, ImportError):
            os.set_inheritable(self.descriptor, True)


def current_boot():
    """Identifier of this boot of the host, empty where the system does not tell."""
    try:
        with open(BOOT_ID_FILE, "rb", 0) as file:
            return file.read(200)
    except OSError:
        return b""


def list_roots(asked):
    """Folders that may hold environments as (label, path, is_private), first choice first.

    `is_private` marks the folder in a place where anybody may create names: it must be ours alone.
    """
    if asked.root:
        return [("FERRYWHEEL_ROOT or SHIV_ROOT", os.path.abspath(os.path.expanduser(asked.root)), False)]
    roots = []
    if os.path.isabs(asked.cache_directory):
        roots.append(("CACHE_DIRECTORY", os.path.normpath(asked.cache_directory), False))
    if os.path.isabs(asked.xdg_cache_home):
        roots.append(("XDG_CACHE_HOME", os.path.join(os.path.normpath(asked.xdg_cache_home), "ferrywheel"), False))
    if os.path.isabs(asked.home) and os.path.normpath(asked.home) != "/":
        roots.append(("HOME", os.path.join(os.path.normpath(asked.home), ".cache", "ferrywheel"), False))
    roots.append(("last resort", LAST_RESORT % os.geteuid(), True))
    return roots


def describe_attempts(attempts):
    """Text of the refusal when no root could be used."""
    lines = ["there is no folder to unpack into. Tried:"] + ["  " + attempt for attempt in attempts]
    lines.append(
        "Set FERRYWHEEL_ROOT to a folder that belongs to user id %d and that no one else can write." % os.geteuid()
    )
    return "\n".join(lines)


def judge(path, status, is_private=False):
    """Raise `Unusable` unless only this user or root may write the folder whose `lstat` is given."""
    if stat.S_ISLNK(status.st_mode):
        raise Unusable("it is a symbolic link; name the folder that it leads to")
    if not stat.S_ISDIR(status.st_mode):
        raise Unusable("it is not a folder")
    euid = os.geteuid()
    if status.st_uid != euid and (is_private or status.st_uid != 0):
        raise Unusable("%s belongs to user id %d, not to %d" % (path, status.st_uid, euid))
    if status.st_mode & (0o077 if is_private else 0o022):
        raise Unusable("%s is open to other users (mode %04o)" % (path, stat.S_IMODE(status.st_mode)))


def _is_shared(status):
    """Whether users other than root and ourselves may create or rename names in the folder."""
    if status.st_mode & 0o002:
        return True
    if not status.st_mode & 0o020 or status.st_gid == 0:
        return False
    try:
        import grp
        import pwd

        owner, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(status.st_gid)
        return group.gr_name != owner.pw_name or bool(set(group.gr_mem) - {owner.pw_name})
    except (ImportError, KeyError):
        return True


def check_parents(path):
    """Raise `Unusable` if another user could exchange a folder on the way to `path`; `path` itself is not judged.

    Symbolic links on the way are followed only if ours or root's and in a folder where nobody else makes names.
    """
    parts = [part for part in path.split("/") if part][:-1]
    current, is_shared, links = "/", False, 0
    while parts:
        part = parts.pop(0)
        if part == "..":
            current = os.path.dirname(current)
            continue
        entry = os.path.join(current, part)
        try:
            status = os.lstat(entry)
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unusable("%s: %s" % (entry, error.strerror)) from None
        if status.st_uid not in (0, os.geteuid()):
            raise Unusable("%s on the way to it belongs to user id %d" % (entry, status.st_uid))
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if is_shared or links > MAX_LINKS:
                raise Unusable("%s on the way to it is a symbolic link that others can plant" % entry)
            target = os.readlink(entry)
            parts = [step for step in target.split("/") if step not in ("", ".")] + parts
            current = "/" if target.startswith("/") else current
            continue
        is_shared = _is_shared(status)
        if is_shared and not status.st_mode & stat.S_ISVTX:
            raise Unusable("%s on the way to it can be changed by other users" % entry)
        current = entry


def read_marker(path):
    """Entries of an environment's marker, or None if there is none that we may believe."""
    try:
        descriptor = os.open(os.path.join(path, MARKER_NAME), os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(descriptor).st_uid not in (0, os.geteuid()):
            return None
        lines = os.read(descriptor, MAX_MARKER_BYTES).decode("utf-8", "surrogateescape").split("\n")
    finally:
        os.close(descriptor)
    if lines[0] != MARKER_TITLE or lines[-1] != "":
        return None
    return dict(line.partition(" ")[::2] for line in lines[1:-1])


def open_environment(path, bundle_id):
    """The environment in `path` if it is complete, of that bundle and can be trusted; None if it is missing.

    Raises `Unusable` if the folder exists and somebody else could have filled it.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unusable(error.strerror) from None
    judge(path, status)
    descriptor = None
    try:
        # The lock comes before the look at the marker: who clears away takes it exclusively before removing anything.
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None  # it is being cleared away
    except (OSError, ImportError):
        pass
    marker = read_marker(path)
    if (
        marker is None
        or marker.get("bundle") != bundle_id
        or not os.access(os.path.join(path, "bin", "python"), os.X_OK)
    ):
        if descriptor is not None:
            os.close(descriptor)
        return None
    return Environment(path, marker, descriptor)


def find_ready(root, name, bundle_id, is_private):
    """The environment `name` below `root` if it can be started at once, None if it must be made.

    Raises `Unusable` if the root or the environment could have been filled by another user.
    """
    check_parents(root)
    try:
        judge(root, os.lstat(root), is_private)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unusable(error.strerror) from None
    return open_environment(os.path.join(root, name), bundle_id)


def find_sibling(bundle, attempts):
    """The environment that an administrator unpacked beside the archive as `<archive>.env`, if there is one."""
    path = os.path.realpath(bundle.archive) + ".env"
    if not os.path.lexists(path):
        return None
    try:
        check_parents(path)
        environment = open_environment(path, bundle.id)
    except Unusable as reason:
        attempts.append("%s (beside the archive): %s" % (path, reason))
        return None
    if environment is None:
        attempts.append("%s (beside the archive): it is not a complete environment of this bundle" % path)
    return environment


def make_root(root, is_private):
    """Create `root` where it is missing and check that we may write it; its status is returned."""
    check_parents(root)
    missing = []
    path = root
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    try:
        for path in reversed(missing):
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                pass  # another start of the bundle made it meanwhile
        check_parents(root)
        status = os.lstat(root)
    except OSError as error:
        raise Unusable("%s: %s" % (error.filename or path, error.strerror)) from None
    judge(root, status, is_private)
    if not os.access(root, os.W_OK | os.X_OK):
        raise Unusable("it is not writable")
    return status


def damaged(path, text):
    """The error for bytes that are not what the manifest says."""
    return BootstrapError(EXIT_DAMAGED, "%s: %s" % (path, text))


def say(text):
    """A line for the operator on the error output, if there is one; never on the application's output."""
    try:
        os.write(2, text.encode("utf-8", "backslashreplace") + b"\n")
    except OSError:
        pass
