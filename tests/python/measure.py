"""Run the whole suite and list the lines of the bootstrap that no started bundle has run: python3 measure.py"""

import ast
import os
import subprocess
import sys
import tempfile

import oracle


def executable_lines(path):
    """Lines of a file that hold a statement inside or outside functions, without docstrings."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    lines = set()
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and not is_text:
            lines.add(node.lineno)
    return lines


def main():
    """Print uncovered lines per file."""
    folder = tempfile.mkdtemp()
    here = os.path.dirname(os.path.abspath(__file__))
    environ = dict(os.environ, FERRYWHEEL_TEST_TRACE=folder)
    result = subprocess.call([sys.executable, "-m", "unittest", "discover", "-s", here] + sys.argv[1:], env=environ)
    seen = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name)) as file:
            for line in file:
                module, number = line.split()
                seen.setdefault(module, set()).add(int(number))
    for name in sorted(os.listdir(oracle.BOOTSTRAP)):
        if name.endswith(".py"):
            lines = executable_lines(os.path.join(oracle.BOOTSTRAP, name))
            missed = sorted(lines - seen.get(name, set()))
            print("%-14s %3d of %3d lines; not run: %s" % (name, len(lines) - len(missed), len(lines), missed))
    return result


if __name__ == "__main__":
    sys.exit(main())
