"""Choose the wheels for the running Python, or another Python on this host that the wheels fit.

If nothing fits, the refusal is one line: what the bundle needs and what the host has.
"""

import json
import os
import re
import subprocess
import sys

from . import EXIT_DAMAGED, EXIT_NO_FITTING_PYTHON, FORMAT, BootstrapError, base_interpreter, tags, trust

#: Minor versions of Python 3 that are looked for, newest first; newer ones than exist today cost only a look.
MINORS = range(24, 7, -1)
PROBE_SECONDS = 20
PROBE = "import sys; sys.path.insert(0, sys.argv[1]); from _bootstrap import choose; sys.exit(choose.probe())"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl$")


class Manifest:
    """FERRYWHEEL.json as values that were checked for their form once."""

    def __init__(self, data):
        self.name = _text(data["name"])
        self.bootstrap_sha256 = _text(data["bootstrap_sha256"])
        self.requires_python = _text(data["requires_python"])
        self.entry = (_text(data["entry_point"]["kind"]), _text(data["entry_point"]["value"]))
        self.texts = {_text(name): _text(digest) for name, digest in (data.get("texts") or {}).items()}
        self.target_python = _text(data["target"]["python"])
        self.unpacked_size_bytes = _number(data["unpacked_size_bytes"])
        self.file_count = _number(data["file_count"])
        self.distributions = [Distribution(item) for item in data["distributions"]]
        self.scripts = [
            (_text(s["name"]), _text(s["value"]), _text(s["distribution"])) for s in data["console_scripts"]
        ]
        self.is_native = any(wheel.is_native for item in self.distributions for wheel in item.wheels)
        if self.entry[0] not in ("script", "function", "module", "interpreter") or not _NAME.match(self.name):
            raise ValueError("a value is outside its allowed form")


class Distribution:
    """One installed project of the bundle and its wheels."""

    def __init__(self, data):
        self.name = _text(data["name"])
        self.version = _text(data["version"])
        self.wheels = [Wheel(item) for item in data["wheels"]]
        if not self.wheels:
            raise ValueError("%s has no wheel" % self.name)


class Wheel:
    """One wheel file of the bundle."""

    def __init__(self, data):
        self.filename = _text(data["filename"])
        self.sha256 = _text(data["sha256"])
        self.size_bytes = _number(data["size_bytes"])
        self.is_native = bool(data["is_native"])
        if not _FILENAME.match(self.filename):
            raise ValueError("%r is not the name of a wheel" % self.filename)


def _text(value):
    if not isinstance(value, str) or "\0" in value or "\n" in value:
        raise ValueError("%r is not a line of text" % (value,))
    return value


def _number(value):
    if not isinstance(value, int) or value < 0:
        raise ValueError("%r is not a count" % (value,))
    return value


def read_manifest(bundle):
    """Parse the bundle's manifest; exit 66 if its form is not the one of this bootstrap's format."""
    try:
        data = json.loads(bundle.manifest_bytes.decode("utf-8"))
        if data["format"] != FORMAT:
            text = "it has format %r and its own bootstrap reads format %d." % (data["format"], FORMAT)
            raise BootstrapError(EXIT_DAMAGED, "%s: %s" % (bundle.title, text))
        manifest = Manifest(data)
        if manifest.name != bundle.name:
            raise ValueError("its keys are not in canonical order")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise trust.damaged(
            bundle.title, "its FERRYWHEEL.json cannot be used (%s). Fetch the file again." % error
        ) from None
    return manifest


def fitting_wheels(manifest, host):
    """(chosen, missing): the best wheel of each distribution that has one, and the distributions that have none."""
    chosen, missing = [], []
    for distribution in manifest.distributions:
        ranked = [(tags.rank_wheel(wheel.filename, host), wheel.filename, wheel) for wheel in distribution.wheels]
        ranked = [item for item in ranked if item[0]]
        if ranked:
            chosen.append((distribution, max(ranked, key=lambda item: item[:2])[2]))
        else:
            missing.append(distribution)
    return chosen, missing


def fits(manifest, host):
    """Whether the host can run the bundle at all."""
    return not fitting_wheels(manifest, host)[1] and tags.satisfies(manifest.requires_python, host.full_version)


def choose(bundle, asked, manifest, argv=None):
    """The wheels for the running Python as (distribution, wheel) pairs.

    If they do not fit, the process continues as a fitting Python from PATH, unless that is forbidden; exit 65 if none.
    """
    host = tags.detect()
    if fits(manifest, host):
        return fitting_wheels(manifest, host)[0]
    if not asked.is_final:
        for path in find_pythons(manifest, host, asked.search_path):
            if answers(path, bundle):
                restart(path, bundle, asked, sys.argv if argv is None else argv)
    raise BootstrapError(EXIT_NO_FITTING_PYTHON, explain(bundle, manifest, host))


