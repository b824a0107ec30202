"""Print this host as a Ferrywheel target environment (JSON). Standard library only, Python 3.8 or newer."""
import json
import os
import platform
import sys


def libc():
    """Name and version of the C library, or None where wheels do not depend on it."""
    try:
        name, version = os.confstr("CS_GNU_LIBC_VERSION").split()
    except (AttributeError, OSError, ValueError):
        name, version = "", ""
    if name == "glibc":
        major, minor = version.split(".")[:2]
        return {"name": "glibc", "version": [int(major), int(minor)]}
    if sys.platform == "linux":
        return {"name": "musl", "version": [1, 2]}
    return None


def target():
    """The host, in the fields that the server's target environments have."""
    return {
        "name": "host",
        "implementation": sys.implementation.name,
        "python_full_version": platform.python_version(),
        "arch": platform.machine(),
        "os": sys.platform,
        "libc": libc(),
        "platform_release": platform.release(),
        "platform_version": platform.version(),
    }


if __name__ == "__main__":
    print(json.dumps(target()))
