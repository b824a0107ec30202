"""Becomes a process on a bare host: called in new namespaces with a description as JSON, ends in `execve`.

The root is seen read-only. What the host may write is bound over it, so that a case sees what a bundle left behind and
the next case does not.
"""
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys

SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x41


def raise_loopback():
    """Bring `lo` up; a new network namespace has it, but down, and nothing else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP_RUNNING))


def mount(*arguments):
    """Run mount(8); these mounts exist in this namespace only."""
    subprocess.run(["mount", *arguments], check=True)


def main(text):
    """Mount, enter, drop privileges, run."""
    host = json.loads(text)
    root = host["root"]
    raise_loopback()
    mount("--bind", root, root)
    mount("-o", "remount,bind,ro", root)
    mount("-t", "proc", "proc", root + "/proc")
    mount("--bind", "/dev", root + "/dev")
    for place, source in host["writable"].items():
        mount("--bind", source, root + place)
    for place, options in host["tmpfs"].items():
        mount("-t", "tmpfs", "-o", options, "tmpfs", root + place)
    os.chroot(root)
    os.chdir(host["directory"])
    os.setgroups([])
    os.setgid(host["user_id"])
    os.setuid(host["user_id"])
    os.umask(0o022)
    os.execve("/usr/bin/env", ["env", *host["arguments"]], host["environment"])


if __name__ == "__main__":
    main(sys.argv[1])
