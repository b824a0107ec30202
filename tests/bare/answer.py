"""Runs on the bare host: starts a bundle with gunicorn in it, asks it for a page on loopback, stops it."""
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

URL = "http://127.0.0.1:8000/"
PATIENCE_SECONDS = 60


def ask(server):
    """The page, as soon as the server answers."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(URL, timeout=5) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    return "no answer"


def main(bundle):
    """Print the page; the exit code is the server's own, which is 0 when it stopped as asked."""
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=5).close()
        sys.exit("this host has a network, so the case proves nothing")
    except OSError:
        pass
    server = subprocess.Popen([sys.executable, bundle, "--bind", "127.0.0.1:8000", "--workers", "2", "hello:app"])
    print(ask(server))
    server.terminate()
    return server.wait()


if __name__ == "__main__":
    os.chdir("/srv")
    sys.exit(main(sys.argv[1]))
