"""Rules for the bootstrap's files and for the bytes of a bundle."""

import ast
import os
import re
import subprocess
import sys
import tokenize
import unittest
import zipfile

import oracle
from support import BundleCase, probe_wheel

LONGEST_FILE, LONGEST_FUNCTION = 500, 60
#: What may stand at the top of a module: nothing that does work when it is imported.
DECLARATIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.Try, ast.If, ast.Expr)
STANDARD = (
    "base64 compileall csv ctypes errno fcntl grp hashlib importlib io json os platform pwd py_compile re "
    "runpy shutil site "
    "stat struct subprocess sys sysconfig tempfile time traceback zlib _sha2 _sha256 _manylinux _bootstrap"
).split()


def sources():
    """(name, text) of every file of the bootstrap."""
    for name in sorted(os.listdir(oracle.BOOTSTRAP)):
        if name.endswith(".py"):
            with open(os.path.join(oracle.BOOTSTRAP, name), encoding="utf-8") as file:
                yield name, file.read()


class Files(unittest.TestCase):
    def test_every_file_is_python_3_8_and_short(self):
        for name, text in sources():
            with self.subTest(name):
                tree = ast.parse(text, feature_version=(3, 8))
                self.assertLessEqual(text.count("\n"), LONGEST_FILE)
                self.assertTrue(ast.get_docstring(tree))
                for node in ast.walk(tree):
                    if isinstance(node, ast.FunctionDef):
                        self.assertLessEqual(node.end_lineno - node.lineno + 1, LONGEST_FUNCTION, node.name)
                        is_public = not node.name.startswith("_") and node in tree.body
                        self.assertTrue(not is_public or ast.get_docstring(node), node.name)

    def test_only_the_standard_library_is_imported(self):
        for name, text in sources():
            for node in ast.walk(ast.parse(text)):
                names = [item.name for item in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module]
                for imported in names:
                    self.assertIn(imported.split(".")[0], STANDARD, name)

    def test_nothing_happens_at_import(self):
        for name, text in sources():
            for node in ast.parse(text).body:
                self.assertIsInstance(node, DECLARATIONS, name)
                if isinstance(node, ast.Expr):
                    self.assertIsInstance(node.value, ast.Constant, name)

    def test_the_environment_is_read_in_one_function(self):
        for name, text in sources():
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Attribute) and node.attr == "getenv":
                    self.fail(name)
        self.assertEqual(sum(text.count("read_settings(os.environ)") for _, text in sources()), 2)

    def test_every_exit_code_is_in_the_manual(self):
        with open(
            os.path.join(oracle.BOOTSTRAP, "..", "..", "..", "static", "manual", "bundles.html"), encoding="utf-8"
        ) as file:
            page = file.read()
        codes = {value for _, text in sources() for value in re.findall(r"^EXIT_\w+ = (\d+)$", text, re.M)}
        self.assertGreater(len(codes), 8)
        for code in codes:
            self.assertIn('id="exit-%s"' % code, page)

    def test_the_first_file_is_understood_by_every_python(self):
        path = os.path.join(oracle.BOOTSTRAP, "__main__.py")
        with tokenize.open(path) as file:
            text = file.read()
        self.assertTrue(text.isascii())
        for node in ast.walk(ast.parse(text)):
            new = (
                ast.JoinedStr,
                ast.AnnAssign,
                ast.AsyncFunctionDef,
                ast.Await,
                ast.Nonlocal,
                ast.NamedExpr,
                ast.Starred,
                ast.YieldFrom,
            )
            self.assertNotIsInstance(node, new)
            if isinstance(node, ast.FunctionDef):
                self.assertFalse(node.args.kwonlyargs or node.returns or node.args.posonlyargs)
            if isinstance(node, ast.Raise):
                self.assertIsNone(node.cause)
            if isinstance(node, ast.Call):
                self.assertNotEqual(getattr(node.func, "id", ""), "print")
        for old in "python2.7", "python3.4", "python3.6":
            try:
                done = subprocess.run(
                    [old, "-c", "import sys; compile(open(sys.argv[1]).read(), 'x', 'exec')", path],
                    stderr=subprocess.PIPE,
                )
            except OSError:
                continue
            self.assertNotIn(b"SyntaxError", done.stderr, old)


class Bytes(BundleCase):
    def test_the_same_wheels_give_the_same_bytes(self):
        wheels = [probe_wheel(), oracle.Wheel("other"), oracle.Wheel("aaa")]
        self.assertEqual(oracle.bundle_bytes(wheels), oracle.bundle_bytes(list(reversed(wheels))))

    def test_a_bundle_is_laid_out_as_the_format_says(self):
        wheel = probe_wheel()
        bundle = self.bundle(wheel)
        with zipfile.ZipFile(bundle) as archive:
            infos = archive.infolist()
            names = [info.filename for info in infos]
            self.assertEqual(names[0], "__main__.py")
            modules = [name for name in names if name.startswith("_bootstrap/")]
            self.assertEqual(names[1 : 1 + len(modules)], sorted(modules))
            self.assertEqual(
                names[1 + len(modules) :], ["FERRYWHEEL.json", "pylock.toml", "README.txt", "wheels/" + wheel.filename]
            )
            for info in infos:
                self.assertEqual((info.compress_type, info.flag_bits, info.extra, info.comment), (0, 0, b"", b""))
                self.assertEqual(
                    (info.date_time, info.create_system, info.external_attr >> 16), ((1980, 1, 1, 0, 0, 0), 3, 0o100644)
                )
            self.assertEqual(infos[0].header_offset, len(oracle.PREFIX))
            self.assertEqual(archive.read(infos[-1]), wheel.data)
        shown = subprocess.check_output([sys.executable, "-m", "zipapp", bundle, "--info"])
        self.assertEqual(shown.split(), b"Interpreter: /usr/bin/env python3".split())
