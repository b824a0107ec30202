"""What a bundle runs, with which arguments, variables and interpreter options."""

import json
import os
import socket
import subprocess
import sys
import unittest

import oracle
from support import PROBE, BundleCase, probe_wheel

DATA_SCRIPTS = {
    "probe-1.0.data/scripts/pyscript": "#!python\n" + PROBE,
    "probe-1.0.data/scripts/shscript": '#!/bin/sh\necho shell "$@"\n',
}


class EntryPoints(BundleCase):
    def test_a_console_script_sees_its_arguments_and_its_own_path(self):
        bundle = self.bundle()
        for _ in "cold", "warm":
            seen = self.seen(bundle, "a", "b c")
            self.assertEqual(seen["argv"], [self.environment() + "/bin/hello", "a", "b c"])
            self.assertEqual(seen["prefix"], self.environment())
            self.assertEqual(seen["executable"], self.environment() + "/bin/python")

    def test_a_function_sees_the_archive_as_its_own_path(self):
        bundle = self.bundle(entry_point=("function", "probe:main"))
        self.assertEqual(self.seen(bundle, "x")["argv"], [bundle, "x"])

    def test_a_function_may_be_a_method(self):
        bundle = self.bundle(entry_point=("function", "probe:program.run"))
        self.assertEqual(self.start(bundle).stdout, "method\n")

    def test_a_module_runs_as_by_python_m(self):
        bundle = self.bundle(entry_point=("module", "probe"))
        seen = self.seen(bundle, "x")
        self.assertEqual((seen["name"], seen["argv"][1:]), ("__main__", ["x"]))
        self.assertTrue(seen["argv"][0].endswith("site-packages/probe.py"), seen["argv"])

    def test_a_package_runs_its_main_module(self):
        seen = self.seen(self.bundle(entry_point=("module", "runs")))
        self.assertTrue(seen["argv"][0].endswith("runs/__main__.py"), seen["argv"])

    def test_an_interpreter_bundle_is_a_python(self):
        bundle = self.bundle(entry_point=("interpreter", ""))
        done = self.start(bundle, "-c", "import probe, sys; print(sys.argv[1:])", "x")
        self.assertEqual((done.returncode, done.stdout), (0, "['x']\n"))

    def test_a_python_script_of_a_wheel_can_be_the_entry(self):
        bundle = self.bundle(probe_wheel(files=DATA_SCRIPTS), entry_point=("script", "pyscript"))
        self.assertEqual(self.seen(bundle, "x")["argv"], [self.environment() + "/bin/pyscript", "x"])

    def test_a_shell_script_of_a_wheel_can_be_the_entry(self):
        bundle = self.bundle(probe_wheel(files=DATA_SCRIPTS), entry_point=("script", "shscript"))
        self.assertEqual(self.start(bundle, "a").stdout, "shell a\n")

    def test_the_exit_status_of_the_application_is_the_bundles(self):
        self.assertEqual(self.start(self.bundle(entry_point=("script", "fails"))).returncode, 7)

    def test_an_application_that_dies_shows_its_own_traceback(self):
        wheel = oracle.Wheel("boom", files={"boom.py": "def main():\n    raise KeyError('x')\n"})
        done = self.start(self.bundle(wheel, entry_point=("function", "boom:main")))
        self.assertEqual(done.returncode, 1)
        self.assertIn("KeyError: 'x'", done.stderr)

    def test_variables_choose_another_entry(self):
        bundle = self.bundle(probe_wheel(files=DATA_SCRIPTS))
        for variables, expected in [
            ({"FERRYWHEEL_SCRIPT": "method"}, "method\n"),
            ({"SHIV_CONSOLE_SCRIPT": "method"}, "method\n"),
            ({"FERRYWHEEL_SCRIPT": "shscript"}, "shell a\n"),
            ({"FERRYWHEEL_ENTRY_POINT": "probe:program.run"}, "method\n"),
            ({"SHIV_ENTRY_POINT": "probe:program.run"}, "method\n"),
            ({"SHIV_MODULE": "probe:program.run"}, "method\n"),
        ]:
            with self.subTest(variables):
                done = self.start(bundle, "a", **variables)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, expected, ""))

    def test_variables_choose_a_module_or_a_python_script(self):
        bundle = self.bundle(probe_wheel(files=DATA_SCRIPTS))
        self.assertTrue(self.seen(bundle, FERRYWHEEL_ENTRY_POINT="runs")["argv"][0].endswith("runs/__main__.py"))
        self.assertTrue(self.seen(bundle, FERRYWHEEL_SCRIPT="pyscript")["argv"][0].endswith("bin/pyscript"))

    def test_variables_choose_the_interpreter(self):
        bundle = self.bundle()
        for variables in {"FERRYWHEEL_INTERPRETER": "1"}, {"SHIV_INTERPRETER": "0"}:
            done = self.start(bundle, "-c", "import probe; probe.program.run()", **variables)
            self.assertEqual(done.stdout, "method\n", variables)
        self.assertIn("argv", self.seen(bundle, FERRYWHEEL_INTERPRETER="0"))


