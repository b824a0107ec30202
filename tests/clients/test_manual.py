"""The page on clients shows only what is tested."""
import pathlib
import unittest

import environments
import manual
import scene

HERE = pathlib.Path(__file__).resolve().parent


class Manual(unittest.TestCase):
    """`static/manual/clients.html`."""

    def test_every_block_is_run_by_a_test(self):
        """A block that no test asks for could be wrong for years."""
        tests = "".join(path.read_text() for path in HERE.glob("test_*.py"))
        tests = tests.replace('f"{name}-variables"', '"poetry-variables" "pdm-variables"')
        tests = tests.replace('f"{tool}-variables"', '"hatch-variables"')
        self.assertTrue(manual.names())
        self.assertEqual([name for name in manual.names() if f'"{name}"' not in tests], [])

    def test_the_versions_are_those_that_are_pinned(self):
        """Each pip and uv of the matrix has pins and is in the table."""
        page = manual.PAGE.read_text()
        clients = [f"pip-{version}" for version in scene.PIPS] + [f"uv-{version}" for version in scene.UVS]
        self.assertLessEqual(set(clients), set(environments.names()))
        self.assertEqual([version for version in scene.PIPS + scene.UVS if version not in page], [])
