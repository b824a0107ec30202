"""Fill the servers with wheels: ours by uploads in parallel and a promotion, nginx by a tree of static files."""

import concurrent.futures
import contextlib
import pathlib
import threading
import time

import servers
import tree
import wire

PARALLEL_UPLOADS = 8
"""Uploads at the same time: enough that their flushes to disk overlap."""


class UploadFailed(Exception):
    """A server did not take a file."""


def put(connection, server, name: str, body: bytes) -> None:
    """Upload one file."""
    connection.request("PUT", server.put_path + name, body, server.upload_headers())
    answer = connection.getresponse()
    text = answer.read()
    if not 200 <= answer.status < 300:
        raise UploadFailed(f"{server.name} answered {answer.status} to {name}: {text[:1000]!r}")


def upload_all(server, paths) -> float:
    """Upload some files in parallel and return the seconds that took."""
    local = threading.local()
    connections = []

    def one(path: pathlib.Path) -> None:
        if not hasattr(local, "connection"):
            local.connection = wire.connect(server.port)
            connections.append(local.connection)
        put(local.connection, server, path.name, path.read_bytes())

    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(PARALLEL_UPLOADS) as pool:
        for done in [pool.submit(one, path) for path in paths]:
            done.result()
    for connection in connections:
        connection.close()
    return time.perf_counter() - began


def fill_ferrywheel(server, projects: dict) -> float:
    """Upload and promote every wheel; seconds that took. The server has all cores meanwhile and ends afterwards."""
    with servers.running(server, "/-/ready", core=None):
        seconds = upload_all(server, [wheel.path for wheels in projects.values() for wheel in wheels])
        began = time.perf_counter()
        server.promote()
        return seconds + time.perf_counter() - began


def fill_nginx(server, projects: dict) -> None:
    """Write the static files."""
    tree.build(projects, server.tree)