class NotImportable(BundleCase):
    def test_an_entry_that_cannot_be_imported_is_one_line(self):
        files = {"broken.py": "import missing_dependency\n", "empty/__init__.py": "", "raises/__init__.py": "1/0\n"}
        bundle = self.bundle(probe_wheel(files=files))
        for variables, expected in [
            ({"FERRYWHEEL_ENTRY_POINT": "broken:main"}, "No module named 'missing_dependency'"),
            ({"FERRYWHEEL_ENTRY_POINT": "probe:absent"}, "has no attribute 'absent'"),
            ({"FERRYWHEEL_ENTRY_POINT": "absent"}, "No module named 'absent'"),
            ({"FERRYWHEEL_ENTRY_POINT": "empty"}, "No module named 'empty'"),
            ({"FERRYWHEEL_ENTRY_POINT": "raises.inner"}, "ZeroDivisionError"),
            ({"FERRYWHEEL_SCRIPT": "absent"}, "there are: fails, hello, method"),
            ({"FERRYWHEEL_SCRIPT": "../pyvenv.cfg"}, "no such script"),
        ]:
            with self.subTest(variables):
                text = self.refused(bundle, 70, **variables)
                self.assertTrue(text.startswith("hello.pyz: its entry point "), text)
                self.assertIn(expected, text)
                self.assertNotIn("\n", text)

    def test_verbose_shows_where_the_import_failed(self):
        bundle = self.bundle(probe_wheel(files={"broken.py": "import missing_dependency\n"}))
        done = self.start(bundle, FERRYWHEEL_ENTRY_POINT="broken:main", FERRYWHEEL_VERBOSE="1")
        self.assertEqual(done.returncode, 70)
        self.assertIn("broken.py", done.stderr)

    def test_a_manifest_that_names_an_absent_script_is_refused(self):
        text = self.refused(self.bundle(entry_point=("script", "absent")), 70)
        self.assertEqual(text, "hello.pyz: none of the bundle's wheels has the script absent.")
        self.assertEqual(self.environments(), [])


