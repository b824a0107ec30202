"""Start a bundle: find or build its environment, then run the application in it.

A warm start reads this file and `trust.py` and imports nothing that Python has not loaded already,
apart from a hash and a checksum. Everything else is imported when there is something to unpack.
"""

import os
import sys

FORMAT = 1
MANIFEST_NAME = "FERRYWHEEL.json"
MARKER_NAME = ".complete"
STATE_NAME = ".ferrywheel"
MARKER_TITLE = "ferrywheel-environment 1"

EXIT_UNFORESEEN = 1
EXIT_USAGE = 2
EXIT_NO_FITTING_PYTHON = 65
EXIT_DAMAGED = 66
EXIT_NO_SPACE = 67
EXIT_NO_ROOT = 68
EXIT_LOCK_TIMEOUT = 69
EXIT_NOT_IMPORTABLE = 70

DEFAULT_LOCK_TIMEOUT_SECONDS = 300.0

#: Variables that steer the bootstrap. The application and its children see none of them.
CONSUMED = tuple(
    "FERRYWHEEL_" + name
    for name in (
        "ROOT PYTHON ENTRY_POINT SCRIPT INTERPRETER FORCE_EXTRACT VERIFY INHERIT_PATH NO_REEXEC MODE COMPILE JOBS "
        "LOCK_TIMEOUT VERBOSE TOOLS RUN"
    ).split()
) + tuple(
    "SHIV_" + name
    for name in (
        "ROOT INTERPRETER ENTRY_POINT MODULE CONSOLE_SCRIPT FORCE_EXTRACT COMPILE_PYC COMPILE_WORKERS "
        "EXTEND_PYTHONPATH PREPEND_PYTHONPATH"
    ).split()
)

#: Host settings that would put foreign modules before the bundle's own.
FOREIGN_PATHS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__")


class BootstrapError(Exception):
    """The bundle cannot start: a sentence for the operator and the process's exit code."""

    def __init__(self, exit_code, message):
        super().__init__(message)
        self.exit_code = exit_code


class Settings:
    """What the environment variables ask for; made by `read_settings` only."""


def is_yes(value):
    """Whether a variable's text switches something on."""
    return value.lower() not in ("", "0", "false", "no", "off")


def read_settings(environ):
    """Read every variable that steers the bootstrap; the only place that does."""

    def first(*names):
        for name in names:
            if environ.get(name):
                return environ[name]
        return ""

    def number(name, value, default):
        try:
            return float(value) if value else default
        except ValueError:
            raise BootstrapError(EXIT_USAGE, "%s=%s is not a number." % (name, value)) from None

    asked = Settings()
    asked.root = first("FERRYWHEEL_ROOT", "SHIV_ROOT")
    asked.cache_directory = first("CACHE_DIRECTORY").split(os.pathsep)[0]
    asked.xdg_cache_home = first("XDG_CACHE_HOME")
    asked.home = first("HOME")
    asked.search_path = first("PATH")
    asked.python = first("FERRYWHEEL_PYTHON")
    asked.is_final = is_yes(first("FERRYWHEEL_NO_REEXEC"))
    asked.forces_extract = is_yes(first("FERRYWHEEL_FORCE_EXTRACT", "SHIV_FORCE_EXTRACT"))
    asked.verifies_all = first("FERRYWHEEL_VERIFY").lower() == "full"
    asked.inherits_path = is_yes(first("FERRYWHEEL_INHERIT_PATH"))
    asked.mode = first("FERRYWHEEL_MODE") or "venv"
    asked.compiles = first("FERRYWHEEL_COMPILE", "SHIV_COMPILE_PYC")
    asked.jobs = int(number("FERRYWHEEL_JOBS", first("FERRYWHEEL_JOBS", "SHIV_COMPILE_WORKERS"), 1))
    timeout = first("FERRYWHEEL_LOCK_TIMEOUT")
    asked.lock_timeout_seconds = number("FERRYWHEEL_LOCK_TIMEOUT", timeout, DEFAULT_LOCK_TIMEOUT_SECONDS)
    asked.is_verbose = is_yes(first("FERRYWHEEL_VERBOSE"))
    asked.tool = first("FERRYWHEEL_TOOLS")
    asked.prepended_path = first("SHIV_PREPEND_PYTHONPATH")
    asked.run = None
    script = first("FERRYWHEEL_SCRIPT", "SHIV_CONSOLE_SCRIPT")
    entry_point = first("FERRYWHEEL_ENTRY_POINT", "SHIV_ENTRY_POINT", "SHIV_MODULE")
    if is_yes(first("FERRYWHEEL_INTERPRETER")) or first("SHIV_INTERPRETER"):
        asked.run = ("interpreter", "")
    elif script:
        asked.run = ("script", script)
    elif entry_point:
        asked.run = ("function" if ":" in entry_point else "module", entry_point)
    if asked.mode not in ("venv", "path"):
        raise BootstrapError(EXIT_USAGE, "FERRYWHEEL_MODE=%s is unknown; use venv or path." % asked.mode)
    return asked


