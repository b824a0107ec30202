"""What an operator can do with a bundle besides starting it: FERRYWHEEL_TOOLS=<verb> app.pyz [arguments]."""

import json
import os
import shutil
import tempfile
import time

from . import (
    EXIT_DAMAGED,
    EXIT_NO_ROOT,
    EXIT_USAGE,
    BootstrapError,
    archive,
    base_interpreter,
    check,
    choose,
    find_environment,
    install,
    keep,
    trust,
    wheel,
)

SECONDS_PER_DAY = 86400


def run(bundle, asked, arguments):
    """Run the verb that FERRYWHEEL_TOOLS names and return the exit code."""
    words = asked.tool.split()
    verb, arguments = words[0], words[1:] + arguments
    if verb not in VERBS:
        raise BootstrapError(
            EXIT_USAGE, "FERRYWHEEL_TOOLS=%s is unknown; there are: %s." % (verb, ", ".join(sorted(VERBS)))
        )
    if not asked.compiles and verb in ("prepare", "unpack"):
        # Whoever starts it later may not be allowed to write the compiled modules.
        asked.compiles = "1"
    return VERBS[verb](bundle, asked, arguments) or 0


def _expect(arguments, usage, count=0, options=()):
    """The plain arguments and the options that were given; exit 2 with the usage if they are not as told."""
    plain = [item for item in arguments if not item.startswith("--")]
    given = {item for item in arguments if item.startswith("--")}
    if len(plain) != count or given - set(options):
        raise BootstrapError(EXIT_USAGE, "usage: FERRYWHEEL_TOOLS=%s" % usage)
    return plain, given


def _find_existing(bundle, asked):
    """The environment that a start would use, or None; nothing is made."""
    sibling = trust.find_sibling(bundle, [])
    if sibling is not None:
        return sibling
    for _, root, is_private in trust.list_roots(asked):
        try:
            found = trust.find_ready(root, bundle.environment_name(), bundle.id, is_private)
        except trust.Unusable:
            continue
        if found is not None:
            return found
    return None


def info(bundle, asked, arguments):
    """Print the manifest and where the environment is, as JSON."""
    _expect(arguments, "info")
    found = _find_existing(bundle, asked)
    known = {
        "bundle_id": bundle.id,
        "archive": bundle.archive,
        "environment": found.path if found else None,
        "site_packages": found.site_packages if found else None,
        "roots": [root for _, root, _ in trust.list_roots(asked)],
        "python": base_interpreter(),
        "manifest": json.loads(bundle.manifest_bytes.decode("utf-8")),
    }
    choose.read_manifest(bundle)
    print(json.dumps(known, indent=2, sort_keys=True))


def verify(bundle, asked, arguments):
    """Check the archive's wheels and every file of the environment; `--repair` makes a damaged environment anew."""
    _, options = _expect(arguments, "verify [--repair]", 0, ("--repair",))
    manifest = choose.read_manifest(bundle)
    source = archive.open_zip(bundle.archive, bundle.title)
    wheels = [item for distribution in manifest.distributions for item in distribution.wheels]
    wheel.check_archive(source, manifest, wheels, bundle)
    print("%s: %d wheels are as built" % (bundle.archive, len(wheels)))
    found = _find_existing(bundle, asked)
    if found is None:
        print("there is no environment yet")
        return 0
    problems = list(check.find_problems(found, True))
    for path, text in problems:
        print("%s: %s" % (path, text))
    if problems and "--repair" in options:
        check.repair(found, bundle, asked, "%d damaged files" % len(problems))
        print("%s: made anew" % found.path)
        return 0
    if not problems:
        print("%s: all files are as made" % found.path)
    return EXIT_DAMAGED if problems else 0


def path(bundle, asked, arguments):
    """Print the folder with the packages; the environment is made if it is missing."""
    _expect(arguments, "path")
    print(find_environment(bundle, asked).site_packages)


def python(bundle, asked, arguments):
    """Print the path of the environment's interpreter; the environment is made if it is missing."""
    _expect(arguments, "python")
    print(os.path.join(find_environment(bundle, asked).path, "bin", "python"))


