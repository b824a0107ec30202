"""Locks, and the clearing away of what is no longer needed below a root.

A lock only saves work: where locking is not possible, the rename of a finished folder decides who was first.
"""

import errno
import os
import re
import shutil
import stat
import time

from . import EXIT_LOCK_TIMEOUT, STATE_NAME, BootstrapError, trust

try:
    import fcntl
except ImportError:
    fcntl = None

OLD_ENVIRONMENTS_KEPT = 2
SECONDS_BETWEEN_TRIES = 0.05
SECONDS_BEFORE_MESSAGE = 2.0
SECONDS_UNTIL_STALE = 86400
TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
CACHEDIR_TAG = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n# Environments of bundles; they are made again when missing.\n"
)


class BuildLock:
    """Exclusive lock on the making of one environment; `is_held` is false where the file system cannot lock."""

    def __init__(self, root, name, bundle, asked):
        self.path = lock_path(root, name)
        self.title = bundle.title
        self.timeout_seconds = asked.lock_timeout_seconds
        self.is_held = False

    def __enter__(self):
        try:
            self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            reason = "is a symbolic link; remove it" if error.errno == errno.ELOOP else error.strerror
            raise trust.Unusable("its lock %s: %s" % (self.path, reason)) from None
        try:
            if os.fstat(self.descriptor).st_uid not in (0, os.geteuid()):
                raise trust.Unusable("its lock %s belongs to another user" % self.path)
            self._wait()
        except BaseException:
            os.close(self.descriptor)
            raise
        return self

    def _wait(self):
        begin = time.monotonic()
        is_told = False
        while not try_lock(self.descriptor):
            elapsed = time.monotonic() - begin
            holder = os.pread(self.descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            if elapsed >= self.timeout_seconds:
                text = "process %s has been unpacking for %d s (%s). Try again, or raise FERRYWHEEL_LOCK_TIMEOUT."
                raise BootstrapError(EXIT_LOCK_TIMEOUT, text % (holder, elapsed, self.path))
            if elapsed >= SECONDS_BEFORE_MESSAGE and not is_told:
                is_told = True
                trust.say("%s: waiting for process %s, which is unpacking" % (self.title, holder))
            time.sleep(SECONDS_BETWEEN_TRIES)
        self.is_held = can_lock(self.descriptor)
        if self.is_held:
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, b"%d\n" % os.getpid(), 0)

    def __exit__(self, *_):
        os.close(self.descriptor)


def try_lock(descriptor):
    """Whether to go on: false only if somebody else has the lock."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in TAKEN
    return True


def can_lock(descriptor):
    """Whether the lock is really ours, so that what others left behind may be removed."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def move_aside(path):
    """Give an environment a name under which nobody looks for it, and return its new path."""
    hidden = os.path.join(os.path.dirname(path), ".old-%s-%s" % (os.path.basename(path), os.urandom(6).hex()))
    os.rename(path, hidden)
    return hidden


def mark_used(descriptor):
    """Keep `remove_unused` away from the open folder; where locks do not work, nothing is removed anyway."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (OSError, AttributeError):
        pass


def remove_unused(path):
    """Remove a folder unless a process uses it or it is not ours; returns whether it was removed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        if os.fstat(descriptor).st_uid != os.geteuid() or not can_lock(descriptor):
            return False
        if os.lstat(path).st_ino != os.fstat(descriptor).st_ino:
            return False  # made anew meanwhile
        if not os.path.basename(path).startswith("."):
            # Nobody may find it complete while it is being removed.
            path = move_aside(path)
        shutil.rmtree(path, ignore_errors=True)
        return not os.path.lexists(path)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def sweep(root, name):
    """Remove what killed starts and replaced environments of that environment's name left behind."""
    for found in os.listdir(root):
        if found.startswith((".tmp-%s-" % name, ".old-%s-" % name)):
            remove_unused(os.path.join(root, found))


def sweep_versions(root, name):
    """Remove the same of the bundle's other versions, once it is too old to be in the making."""
    for found in os.listdir(root):
        path = os.path.join(root, found)
        if re.match(r"\.(tmp|old)-%s-[0-9a-f]{16}-" % re.escape(name), found) and _is_stale(path):
            remove_unused(path)


def _is_stale(path):
    try:
        return time.time() - os.lstat(path).st_mtime > SECONDS_UNTIL_STALE
    except OSError:
        return False  # somebody else has just removed it


def list_environments(root, name):
    """[(last use in seconds since 1970, path)] of the bundle's environments below `root`, newest first."""
    pattern = re.compile(re.escape(name) + r"-[0-9a-f]{16}-[\w-]+-[0-9a-f]{8}$")
    found = []
    for entry in os.listdir(root):
        path = os.path.join(root, entry)
        try:
            status = os.lstat(path)
            if not pattern.match(entry) or not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue
            if trust.read_marker(path) is None:
                continue
            boot = os.path.join(path, STATE_NAME, "boot")
            found.append((os.lstat(boot).st_mtime if os.path.exists(boot) else status.st_mtime, path))
        except OSError:
            continue
    return sorted(found, reverse=True)


def drop_old(root, name, current, keep=OLD_ENVIRONMENTS_KEPT, oldest_use=None):
    """Remove the bundle's environments beyond the `keep` newest old ones; `current` and used ones stay.

    With `oldest_use`, only those last used before it. Returns the removed paths.
    """
    others = [(used, path) for used, path in list_environments(root, name) if path != current]
    removed = []
    for used, path in others[keep:]:
        if (oldest_use is None or used < oldest_use) and remove_unused(path):
            removed.append(path)
            # Whoever waits for this lock goes on with a file that has no name; the rename decides then.
            remove_file(lock_path(root, os.path.basename(path)))
    return removed


def remove_file(path):
    """Remove a file that is not needed; failing to is no error."""
    try:
        os.unlink(path)
    except OSError:
        pass


def lock_path(root, name):
    """Where the lock on the making of an environment is."""
    return os.path.join(root, "." + name + ".lock")


def tag_root(root):
    """Mark the root as a cache, for backup programs; failing to is no error."""
    try:
        descriptor = os.open(
            os.path.join(root, "CACHEDIR.TAG"), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644
        )
    except OSError:
        return
    with open(descriptor, "wb") as file:
        file.write(CACHEDIR_TAG)