class Surroundings(BundleCase):
    def test_the_application_learns_where_it_lives(self):
        bundle = self.bundle()
        environ = self.seen(bundle)["environ"]
        self.assertEqual(environ["FERRYWHEEL_ENV"], self.environment())
        self.assertEqual(environ["VIRTUAL_ENV"], self.environment())
        self.assertEqual(environ["FERRYWHEEL_SITE_PACKAGES"], self.site_packages())
        self.assertEqual(environ["FERRYWHEEL_ARCHIVE"], bundle)
        manifest = oracle.canonical(oracle.manifest_of([probe_wheel()], "hello", ("script", "hello")))
        self.assertEqual(environ["FERRYWHEEL_BUNDLE_ID"], oracle.sha256(manifest))
        self.assertEqual(environ["PATH"].split(":")[0], self.environment() + "/bin")

    def test_variables_that_steer_the_start_are_gone(self):
        variables = {
            "FERRYWHEEL_SCRIPT": "hello",
            "FERRYWHEEL_FORCE_EXTRACT": "1",
            "FERRYWHEEL_VERIFY": "full",
            "FERRYWHEEL_MODE": "venv",
            "FERRYWHEEL_LOCK_TIMEOUT": "5",
            "FERRYWHEEL_NO_REEXEC": "1",
            "FERRYWHEEL_COMPILE": "1",
            "FERRYWHEEL_JOBS": "1",
            "SHIV_ROOT": self.root,
            "SHIV_COMPILE_PYC": "1",
            "SHIV_COMPILE_WORKERS": "1",
            "SHIV_EXTEND_PYTHONPATH": "1",
            "SHIV_FORCE_EXTRACT": "1",
            "FERRYWHEEL_PYTHON": sys.executable,
            "FERRYWHEEL_VERBOSE": "1",
        }
        left = self.seen(self.bundle(), FERRYWHEEL_UNRELATED="kept", **variables)["environ"]
        ours = sorted(name for name in left if name.startswith(("FERRYWHEEL_", "SHIV_")))
        exported = [
            "FERRYWHEEL_ARCHIVE",
            "FERRYWHEEL_BUNDLE_ID",
            "FERRYWHEEL_ENV",
            "FERRYWHEEL_SITE_PACKAGES",
            "FERRYWHEEL_UNRELATED",
        ]
        self.assertEqual(ours, exported)

    def test_foreign_python_paths_are_dropped_unless_asked_for(self):
        bundle = self.bundle()
        self.write("foreign/probe.py", "def main():\n    print('foreign')\n")
        foreign = os.path.join(self.folder, "foreign")
        seen = self.seen(bundle, PYTHONPATH=foreign, PYTHONSTARTUP="/x", PYTHONUNBUFFERED="1")
        self.assertFalse({"PYTHONPATH", "PYTHONSTARTUP"} & set(seen["environ"]))
        self.assertEqual(seen["environ"]["PYTHONUNBUFFERED"], "1")
        self.assertEqual(self.start(bundle, PYTHONPATH=foreign, FERRYWHEEL_INHERIT_PATH="1").stdout, "foreign\n")
        self.assertEqual(self.start(bundle, SHIV_PREPEND_PYTHONPATH=foreign).stdout, "foreign\n")

    def test_the_hosts_packages_are_not_importable(self):
        venv = os.path.join(self.folder, "venv")
        subprocess.check_call([sys.executable, "-m", "venv", "--without-pip", venv])
        host = os.path.join(venv, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
        self.write(os.path.join(host, "hostonly.py"), "")
        bundle = self.bundle(entry_point=("interpreter", ""))
        done = self.start(bundle, "-c", "import hostonly", python=venv + "/bin/python")
        self.assertIn("No module named 'hostonly'", done.stderr)
        self.assertEqual(self.start(bundle, "-c", "", python=venv + "/bin/python").returncode, 0)
        self.assertEqual(len(self.environments()), 1, "a virtual environment's base is what counts")

    def test_a_virtual_environment_of_copies_leads_to_its_base(self):
        venv = os.path.join(self.folder, "venv")
        subprocess.check_call([sys.executable, "-m", "venv", "--without-pip", "--copies", venv])
        bundle = self.bundle()
        self.seen(bundle)
        self.seen(bundle, python=venv + "/bin/python")
        self.assertEqual(len(self.environments()), 1)

    def test_the_folder_of_the_runner_is_not_importable(self):
        path = self.seen(self.bundle())["path"]
        self.assertFalse([item for item in path if ".ferrywheel" in item or item.endswith(".pyz")], path)

    def test_options_of_the_interpreter_are_kept(self):
        seen = self.seen(
            self.bundle(),
            options=["-OO", "-B", "-u", "-b", "-X", "utf8", "-X", "color=no", "-W", "ignore::UserWarning"],
        )
        self.assertEqual((seen["optimize"], seen["unbuffered"]), (2, True))
        self.assertFalse(self.seen(self.bundle())["unbuffered"])
        self.assertEqual(seen["xoptions"], {"utf8": True, "color": "no"})
        self.assertIn("ignore::UserWarning", seen["warnoptions"])

    def test_an_isolated_start_stays_isolated(self):
        self.assertEqual(self.seen(self.bundle(), options=["-I"])["isolated"], 1)
        self.assertEqual(self.seen(self.bundle(), options=["-E"])["isolated"], 0)

    def test_process_id_and_open_files_are_kept(self):
        wheel = oracle.Wheel(
            "fds",
            files={
                "fds.py": "import os\nfrom socket import socket\n"
                "def main():\n    print(os.getpid(), socket(fileno=3).getsockname()[1])\n"
            },
        )
        bundle = self.bundle(wheel, entry_point=("function", "fds:main"))
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.start(bundle)
            code = "import os, sys; os.dup2(%d, 3); os.execv(sys.argv[1], sys.argv[1:])" % listener.fileno()
            process = subprocess.Popen(
                [sys.executable, "-c", code, sys.executable, bundle],
                env=self.environ(),
                pass_fds=[listener.fileno()],
                stdout=subprocess.PIPE,
            )
            words = process.communicate()[0].split()
            self.assertEqual([int(word) for word in words], [process.pid, listener.getsockname()[1]])

    def test_closed_standard_streams_are_no_obstacle(self):
        flag = os.path.join(self.folder, "flag")
        wheel = oracle.Wheel("quiet", files={"quiet.py": "def main():\n    open(%r, 'w').close()\n" % flag})
        bundle = self.bundle(wheel, entry_point=("function", "quiet:main"))
        for closed in "<&- >&- 2>&-", ">&-":
            command = "exec %s '%s' %s" % (sys.executable, bundle, closed)
            self.assertEqual(subprocess.call(["sh", "-c", command], env=self.environ(FERRYWHEEL_FORCE_EXTRACT="1")), 0)
            os.unlink(flag)
        command = "exec %s '%s' <&- >&- 2>&-" % (sys.executable, bundle)
        self.assertEqual(subprocess.call(["sh", "-c", command], env=self.environ(FERRYWHEEL_MODE="fast")), 2)

    def test_a_system_that_is_not_posix_is_refused(self):
        text = self.refused(self.bundle(), 65, inject="import os\nos.name = 'nt'\n")
        self.assertIn("it starts on Linux, macOS and other POSIX systems", text)

    def test_wrong_values_of_variables_are_usage_errors(self):
        bundle = self.bundle()
        for variables in (
            {"FERRYWHEEL_MODE": "fast"},
            {"FERRYWHEEL_LOCK_TIMEOUT": "soon"},
            {"FERRYWHEEL_TOOLS": "polish"},
        ):
            self.assertIn(list(variables)[0], self.refused(bundle, 2, **variables))


class InsideTheProcess(BundleCase):
    def test_path_mode_runs_every_kind_of_entry(self):
        bundle = self.bundle(probe_wheel(files=DATA_SCRIPTS))
        for variables, expected in [
            ({}, "bin/hello"),
            ({"FERRYWHEEL_ENTRY_POINT": "probe:main"}, "hello.pyz"),
            ({"FERRYWHEEL_ENTRY_POINT": "runs"}, "__main__.py"),
            ({"FERRYWHEEL_SCRIPT": "pyscript"}, "bin/pyscript"),
        ]:
            with self.subTest(variables):
                seen = self.seen(bundle, "a", FERRYWHEEL_MODE="path", **variables)
                self.assertTrue(seen["argv"][0].endswith(expected), seen["argv"])
                self.assertEqual(seen["argv"][1:], ["a"])
                self.assertEqual(seen["environ"]["PYTHONPATH"], self.site_packages())
                self.assertNotIn("VIRTUAL_ENV", seen["environ"])

    def test_path_mode_keeps_the_hosts_packages_out_unless_asked(self):
        self.write("foreign/probe.py", "def main():\n    print('{}')\n")
        foreign = os.path.join(self.folder, "foreign")
        bundle = self.bundle()
        seen = self.seen(bundle, FERRYWHEEL_MODE="path", PYTHONPATH=foreign)
        packages = [item for item in seen["path"] if item.endswith(("-packages", "foreign", ".pyz"))]
        self.assertEqual(packages, [self.site_packages()])
        seen = self.seen(bundle, FERRYWHEEL_MODE="path", PYTHONPATH=foreign, FERRYWHEEL_INHERIT_PATH="1")
        self.assertEqual(seen, {})
        seen = self.seen(bundle, FERRYWHEEL_MODE="path", SHIV_PREPEND_PYTHONPATH=foreign)
        self.assertEqual(seen, {})

    def test_path_mode_gives_an_interpreter_too(self):
        done = self.start(
            self.bundle(), "-c", "import probe; print('ok')", FERRYWHEEL_MODE="path", FERRYWHEEL_INTERPRETER="1"
        )
        self.assertEqual(done.stdout, "ok\n")

    def test_the_import_hook_makes_packages_importable(self):
        bundle = self.bundle(probe_wheel(files={"hook.pth": "import os; os.environ['PTH'] = 'ran'\n"}))
        code = """
            import json, os, sys
            sys.path.insert(0, sys.argv[1])
            import _bootstrap
            folder = _bootstrap.activate()
            import probe
            print(json.dumps([folder, probe.__file__, os.environ["PTH"]]))
        """
        script = self.write("embed.py", code)
        done = self.start(script, bundle)
        self.assertEqual(done.stderr, "")
        site = self.site_packages()
        self.assertEqual(json.loads(done.stdout), [site, site + "/probe.py", "ran"])

    def test_the_import_hook_raises_an_error_that_can_be_caught(self):
        bundle = self.bundle()
        code = """
            import sys
            sys.path.insert(0, sys.argv[1])
            import _bootstrap
            try:
                _bootstrap.activate()
            except _bootstrap.BootstrapError as error:
                print(error.exit_code)
        """
        os.mkdir(self.root, 0o777)
        os.chmod(self.root, 0o777)
        self.assertEqual(self.start(self.write("embed.py", code), bundle).stdout, "68\n")


if __name__ == "__main__":
    unittest.main()
