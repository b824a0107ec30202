"""Clients that stall, crawl and go away at every point: the others are served, and nothing is left."""
import random
import resource
import statistics
import tempfile
import threading
import time
import unittest

import support
import wire

SLOW_COUNT = 1000
"""Slow clients at once; threats 1.7 asks for as many."""

IDLE_SECONDS = 6
"""How long the servers here bear a body that stands still."""

HEAD_SECONDS = 10
"""How long a server bears a head that does not end."""


class SlowClients(unittest.TestCase):
    """Many of them at once."""

    def setUp(self):
        """Start a server that takes many uploads of one token, and soon cuts silent ones."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = SLOW_COUNT + 200
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.server = support.Server(
            upload_idle_seconds=str(IDLE_SECONDS), max_uploads_per_principal=str(SLOW_COUNT), max_connections="2000"
        )
        self.addCleanup(self.server.stop)
        scratch = self.enterContext(tempfile.TemporaryDirectory())
        self.wheel = support.make_wheel(scratch, "slow", "1.0", random.Random(7).randbytes(600_000))
        self.other = support.make_wheel(scratch, "other", "1.0")
        support.run(self.upload_command(self.other), support.bare_environment(), timeout=60)
        self.before = wire.descriptors(self.server)

    def upload_command(self, path):
        """What uploads a file as a raw body and prints the status."""
        url = f"{self.server.url}/api/v1/channels/staging/files/{path.name}"
        return ["curl", "-sS", "--fail", "--noproxy", "*", "-H", f"Authorization: Bearer {self.server.token}", "-T", path, url]

    def beginnings(self):
        """The beginnings of a request that slow clients stop at: in the head, in the form, in the file, and at the answer."""
        head, texts, content, _ = wire.form(self.server, "slow", "1.0", self.wheel.name, self.wheel.read_bytes())
        return [
            head[: len(head) // 2],
            head + texts[: len(texts) // 2],
            head + texts + content[:300_000],
            # Small: what it costs to take the file is not the question here.
            b"".join(wire.form(self.server, "other", "1.0", self.other.name, self.other.read_bytes())),
        ]

    def test_a_thousand_slow_clients_keep_nobody_out_and_leave_nothing(self):
        """A quarter stops in the head, in the form, in the file, and before it reads the answer."""
        beginnings = self.beginnings()
        quiet = self.pace_of_readers(seconds=2)
        slow = []
        self.addCleanup(lambda: [connection.close() for connection in slow])
        for number in range(SLOW_COUNT):
            connection = wire.connect(self.server)
            slow.append(connection)
            connection.sendall(beginnings[number % len(beginnings)])
        begin = time.monotonic()
        wire.wait_until(lambda: len(wire.pending(self.server)) == SLOW_COUNT // len(beginnings), IDLE_SECONDS)
        beside = self.pace_of_readers(seconds=2)
        support.run(self.upload_command(self.other), support.bare_environment(), timeout=10)
        print(f"readers: {quiet * 1000:.1f} ms alone, {beside * 1000:.1f} ms beside {SLOW_COUNT} slow clients", flush=True)
        self.assertLess(beside, max(0.25, quiet * 20))
        # Those that wait for their answer have it; the others are cut when their time is over.
        wire.wait_until(lambda: wire.pending(self.server) == [], IDLE_SECONDS + HEAD_SECONDS + 15)
        waiting = [connection for number, connection in enumerate(slow) if number % len(beginnings) == 3]
        for connection in waiting:
            self.assertTrue(connection.recv(12).startswith(b"HTTP/1.1 200"))
            connection.close()
        wire.wait_until(lambda: wire.descriptors(self.server) <= self.before + 30, IDLE_SECONDS + HEAD_SECONDS + 15)
        print(f"all gone after {time.monotonic() - begin:.1f} s", flush=True)
        self.assertEqual(len(wire.blobs(self.server)), 2, "the wheel of before and its metadata")

    def pace_of_readers(self, seconds):
        """The 99th percentile of the time that a page takes, asked for again and again on new connections."""
        times = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begin = time.monotonic()
            self.server.page("other", "staging")
            times.append(time.monotonic() - begin)
        return statistics.quantiles(times, n=100)[98]

    def test_a_slow_but_steady_client_takes_longer_than_any_silence_may_last(self):
        """The limit is on silence, not on the whole."""
        head, texts, content, end = wire.form(self.server, "slow", "1.0", self.wheel.name, self.wheel.read_bytes())
        body = texts + content + end
        begin = time.monotonic()
        with wire.connect(self.server) as connection:
            connection.sendall(head)
            for start in range(0, len(body), len(body) // 8):
                connection.sendall(body[start : start + len(body) // 8])
                time.sleep(IDLE_SECONDS / 3)
            self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200"))
        self.assertGreater(time.monotonic() - begin, IDLE_SECONDS * 2)

    def test_clients_that_go_away_at_any_point_leave_nothing(self):
        """Three times a thousand of them, ten at a time, each at another byte."""
        head, texts, content, end = wire.form(self.server, "slow", "1.0", self.wheel.name, self.wheel.read_bytes())
        whole = head + texts + content + end
        points = random.Random(11).sample(range(1, len(whole) - 8), 990) + list(range(len(head) - 5, len(head) + 5))

        def leave(mine):
            for point in mine:
                with wire.connect(self.server) as connection:
                    connection.sendall(whole[:point])

        memory = []
        for _ in range(3):
            threads = [threading.Thread(target=leave, args=(points[number::10],)) for number in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            seconds = wire.wait_until(lambda: wire.pending(self.server) == [], 10)
            wire.wait_until(lambda: wire.descriptors(self.server) <= self.before + 5, 10)
            memory.append(wire.resident_bytes(self.server))
        sizes = ", ".join(f"{size / 1e6:.0f}" for size in memory)
        print(f"3 × {len(points)} aborted: nothing left after {seconds:.1f} s; memory {sizes} MB", flush=True)
        # The first round takes what the allocator then keeps.
        self.assertLess(memory[2] - memory[0], 48 << 20)
        self.assertEqual(len(wire.blobs(self.server)), 2, "the wheel of before and its metadata")
        log = self.server.log.read_text()
        self.assertNotIn(" 500", log)
        self.assertNotIn("panicked", log)