class Bundle:
    """The archive that is being started and the digest that names its content."""

    def __init__(self, archive, manifest_bytes):
        self.archive = archive
        self.manifest_bytes = manifest_bytes
        self.id = _sha256(manifest_bytes)
        # The manifest's keys are sorted and no other object in it has a `format`, so this finds the bundle's own
        # name without loading a JSON parser. The cold path parses the manifest and compares.
        self.name = (
            manifest_bytes.partition(b'"format":%d,"name":"' % FORMAT)[2].partition(b'"')[0].decode("ascii", "replace")
        )

    @property
    def title(self):
        """What people call the file: its name without folders."""
        return os.path.basename(self.archive)

    def environment_name(self):
        """Folder name of this bundle's environment for the running Python, independent of the archive's own name."""
        from zlib import crc32

        path = os.fsencode(base_interpreter())
        return "%s-%s-%s-%08x" % (self.name, self.id[:16], sys.implementation.cache_tag, crc32(path))


def _sha256(data):
    # `hashlib` loads OpenSSL, which takes longer than all the rest of a warm start.
    try:
        from _sha2 import sha256
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256
    return sha256(data).hexdigest()


def base_interpreter():
    """Real path of the interpreter below any virtual environment that started us."""
    path = os.path.realpath(sys.executable or "")
    is_copy = sys.prefix != sys.base_prefix and path.startswith(os.path.realpath(sys.prefix) + os.sep)
    if is_copy or not sys.executable:
        # A virtual environment made of copies instead of links, or a server that embeds Python.
        path = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
    return os.path.realpath(path)


def open_bundle():
    """Find the archive that this very module was imported from and read its manifest."""
    archive = os.path.abspath(os.path.dirname(os.path.dirname(__file__)))
    if not hasattr(__loader__, "archive"):
        raise BootstrapError(EXIT_DAMAGED, "%s is not a bundle file. Start the .pyz itself, not its content." % archive)
    try:
        return Bundle(archive, __loader__.get_data(MANIFEST_NAME))
    except (OSError, EOFError) as error:
        raise BootstrapError(
            EXIT_DAMAGED, "%s has no readable %s (%s). Fetch the file again." % (archive, MANIFEST_NAME, error)
        )


def find_environment(bundle, asked):
    """Return the bundle's environment, unpacked now if need be, as a `trust.Environment`.

    The first root that can be used wins. A root that somebody named is the only one tried, so that a
    wrong owner or a full disk is reported and not papered over by another folder.
    """
    from . import trust

    attempts = []
    sibling = trust.find_sibling(bundle, attempts)
    if sibling is not None and not asked.forces_extract:
        return _checked(sibling, bundle, asked)
    name = bundle.environment_name()
    for label, root, is_private in trust.list_roots(asked):
        try:
            environment = trust.find_ready(root, name, bundle.id, is_private)
            if environment is None or asked.forces_extract:
                from . import install

                if environment is not None:
                    environment.release()
                environment = install.build(bundle, asked, root, is_private)
            return _checked(environment, bundle, asked)
        except trust.Unusable as reason:
            attempts.append("%s (%s): %s" % (root, label, reason))
            if asked.is_verbose:
                trust.say(attempts[-1])
    raise BootstrapError(EXIT_NO_ROOT, trust.describe_attempts(attempts))


def _checked(environment, bundle, asked):
    if asked.verifies_all or environment.is_from_other_boot():
        from . import check

        return check.recheck(environment, bundle, asked)
    return environment


