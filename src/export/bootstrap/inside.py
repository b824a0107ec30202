"""Use an environment inside the running process: the import hook, and FERRYWHEEL_MODE=path."""

import os
import site
import sys

from . import STATE_NAME, application_environ, interpreter_options, runner

HOST_FOLDERS = ("site-packages", "dist-packages")


def activate(environment):
    """Put the environment's packages before the host's on `sys.path`, run its `.pth` files, and return the folder."""
    environment.hold()
    before = list(sys.path)
    known = set(before)
    site.addsitedir(environment.site_packages)
    added = [path for path in sys.path if path not in known]
    first = next((at for at, path in enumerate(before) if os.path.basename(path) in HOST_FOLDERS), len(before))
    sys.path[:] = before[:first] + added + before[first:]
    return environment.site_packages


def run(environment, bundle, asked, argv):
    """Run the application in this process, as far as that can be kept apart from the host's packages."""
    foreign = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if not asked.inherits_path:
        sys.path[:] = [p for p in sys.path if os.path.basename(p) not in HOST_FOLDERS and p not in foreign]
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) != bundle.archive]
    environ = application_environ(os.environ, environment, bundle, asked)
    environ.pop("VIRTUAL_ENV")
    paths = (asked.prepended_path, environment.site_packages, environ.get("PYTHONPATH") if asked.inherits_path else "")
    environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    os.environ.clear()
    os.environ.update(environ)
    activate(environment)
    sys.path[:0] = [path for path in asked.prepended_path.split(os.pathsep) if path]
    sys.argv[:] = argv
    entry = _read_constants(environment, asked)
    if entry[0] == "interpreter":
        os.execv(sys.executable, [sys.executable] + interpreter_options() + argv[1:])
    return runner.main(entry, environment.path, asked.is_verbose)


def _read_constants(environment, asked):
    """The entry to run; the table of scripts is taken from the environment's own runner."""
    from runpy import run_path

    made = run_path(os.path.join(environment.path, STATE_NAME, "run.py"), run_name="ferrywheel_run")
    runner.SCRIPTS = made["SCRIPTS"]
    return asked.run or made["ENTRY"]