def find_made(bundle, manifest, root):
    """An environment of this very bundle that another Python made, if the running one cannot make any."""
    if fits(manifest, tags.detect()):
        return None
    for name in sorted(os.listdir(root)):
        if name.startswith("%s-%s-" % (bundle.name, bundle.id[:16])):
            found = trust.open_environment(os.path.join(root, name), bundle.id)
            if found is not None:
                return found
    return None


def find_pythons(manifest, host, search_path):
    """Paths of interpreters that could fit, judged by their names: the target's version first, then newest first."""
    versions = [(3, minor) for minor in MINORS if (3, minor) != host.version]
    versions.sort(key=lambda version: "%d.%d" % version != manifest.target_python)
    wanted = [version for version in versions if fits(manifest, host.with_version(version))]
    names = ["python%d.%d" % version for version in wanted]
    names += ["python%d.%dt" % version for version in versions] + ["python3", "pypy3"]
    folders = [folder for folder in search_path.split(os.pathsep) if os.path.isabs(folder)]
    seen = {base_interpreter()}
    for name in names:
        for folder in folders:
            path = os.path.join(folder, name)
            real = os.path.realpath(path)
            if real not in seen and os.access(path, os.X_OK) and os.path.isfile(path):
                seen.add(real)
                yield path


def answers(path, bundle):
    """Whether the interpreter at `path` starts and finds that the bundle fits it."""
    try:
        command = [path, "-I", "-c", PROBE, bundle.archive]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def probe():
    """Exit code of the question that `answers` puts to another interpreter."""
    from . import open_bundle

    return 0 if fits(read_manifest(open_bundle()), tags.detect()) else EXIT_NO_FITTING_PYTHON


def restart(path, bundle, asked, argv):
    """Continue this process as the interpreter at `path`; it must not look for yet another one."""
    if asked.is_verbose:
        trust.say("%s: continuing with %s" % (bundle.title, path))
    environ = dict(os.environ, FERRYWHEEL_NO_REEXEC="1")
    environ.pop("FERRYWHEEL_PYTHON", None)
    try:
        os.execve(path, [path, bundle.archive] + argv[1:], environ)
    except OSError as error:
        raise BootstrapError(EXIT_NO_FITTING_PYTHON, "%s cannot be executed: %s." % (path, error.strerror)) from None


def restart_as_asked(bundle, asked, argv):
    """Continue as the interpreter that FERRYWHEEL_PYTHON names, unless it is the running one."""
    path = asked.python
    if os.sep not in path:
        folders = [folder for folder in asked.search_path.split(os.pathsep) if os.path.isabs(folder)]
        found = [os.path.join(folder, path) for folder in folders if os.access(os.path.join(folder, path), os.X_OK)]
        if not found:
            raise BootstrapError(EXIT_NO_FITTING_PYTHON, "FERRYWHEEL_PYTHON=%s is not on PATH." % path)
        path = found[0]
    asked.is_final = True
    if os.path.realpath(path) != base_interpreter():
        restart(path, bundle, asked, argv)


def explain(bundle, manifest, host):
    """The one line that says what the bundle needs and what this host has."""
    pythons, platforms, culprits = [], [], []
    for distribution in fitting_wheels(manifest, host)[1]:
        filename = distribution.wheels[0].filename
        culprits.append(filename)
        for python, abi, platform in _needs(distribution, host):
            pythons.append(tags.describe_python(python, abi))
            platforms.append((tags.rank_needed(platform), tags.describe_platform(platform)))
    needs = " or ".join(sorted(set(pythons))) or "Python %s" % manifest.requires_python
    platform = max(platforms)[1] if platforms else ""
    text = "%s needs %s%s; this is %s" % (
        bundle.title,
        needs,
        " on " + platform if platform else "",
        tags.describe_host(host),
    )
    if not platform or platform.startswith("Linux " + host.machine + " "):
        return text if not culprits else "%s (%s)" % (text, _shorten(culprits))
    return "%s on %s %s (%s)" % (
        text,
        tags.SYSTEM_NAMES.get(host.system, host.system),
        host.machine,
        _shorten(culprits),
    )


def _shorten(filenames):
    more = len(filenames) - 1
    return filenames[0] + (" and %d more wheel%s" % (more, "s" if more > 1 else "") if more else "")


def _needs(distribution, host):
    """What each wheel of a distribution asks for: its least demanding tags."""
    for wheel in distribution.wheels:
        pythons, abis, platforms = tags.split_wheel_name(wheel.filename)
        if pythons:
            yield pythons[0], abis[0], min(platforms, key=tags.rank_needed)
