"""One virtual environment for each client, below `tests/.cache`, made once for the exact requirements in `pins/`.

Run it to make them all: `python environments.py`.
"""
import concurrent.futures
import fcntl
import hashlib
import pathlib
import shutil
import subprocess
import sys
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
PINS = HERE / "pins"
CACHE = HERE.parent / ".cache" / "clients"

AT_ONCE = 4
"""How many are made at once; most of the time goes into waiting for downloads."""


def names():
    """Every client that has pins, such as `pip-20.3`."""
    return sorted(path.stem for path in PINS.glob("*.txt"))


def find(name):
    """Folder of a client's programs; the environment is made if its pins changed or it is not there."""
    pins = PINS / f"{name}.txt"
    key = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{key}"
    if not (folder / ".made").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        # Two runs of the suite may want the same environment at the same time.
        with open(CACHE / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / ".made").exists():
                _make(name, pins, folder)
    return folder / "bin"


def _make(name, pins, folder):
    for old in CACHE.glob(f"{name}-????????????"):
        shutil.rmtree(old)
    venv.create(folder, with_pip=False, symlinks=True)
    # The pins are complete, so nothing has to be resolved; the user's own settings say where the files are.
    command = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run([*command, "--quiet", "-r", pins], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"the environment for {name} could not be made:\n{done.stdout[-4000:]}")
    (folder / ".made").touch()


def make_all():
    """Make what is missing, several at once."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(find, names()))


if __name__ == "__main__":
    started = time.monotonic()
    make_all()
    print(f"{len(names())} clients ready after {time.monotonic() - started:.0f} s: {', '.join(names())}")
