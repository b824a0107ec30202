"""The application of the quickstart: one page that says where it runs from."""
import sys

import flask

app = flask.Flask(__name__)


@app.route("/")
def page():
    """Say hello, and which interpreter answered."""
    return f"Hello from a Ferrywheel bundle, Python {sys.version.split()[0]} in {sys.prefix}\n"
