"""Make the environment of a bundle: in a hidden folder beside its final place, then one rename."""

import errno
import os
import shutil
import stat
import sys
import tempfile

from . import (
    EXIT_NO_SPACE,
    EXIT_NOT_IMPORTABLE,
    MARKER_NAME,
    MARKER_TITLE,
    STATE_NAME,
    BootstrapError,
    archive,
    base_interpreter,
    check,
    choose,
    is_yes,
    keep,
    trust,
    wheel,
)

MEBIBYTE = 1 << 20
#: Room that each file takes beyond its bytes: half a block on average, plus its name and inode.
BYTES_PER_FILE = 4096
RESERVE_BYTES = 4 * MEBIBYTE
#: Up to this many files are made durable one by one, so that a small bundle does not wait for the whole file system.
FEW_FILES = 32
FULL = (errno.ENOSPC, errno.EDQUOT)


def build(bundle, asked, root, is_private, replaced=None):
    """Make the bundle's environment below `root`, unless another process was faster, and return it.

    Raises `trust.Unusable` if this root cannot be used, `BootstrapError` if none would help.
    """
    trust.make_root(root, is_private)
    manifest = choose.read_manifest(bundle)
    if not asked.is_final and not asked.forces_extract and replaced is None:
        ready = choose.find_made(bundle, manifest, root)
        if ready is not None:
            return ready
    wheels = choose.choose(bundle, asked, manifest)
    name = bundle.environment_name()
    path = os.path.join(root, name)
    known_inode = _inode(path)
    if replaced is not None:
        replaced.release()
    with keep.BuildLock(root, name, bundle, asked) as lock:
        ready = trust.open_environment(path, bundle.id)
        if ready is not None:
            if not (asked.forces_extract or replaced) or _inode(path) != known_inode:
                return ready
            ready.release()
        if lock.is_held:
            keep.sweep(root, name)
        check_room(root, manifest)
        folder = tempfile.mkdtemp(prefix=".tmp-%s-" % name, dir=root)
        held = os.open(folder, os.O_RDONLY)
        keep.mark_used(held)
        try:
            fill(folder, path, bundle, asked, manifest, wheels)
            os.chmod(folder, stat.S_IMODE(os.lstat(root).st_mode) & 0o755)
            is_ours = _put_in_place(folder, path, bundle.id, asked.forces_extract or replaced is not None)
        except OSError as error:
            raise explained(error, root, manifest) from error
        finally:
            os.close(held)
            shutil.rmtree(folder, ignore_errors=True)
        keep.tag_root(root)
        if lock.is_held and is_ours:
            keep.sweep(root, name)
            keep.drop_old(root, bundle.name, path)
            keep.sweep_versions(root, bundle.name)
    return trust.open_environment(path, bundle.id)


def _inode(path):
    try:
        return os.lstat(path).st_ino
    except OSError:
        return None


def explained(error, root, manifest):
    """What a failed write means: no space is final, anything else speaks against this root only."""
    if error.errno in FULL:
        return _no_space(root, manifest)
    text = "%s: %s" % (error.filename or root, error.strerror or error)
    return trust.Unusable(text)


def _no_space(root, manifest):
    needed = needed_bytes(manifest) // MEBIBYTE + 1
    text = "%s is full: %d MiB are needed. Make room or name another folder with FERRYWHEEL_ROOT." % (root, needed)
    return BootstrapError(EXIT_NO_SPACE, text)


def needed_bytes(manifest):
    """Room that the environment takes on disk."""
    return manifest.unpacked_size_bytes + manifest.file_count * BYTES_PER_FILE + RESERVE_BYTES


def check_room(root, manifest):
    """Raise if `root` has too little room, or forbids what native modules need."""
    status = os.statvfs(root)
    if manifest.is_native and status.f_flag & getattr(os, "ST_NOEXEC", 8):
        raise trust.Unusable("it is mounted noexec, but this bundle has native extension modules")
    # Some file systems do not count their inodes; they report none at all.
    is_out_of_inodes = status.f_files > 0 and status.f_favail < manifest.file_count
    if status.f_bavail * status.f_frsize < needed_bytes(manifest) or is_out_of_inodes:
        raise _no_space(root, manifest)


def fill(folder, final_path, bundle, asked, manifest, wheels, is_relocatable=False):
    """Write a complete environment into `folder` that will work at `final_path`."""
    tree = wheel.Tree(folder, final_path, is_relocatable)
    source = archive.open_zip(bundle.archive, bundle.title)
    try:
        wheel.check_archive(source, manifest, [], bundle)
        for distribution, chosen in wheels:
            try:
                wheel.install(tree, source, distribution, chosen, manifest.scripts)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise trust.damaged(
                    bundle.title, "%s needs a file where there is a folder: %s." % (chosen.filename, error.filename)
                ) from None
        runner = source.read("_bootstrap/runner.py").decode("utf-8")
    finally:
        os.close(source.descriptor)
    _write_links(folder)
    tree.write("pyvenv.cfg", [_pyvenv().encode("utf-8", "surrogateescape")])
    os.makedirs(os.path.join(folder, tree.site), exist_ok=True)
    _write_runner(tree, runner, manifest)
    if is_yes(asked.compiles):
        _compile(tree, os.path.join(final_path, tree.site), asked.jobs)
    _finish(tree, bundle, start_of(tree, manifest))


