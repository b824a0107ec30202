"""Run the application inside its environment, where this file lies as `.ferrywheel/run.py`.

The two constants below are replaced when the environment is made. multiprocessing imports this file again
in its children, so nothing but the guarded call at the end may start anything.
"""

import os
import sys

ENTRY = ("interpreter", "")
SCRIPTS = {}

EXIT_NOT_IMPORTABLE = 70


class NotImportable(Exception):
    """The entry point does not exist or its module cannot be imported."""


def load(value):
    """The object that an entry point such as `pkg.mod:func` or `pkg.mod:obj.method` names."""
    module, _, attribute = value.partition("[")[0].replace(" ", "").partition(":")
    try:
        __import__(module)  # and not importlib, which most starts would load for this alone
        found = sys.modules[module]
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise NotImportable(value, error) from error
    return found


def check_module(name):
    """Raise `NotImportable` unless `python -m name` would find something to run."""
    from importlib.util import find_spec

    try:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = find_spec(name + ".__main__")
    except Exception as error:
        raise NotImportable(name, error) from error
    if spec is None:
        raise NotImportable(name, ModuleNotFoundError("No module named %r that can be run" % name))


def run(kind, value, environment):
    """Run an entry point as its console script or `python -m` would, and return its exit status."""
    binaries = os.path.join(environment, "bin")
    if kind == "script":
        path = os.path.join(binaries, value)
        sys.argv[0] = path
        if value in SCRIPTS:
            return load(SCRIPTS[value])()
        return become(path, value, binaries)
    if kind == "function":
        sys.argv[0] = os.environ.get("FERRYWHEEL_ARCHIVE", sys.argv[0])
        return load(value)()
    check_module(value)
    from runpy import run_module

    run_module(value, run_name="__main__", alter_sys=True)
    return 0


def become(path, value, binaries):
    """Continue as a script file that a wheel brought; it may be in any language."""
    if not os.path.isfile(path) or os.sep in value:
        there = ", ".join(sorted(name for name in os.listdir(binaries) if not name.startswith("python")))
        raise NotImportable(value, LookupError("there is no such script; there are: " + there))
    with open(path, "rb") as file:
        is_python = b"python" in file.readline(300) + file.readline(300)
    os.execv(*(sys.executable, [sys.executable] + sys.argv) if is_python else (path, sys.argv))


def main(entry, environment, is_verbose):
    """Run `entry` and return its exit status; exit 70 with one sentence if it cannot be imported."""
    try:
        return run(entry[0], entry[1], environment)
    except NotImportable as refusal:
        value, error = refusal.args
        title = os.path.basename(os.environ.get("FERRYWHEEL_ARCHIVE", "this bundle"))
        if is_verbose:
            import traceback

            traceback.print_exception(type(error), error, error.__traceback__)
        text = "%s: its entry point %s cannot be imported: %s: %s. FERRYWHEEL_VERBOSE=1 shows where.\n"
        os.write(2, (text % (title, value, type(error).__name__, error)).encode("utf-8", "replace"))
        return EXIT_NOT_IMPORTABLE


def take_wish(environ):
    """(entry, is_verbose): what the bootstrap asked for by variables, which are removed."""
    wish = environ.pop("FERRYWHEEL_RUN", "").partition(" ")
    return (wish[::2] if wish[0] else ENTRY), bool(environ.pop("FERRYWHEEL_VERBOSE", ""))


if __name__ == "__main__":
    if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
        # The folder of this file is not the application's business.
        del sys.path[0]
    chosen, wants_traceback = take_wish(os.environ)
    sys.exit(main(chosen, sys.prefix, wants_traceback))
