"""Open loop: requests leave at planned times whether or not earlier answers have come; uploads go on beside them.

Latency counts from the planned time, so that a queue behind a slow server shows.
"""

import asyncio
import contextlib
import dataclasses
import gc
import multiprocessing
import os
import pathlib
import selectors
import time

import loading
import servers
import wire

LOST_SECONDS = 30
"""How long the last answer may take."""


@dataclasses.dataclass(frozen=True)
class Latencies:
    """Latencies of the reads, in milliseconds, and of the uploads."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    upload_p50_ms: float
    upload_max_ms: float


class _Connections:
    """Connections that are free; one is opened whenever all are busy."""

    def __init__(self, port: int):
        self.port = port
        self.free = []

    async def ask(self, request: bytes) -> None:
        if self.free:
            reader, writer = self.free.pop()
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
        await reader.readexactly(int(length))
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"an answer is not 200: {head[:200]!r}")
        self.free.append((reader, writer))


async def _drive(server, requests, rate: float, seconds: float) -> list:
    connections = _Connections(server.port)
    texts = [
        f"GET {path} HTTP/1.1\r\nHost: {server.url[7:]}\r\n".encode()
        + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
        + b"\r\n"
        for path, headers in requests
    ]
    loop = asyncio.get_running_loop()
    began = loop.time() + 0.1

    async def one(number):
        due = began + number / rate
        await asyncio.sleep(due - loop.time())
        await connections.ask(texts[number % len(texts)])
        return loop.time() - due

    asked = asyncio.gather(*(one(number) for number in range(int(rate * seconds))))
    return await asyncio.wait_for(asked, seconds + LOST_SECONDS)


def _upload(server, paths, rate: float, results) -> None:
    """Uploads at planned times, in a process of its own: its work in Python must not delay the reads."""
    os.sched_setaffinity(0, {servers.CLIENT_CORE})
    bodies = [(path.name, path.read_bytes()) for path in paths]
    took = []
    with contextlib.closing(wire.connect(server.port)) as connection:
        began = time.perf_counter()
        for number, (name, body) in enumerate(bodies):
            due = began + number / rate
            time.sleep(max(0, due - time.perf_counter()))
            loading.put(connection, server, name, body)
            took.append((time.perf_counter() - due) * 1e3)
    results.send(took)


def run(server, requests, rate: float, seconds: float, uploads: list[pathlib.Path]) -> Latencies:
    """Read `rate` times a second for some seconds and upload all of `uploads` meanwhile."""
    forking = multiprocessing.get_context("fork")
    receiver, sender = forking.Pipe(duplex=False)
    uploader = forking.Process(target=_upload, args=(server, uploads, len(uploads) / seconds, sender))
    before = os.sched_getaffinity(0)
    gc.collect()
    gc.disable()
    try:
        uploader.start()
        os.sched_setaffinity(0, {servers.CLIENT_CORE})
        # `select` waits to the microsecond, `epoll` to the millisecond.
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
            took = runner.run(_drive(server, requests, rate, seconds))
        uploaded = receiver.recv() if receiver.poll(LOST_SECONDS) else []
        uploader.join()
    finally:
        uploader.kill()
        os.sched_setaffinity(0, before)
        gc.enable()
    if len(uploaded) != len(uploads):
        raise loading.UploadFailed(f"{server.name} took {len(uploaded)} of {len(uploads)} uploads")
    reads = sorted(seconds * 1e3 for seconds in took)
    return Latencies(
        p50_ms=reads[len(reads) // 2],
        p99_ms=reads[int(len(reads) * 0.99)],
        max_ms=reads[-1],
        upload_p50_ms=sorted(uploaded)[len(uploaded) // 2],
        upload_max_ms=max(uploaded),
    )