def _write_links(folder):
    binaries = os.path.join(folder, "bin")
    os.makedirs(binaries, exist_ok=True)
    os.symlink(base_interpreter(), os.path.join(binaries, "python"))
    for name in ("python3", "python%d.%d" % sys.version_info[:2]):
        os.symlink("python", os.path.join(binaries, name))
    if getattr(sys, "platlibdir", "lib") == "lib64":
        os.symlink("lib", os.path.join(folder, "lib64"))


def _pyvenv():
    base = base_interpreter()
    version = "%d.%d.%d" % sys.version_info[:3]
    lines = (
        "home = " + os.path.dirname(base),
        "include-system-site-packages = false",
        "version = " + version,
        "executable = " + base,
    )
    return "\n".join(lines) + "\n"


def _write_runner(tree, text, manifest):
    scripts = {name: value for name, value, _ in manifest.scripts}
    text = text.replace('ENTRY = ("interpreter", "")\n', "ENTRY = %r\n" % (manifest.entry,), 1)
    text = text.replace("SCRIPTS = {}\n", "SCRIPTS = %r\n" % (scripts,), 1)
    tree.write(STATE_NAME + "/run.py", [text.encode("utf-8")])


def start_of(tree, manifest):
    """How the default entry point is started: `python` or `direct`, a blank, and a path in the environment."""
    kind, value = manifest.entry
    if kind == "interpreter":
        return "python "
    if kind != "script" or any(value == name for name, _, _ in manifest.scripts):
        return "python %s/run.py" % STATE_NAME
    path = "bin/" + value
    if path not in tree.files:
        raise BootstrapError(EXIT_NOT_IMPORTABLE, "none of the bundle's wheels has the script %s." % value)
    with open(os.path.join(tree.folder, path), "rb") as file:
        head = file.readline(300) + file.readline(300)
    return ("python " if b"python" in head else "direct ") + path


def _compile(tree, final_site, jobs):
    import compileall
    import py_compile

    site = os.path.join(tree.folder, tree.site)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(site, maxlevels=100, ddir=final_site, quiet=2, workers=max(jobs, 0), invalidation_mode=mode)
    for folder, _, names in os.walk(site):
        for name in names:
            if name.endswith(".pyc"):
                path = os.path.join(folder, name)
                relative = os.path.relpath(path, tree.folder)
                tree.files.setdefault(relative, (check._sha256(path), os.path.getsize(path), False))


def _finish(tree, bundle, start):
    """Make all files durable, then write the list of them and the marker that makes the environment valid."""
    text = check.render(tree.files)
    listed = list(tree.files)
    digest = tree.write("%s/%s" % (STATE_NAME, check.LIST_NAME), [text])[0]
    tree.write(STATE_NAME + "/boot", [trust.current_boot()])
    flush_all(tree.folder, listed + ["%s/%s" % (STATE_NAME, check.LIST_NAME)])
    lines = (
        MARKER_TITLE,
        "bundle " + bundle.id,
        "site " + tree.site,
        "start " + start,
        "python " + base_interpreter(),
        "files " + digest.hex(),
        "",
    )
    tree.write(MARKER_NAME, ["\n".join(lines).encode("utf-8", "surrogateescape")])
    flush(os.path.join(tree.folder, MARKER_NAME))
    flush(tree.folder)


def flush_all(folder, paths):
    """Make files durable: thousands of them with one call for the whole file system, which is quicker by far."""
    syncfs = None
    if len(paths) > FEW_FILES:
        try:
            import ctypes

            syncfs = ctypes.CDLL(None, use_errno=True).syncfs
        except (ImportError, OSError, AttributeError):
            pass
    if syncfs is None:
        for path in paths:
            flush(os.path.join(folder, path))
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), folder)
    finally:
        os.close(descriptor)


def flush(path):
    """Make a file or folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(folder, path, bundle_id, replaces):
    """Rename the finished folder to `path` and return True; False if a faster process has done the same work.

    Its environment may be in use already, so it is moved aside only where something must be replaced.
    """
    try:
        os.rename(folder, path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        faster = None if replaces else trust.open_environment(path, bundle_id)
        if faster is not None:
            faster.release()
            return False
        aside = keep.move_aside(path)
        os.rename(folder, path)
        keep.remove_unused(aside)
    flush(os.path.dirname(path))
    return True
