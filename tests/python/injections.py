"""Pieces of Python that the first interpreter runs before a bundle starts, to stand for hosts that are hard to get.

Each is a text for `inject=` of `support.BundleCase.start`; `%`-formatted where it has a parameter.
"""

#: Every flock fails as it does on some network file systems.
NO_LOCKS = """
import errno, fcntl
def refuse(*_):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = refuse
"""

#: The process dies by force when it has begun that many files.
KILL_AFTER = """
import os, signal
opened = []
real_open = os.open
def counting(path, flags, *rest, **more):
    if flags & os.O_EXCL:
        opened.append(path)
        if len(opened) > %d:
            os.kill(os.getpid(), signal.SIGKILL)
    return real_open(path, flags, *rest, **more)
os.open = counting
"""

#: The finished folder is renamed only when that file exists, so that another start can be faster.
SLOW_RENAME = """
import os, time
real_rename = os.rename
def slow(*arguments):
    while not os.path.exists(%r):
        time.sleep(0.01)
    return real_rename(*arguments)
os.rename = slow
"""

#: The first file takes the second one's place while the bundle is being read.
REPLACED = """
import os, tempfile
real_mkdtemp = tempfile.mkdtemp
def swap(*arguments, **named):
    os.replace(%r, %r)
    return real_mkdtemp(*arguments, **named)
tempfile.mkdtemp = swap
"""

#: A folder of the test stands for the one in /var/tmp, which belongs to the machine.
LAST_RESORT = """
import builtins, sys
real_import = builtins.__import__
def patched(*arguments, **named):
    module = real_import(*arguments, **named)
    if "_bootstrap.trust" in sys.modules:
        sys.modules["_bootstrap.trust"].LAST_RESORT = %r
    return module
builtins.__import__ = patched
"""

#: Every file system is mounted noexec.
NOEXEC = """
import os
real_statvfs = os.statvfs
class Status:
    def __init__(self, status):
        self.status = status
    def __getattr__(self, name):
        return self.status.f_flag | os.ST_NOEXEC if name == "f_flag" else getattr(self.status, name)
os.statvfs = lambda path: Status(real_statvfs(path))
"""

#: The host was started anew: that file has the boot's identifier.
OTHER_BOOT = """
import builtins
real_builtin_open = builtins.open
def other(path, *rest, **more):
    return real_builtin_open(%r if path == "/proc/sys/kernel/random/boot_id" else path, *rest, **more)
builtins.open = other
"""

#: Nothing can be written anywhere.
READ_ONLY = """
import os
real_access = os.access
os.access = lambda path, mode: mode != os.W_OK | os.X_OK and real_access(path, mode)
"""

#: Prints how often files named `probe.py` were looked at.
COUNT_LOOKS = """
import os
real_lstat, real_execve = os.lstat, os.execve
looks = []
def lstat(path, *rest, **more):
    looks.append(path)
    return real_lstat(path, *rest, **more)
def execve(*arguments):
    os.write(1, b"%d\\n" % sum("probe.py" in str(path) for path in looks))
    real_execve(*arguments)
os.lstat, os.execve = lstat, execve
"""

#: Prints how often a file was made durable.
COUNT_FSYNCS = """
import os
real_fsync, real_execve = os.fsync, os.execve
synced = []
def fsync(descriptor):
    synced.append(descriptor)
    return real_fsync(descriptor)
def execve(*arguments):
    os.write(1, b"%d\\n" % len(synced))
    real_execve(*arguments)
os.fsync, os.execve = fsync, execve
"""

#: Python was built without ctypes.
NO_CTYPES = """
import sys
sys.modules["ctypes"] = None
"""

#: The disk answers with an error when everything is to be made durable.
BROKEN_SYNCFS = """
import ctypes
class Library:
    def __init__(self, *_, **__):
        pass
    def syncfs(self, descriptor):
        ctypes.set_errno(5)
        return -1
ctypes.CDLL = Library
"""

#: fsync raises that.
FSYNC_RAISES = """
import errno, os
def fsync(*_):
    raise %s
os.fsync = fsync
"""
