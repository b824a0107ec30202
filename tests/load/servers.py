"""The two servers: how each is started on a core of its own, loaded and stopped, and what CPU and memory it takes."""

import contextlib
import functools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import wire

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[0]
CLIENT_CORE = CORES[-1]
"""The clients' core; on a machine with one core both share it."""

START_SECONDS = 120
"""How long a server may take to answer."""

STOP_SECONDS = 60
"""How long a server may take to end."""


def on_core(core: int, command) -> list:
    """A command that runs on one core."""
    return ["taskset", "-c", str(core), *map(str, command)]


def bare_environment(**more) -> dict:
    """The environment without settings of the server or of a client: only the command line speaks."""
    ours = ("FERRYWHEEL_", "PIP_", "UV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | more


@contextlib.contextmanager
def running(server, probe: str, core: int | None = SERVER_CORE):
    """A server from its first answer to `probe` on; yields the seconds that took."""
    try:
        yield server.start(probe, core)
    finally:
        server.stop()


class Server:
    """A server on a free port of loopback with a folder of its own."""

    name = ""
    put_path = ""
    """Where a body is put to upload it; the file name follows."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list:
        """The server in the foreground."""
        raise NotImplementedError

    def environment(self) -> dict:
        """Variables of the server."""
        return bare_environment()

    def upload_headers(self) -> dict:
        """What an upload needs beside its body."""
        return {}

    def start(self, probe: str, core: int | None = SERVER_CORE) -> float:
        """Start it and return the seconds until `probe` answered 200."""
        command = list(map(str, self.command()))
        with open(self.folder / "server.log", "ab") as log:
            began = time.perf_counter()
            self.process = subprocess.Popen(
                command if core is None else on_core(core, command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                start_new_session=True,
            )
        while time.perf_counter() - began < START_SECONDS:
            with contextlib.suppress(OSError), contextlib.closing(wire.connect(self.port)) as connection:
                if wire.get(connection, probe).status == 200:
                    return time.perf_counter() - began
            if self.process.poll() is not None:
                break
            time.sleep(0.002)
        text = (self.folder / "server.log").read_text(errors="replace")
        raise RuntimeError(f"{self.name} did not answer {probe}:\n{text[-2000:]}")

    def stop(self) -> None:
        """End it; harmless when it does not run."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def cpu_seconds(self) -> float:
        """CPU time of all its processes so far, to the nanosecond."""
        # The clock of another process: its number inverted and shifted, as clock_getcpuclockid(3) makes it.
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in self._processes())

    def memory_mb(self) -> float:
        """Memory of all its processes; what they share is counted once (PSS)."""
        lines = [line for pid in self._processes() for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

    def _processes(self) -> list:
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, children.read_text().split())
        return found


class Ferrywheel(Server):
    """Ours, with one worker because it sees one core, and without a line of log for each request, like nginx."""

    name = "ferrywheel"
    put_path = "/api/v1/channels/staging/files/"

    def __init__(self, folder: pathlib.Path, program: pathlib.Path):
        super().__init__(folder)
        self.program = program
        self.data = folder / "data"

    def command(self) -> list:
        return [self.program, "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}"]

    def environment(self) -> dict:
        return bare_environment(FERRYWHEEL_LOG="warn")

    @functools.cache
    def upload_headers(self) -> dict:
        return {"Authorization": f"Bearer {(self.data / 'admin-token').read_text().strip()}"}

    def promote(self) -> None:
        """Bring everything in `staging` into `blessed`, which clients read."""
        headers = {**self.upload_headers(), "Content-Type": "application/json"}
        with contextlib.closing(wire.connect(self.port)) as connection:
            connection.request("POST", "/api/v1/channels/blessed/promotions", json.dumps({"from": "staging"}), headers)
            answer = connection.getresponse()
            text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the promotion answered {answer.status}: {text[:2000]!r}")

    def database_bytes(self) -> int:
        """Size of the database after a clean end."""
        return sum(path.stat().st_size for path in (self.data / "db").iterdir())


NGINX = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  open_file_cache max=200000 inactive=10m;
  open_file_cache_valid 60s;
  client_max_body_size 1g;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/unused;
  fastcgi_temp_path {folder}/unused;
  uwsgi_temp_path {folder}/unused;
  scgi_temp_path {folder}/unused;
  default_type application/octet-stream;
  map $http_accept $page {{ default index.html; "~application/vnd\\.pypi\\.simple\\.v1\\+json" index.json; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    root {folder}/tree;
    location ~ ^/simple/(?<project>[^/]*/)?$ {{
      types {{ text/html html; application/vnd.pypi.simple.v1+json json; }}
      gzip_static on;
      gzip_vary on;
      add_header Vary Accept;
      try_files /simple/$project$page =404;
    }}
    location /incoming/ {{ dav_methods PUT; }}
  }}
}}
"""


class Nginx(Server):
    """nginx over static files with one worker: what reading costs at least."""

    name = "nginx"
    put_path = "/incoming/"

    @property
    def tree(self) -> pathlib.Path:
        """The static files."""
        return self.folder / "tree"

    def command(self) -> list:
        user = "user root;\n" if os.getuid() == 0 else ""
        settings = self.folder / "nginx.conf"
        settings.write_text(user + NGINX.format(folder=self.folder, port=self.port))
        return [shutil.which("nginx") or "/usr/sbin/nginx", "-c", settings, "-p", self.folder]
