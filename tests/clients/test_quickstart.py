"""The first command of the README, to its end: upstream, staging, blessed, bundle, running application."""
import pathlib
import sys
import tempfile
import unittest

import support


class Quickstart(unittest.TestCase):
    """The whole tour, stopped after the application has answered."""

    def tour(self, *arguments, environment=None, expected=0):
        """Run it in a folder of its own and return what it says."""
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        data = pathlib.Path(scratch.name) / "data"
        command = [support.PROGRAM, "quickstart", "--once", "--data", data, "--listen", "127.0.0.1:0"]
        return support.run([*command, "--python", sys.executable, *arguments], environment, expected)

    def test_from_the_users_own_upstream(self):
        """Where upstream is comes from the user's settings; the application answers from the bundle."""
        self.assertIn("Hello from a Ferrywheel bundle", self.tour())

    def test_from_a_folder_of_wheels(self):
        """The same without any index."""
        text = self.tour("--from", support.real_wheels(), environment=support.bare_environment())
        self.assertIn("Hello from a Ferrywheel bundle", text)

    def test_without_an_upstream_it_says_how_to_go_on(self):
        """An address where nobody listens: one error, exit code 3, and the way with local wheels."""
        environment = support.bare_environment(UV_DEFAULT_INDEX="http://127.0.0.1:9/simple/", PIP_INDEX_URL="http://127.0.0.1:9/simple/")
        text = self.tour(environment=environment, expected=3)
        self.assertIn("--from", text)