def prepare(bundle, asked, arguments):
    """Make the environment now, so that the first start is quick."""
    _expect(arguments, "prepare")
    print(find_environment(bundle, asked).path)


def unpack(bundle, asked, arguments):
    """Make an environment in DIR that every user may read and that may be moved on this host."""
    (target,), _ = _expect(arguments, "unpack DIR", 1)
    target = os.path.abspath(target)
    parent = os.path.dirname(target)
    if os.path.lexists(target) and (os.path.islink(target) or not os.path.isdir(target) or os.listdir(target)):
        raise BootstrapError(EXIT_USAGE, "%s exists and is not an empty folder." % target)
    manifest = choose.read_manifest(bundle)
    wheels = choose.choose(bundle, asked, manifest)
    old_umask = os.umask(0o022)
    folder = None
    try:
        os.makedirs(parent, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=".tmp-", dir=parent)
        install.check_room(parent, manifest)
        install.fill(folder, target, bundle, asked, manifest, wheels, is_relocatable=True)
        os.chmod(folder, 0o755)
        os.rename(folder, target)
    except OSError as error:
        raise _refusal(parent, install.explained(error, parent, manifest)) from None
    except trust.Unusable as reason:
        raise _refusal(parent, reason) from None
    finally:
        os.umask(old_umask)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
    print(target)


def _refusal(folder, reason):
    if isinstance(reason, BootstrapError):
        return reason
    return BootstrapError(EXIT_NO_ROOT, "%s: %s." % (folder, reason))


def wheels(bundle, asked, arguments):
    """Copy the wheels into DIR, with files that pip and uv install them from without an index."""
    (target,), _ = _expect(arguments, "wheels DIR", 1)
    manifest = choose.read_manifest(bundle)
    source = archive.open_zip(bundle.archive, bundle.title)
    wheel.check_archive(source, manifest, [w for d in manifest.distributions for w in d.wheels], bundle)
    os.makedirs(os.path.join(target, "wheels"), exist_ok=True)
    lines = ["--no-index", "--find-links ./wheels", "--require-hashes", "--only-binary :all:"]
    for distribution in manifest.distributions:
        hashes = ["    --hash=sha256:" + item.sha256 for item in distribution.wheels]
        lines.append(" \\\n".join(["%s==%s" % (distribution.name, distribution.version)] + hashes))
        for item in distribution.wheels:
            _copy(source, "wheels/" + item.filename, os.path.join(target, "wheels", item.filename))
    _copy(source, "pylock.toml", os.path.join(target, "pylock.toml"))
    with open(os.path.join(target, "requirements.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    print(os.path.abspath(target))


def _copy(source, name, target):
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with open(descriptor, "wb") as file:
        for chunk in source.chunks(source.find(name)):
            file.write(chunk)


def collect(bundle, asked, arguments):
    """Remove old environments of this bundle's name that nobody uses: `gc [--days=N] [--keep=K]`."""
    options = dict(item.partition("=")[::2] for item in arguments)
    try:
        days = float(options.pop("--days", "0"))
        kept = int(options.pop("--keep", str(keep.OLD_ENVIRONMENTS_KEPT)))
    except ValueError:
        options = {"": ""}
    if options:
        raise BootstrapError(EXIT_USAGE, "usage: FERRYWHEEL_TOOLS=gc [--days=N] [--keep=K]")
    name = bundle.environment_name()
    for _, root, is_private in trust.list_roots(asked):
        try:
            trust.check_parents(root)
            trust.judge(root, os.lstat(root), is_private)
            keep.sweep_versions(root, bundle.name)
            removed = keep.drop_old(
                root, bundle.name, os.path.join(root, name), max(kept, 0), time.time() - days * SECONDS_PER_DAY
            )
            keep.sweep(root, name)
        except (trust.Unusable, OSError):
            continue
        for folder in removed:
            print("removed %s" % folder)


VERBS = {
    "info": info,
    "verify": verify,
    "path": path,
    "python": python,
    "prepare": prepare,
    "unpack": unpack,
    "wheels": wheels,
    "gc": collect,
}
