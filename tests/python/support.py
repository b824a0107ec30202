"""What the tests of the bootstrap share: folders, bundles, and starting them in a process of their own."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

import oracle

sys.dont_write_bytecode = True
NOBODY = 65534
IS_ROOT = os.geteuid() == 0

#: Prints everything that a test may want to know about the process that the application runs in.
PROBE = """
import json, os, sys
def main():
    print(json.dumps({
        "argv": sys.argv, "prefix": sys.prefix, "path": sys.path, "environ": dict(os.environ), "pid": os.getpid(),
        "executable": sys.executable, "optimize": sys.flags.optimize, "isolated": sys.flags.isolated,
        "xoptions": sys._xoptions, "unbuffered": sys.stdout.write_through, "warnoptions": sys.warnoptions,
        "name": __name__, "file": __file__,
    }))
def fail():
    return 7
class Program:
    def run(self):
        print("method")
program = Program()
if __name__ == "__main__":
    main()
"""


def probe_wheel(**rest):
    """A pure wheel with the module `probe` and a console script that prints what it sees."""
    files = {"probe.py": PROBE, "runs/__init__.py": "", "runs/__main__.py": "import probe\nprobe.main()\n"}
    files.update(rest.pop("files", {}))
    scripts = rest.pop(
        "console_scripts", {"hello": "probe:main", "fails": "probe:fail", "method": "probe:program.run [extra]"}
    )
    return oracle.Wheel(rest.pop("name", "probe"), rest.pop("version", "1.0"), files, console_scripts=scripts, **rest)


def load_bootstrap():
    """The bootstrap as a package of this process, for tests of its pure parts."""
    if "_bootstrap" not in sys.modules:
        path = os.path.join(oracle.BOOTSTRAP, "__init__.py")
        spec = importlib.util.spec_from_file_location("_bootstrap", path, submodule_search_locations=[oracle.BOOTSTRAP])
        module = importlib.util.module_from_spec(spec)
        sys.modules["_bootstrap"] = module
        spec.loader.exec_module(module)
    return sys.modules["_bootstrap"]


class BundleCase(unittest.TestCase):
    """A test with a folder of its own and a root for environments in it."""

    def setUp(self):
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="ferrywheel-test-"))
        self.addCleanup(self._remove)
        self.root = os.path.join(self.folder, "root")
        self.home = os.path.join(self.folder, "home")
        os.mkdir(self.home, 0o700)

    def _remove(self):
        for parent, names, _ in os.walk(self.folder):
            for name in names:
                path = os.path.join(parent, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
        shutil.rmtree(self.folder)

    def bundle(self, *wheels, file="hello.pyz", **rest):
        """Write a bundle of the given wheels (the probe wheel if none) and return its path."""
        return self.write(file, oracle.bundle_bytes(list(wheels) or [probe_wheel()], **rest))

    def write(self, name, data, mode=0o755):
        """Write a file below the test's folder and return its path."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else textwrap.dedent(data).encode())
        os.chmod(path, mode)
        return path

    def environ(self, inject="", **variables):
        """A small environment; `inject` is Python that the first interpreter runs before the bundle. None removes."""
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": self.home,
            "FERRYWHEEL_ROOT": self.root,
            "LC_ALL": "C.UTF-8",
        }
        tracing = os.environ.get("FERRYWHEEL_TEST_TRACE")
        if inject or tracing:
            text = textwrap.dedent(inject)
            if tracing:
                with open(os.path.join(os.path.dirname(__file__), "tracer.py"), encoding="utf-8") as file:
                    text += "\nTRACE_FOLDER = %r\n%s" % (tracing, file.read())
            folder = tempfile.mkdtemp(prefix="inject-", dir=self.folder)
            os.chmod(folder, 0o755)
            with open(os.path.join(folder, "sitecustomize.py"), "w", encoding="utf-8") as file:
                file.write(text)
            environ["PYTHONPATH"] = folder
        if "PYTHONPATH" in variables and "PYTHONPATH" in environ:
            variables["PYTHONPATH"] = environ["PYTHONPATH"] + os.pathsep + variables["PYTHONPATH"]
        environ.update(variables)
        return {name: value for name, value in environ.items() if value is not None}

    def start(
        self, bundle, *arguments, python=sys.executable, options=(), inject="", cwd=None, popen=None, **variables
    ):
        """Start a bundle and return the finished process."""
        return subprocess.run(
            [python, *options, bundle, *arguments],
            env=self.environ(inject, **variables),
            cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            timeout=120,
            **(popen or {}),
        )

    def seen(self, bundle, *arguments, **rest):
        """Start a bundle whose application is the probe and return what it printed."""
        done = self.start(bundle, *arguments, **rest)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return json.loads(done.stdout)

    def refused(self, bundle, exit_code, *arguments, **rest):
        """Start a bundle that must refuse, and return the text of its refusal."""
        done = self.start(bundle, *arguments, **rest)
        self.assertEqual(done.returncode, exit_code, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(done.stdout, "")
        return done.stderr.strip()

    def environments(self, root=None):
        """Names of the finished environments below a root."""
        root = root or self.root
        if not os.path.isdir(root):
            return []
        return sorted(
            name
            for name in os.listdir(root)
            if not name.startswith(".") and os.path.exists(os.path.join(root, name, ".complete"))
        )

    def environment(self):
        """Path of the only environment."""
        (name,) = self.environments()
        return os.path.join(self.root, name)

    def site_packages(self):
        """Folder with the packages of the only environment."""
        return os.path.join(self.environment(), "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