def application_environ(environ, environment, bundle, asked):
    """Variables for the application: the environment's own, none that steer us, none that bring in foreign code."""
    result = {name: value for name, value in environ.items() if name not in CONSUMED}
    if not asked.inherits_path:
        for name in FOREIGN_PATHS:
            result.pop(name, None)
    if asked.prepended_path:
        result["PYTHONPATH"] = os.pathsep.join(filter(None, (asked.prepended_path, result.get("PYTHONPATH"))))
    result["FERRYWHEEL_ENV"] = result["VIRTUAL_ENV"] = environment.path
    result["FERRYWHEEL_SITE_PACKAGES"] = environment.site_packages
    result["FERRYWHEEL_ARCHIVE"] = bundle.archive
    result["FERRYWHEEL_BUNDLE_ID"] = bundle.id
    result["PATH"] = os.pathsep.join((os.path.join(environment.path, "bin"), result.get("PATH", os.defpath)))
    return result


def interpreter_options():
    """Options of the running interpreter that the application's interpreter must get too."""
    flags = sys.flags
    letters = "O" * flags.optimize + "v" * flags.verbose
    letters += "u" * getattr(sys.stdout, "write_through", False)
    letters += "B" * flags.dont_write_bytecode + "b" * flags.bytes_warning
    letters += "I" if flags.isolated else "E" * flags.ignore_environment
    options = ["-" + letters] if letters else []
    for name, value in sys._xoptions.items():
        options += ["-X", name if value is True else "%s=%s" % (name, value)]
    for warning in sys.warnoptions:
        options += ["-W", warning]
    return options


def command_line(environment, asked, arguments):
    """Program and arguments that run what is asked for, and the wish for the runner, if it differs from the default."""
    python = os.path.join(environment.path, "bin", "python")
    start = [python] + interpreter_options()
    if asked.run is None:
        kind, file = environment.start
        if kind == "direct":
            return [os.path.join(environment.path, file)] + arguments, None
        return start + ([os.path.join(environment.path, file)] if file else []) + arguments, None
    if asked.run[0] == "interpreter":
        return start + arguments, None
    return start + [os.path.join(environment.path, STATE_NAME, "run.py")] + arguments, "%s %s" % asked.run


def bootstrap(argv):
    """Start the bundle; returns an exit code, or does not return where the application takes the process over."""
    asked = None
    bundle_title = os.path.basename(argv[0])
    try:
        if os.name != "posix":
            text = (
                "it starts on Linux, macOS and other POSIX systems. Elsewhere its wheels can be unzipped and installed."
            )
            raise BootstrapError(EXIT_NO_FITTING_PYTHON, text)
        asked = read_settings(os.environ)
        bundle = open_bundle()
        bundle_title = bundle.title
        if asked.python:
            from . import choose

            choose.restart_as_asked(bundle, asked, argv)
        if asked.tool:
            from . import tools

            return tools.run(bundle, asked, argv[1:])
        environment = find_environment(bundle, asked)
        if asked.mode == "venv":
            return _become(environment, bundle, asked, argv[1:])
    except BootstrapError as error:
        return _report(bundle_title, error)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if asked is not None and asked.is_verbose:
            raise
        text = "%s: %s. FERRYWHEEL_VERBOSE=1 shows where." % (type(error).__name__, error)
        return _report(bundle_title, BootstrapError(EXIT_UNFORESEEN, text))
    from . import inside

    return inside.run(environment, bundle, asked, argv)


def _report(title, error):
    from . import trust

    text = str(error)
    trust.say(text if text.startswith(title) else "%s: %s" % (title, text))
    return error.exit_code


def _become(environment, bundle, asked, arguments):
    command, wish = command_line(environment, asked, arguments)
    environ = application_environ(os.environ, environment, bundle, asked)
    if wish:
        environ["FERRYWHEEL_RUN"] = wish
    if asked.is_verbose and os.path.join(environment.path, STATE_NAME, "run.py") in command:
        environ["FERRYWHEEL_VERBOSE"] = "1"  # the runner removes both
    environment.hold()
    try:
        os.execve(command[0], command, environ)
    except OSError as error:
        # The environment's files were checked; only its interpreter or its file system can be the reason.
        text = "%s cannot be executed: %s. Is %s mounted noexec?" % (command[0], error.strerror, environment.path)
        raise BootstrapError(EXIT_NO_ROOT, text) from None


def activate():
    """Make the bundle's packages importable in the running process and return their folder.

    For servers that embed Python: `sys.path.insert(0, "app.pyz"); import _bootstrap; _bootstrap.activate()`.
    Raises `BootstrapError` if there is no usable environment.
    """
    from . import inside

    asked = read_settings(os.environ)
    asked.is_final = True
    bundle = open_bundle()
    return inside.activate(find_environment(bundle, asked))
