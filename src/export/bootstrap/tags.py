"""Which wheels an interpreter accepts: PEP 425, 600, 656, 703 and 817 tags, judged and not listed.

`Host` carries what was detected, so that every rule can be tried with invented hosts.
"""

import os
import re
import struct
import sys
import sysconfig

#: glibc versions behind the manylinux names that predate PEP 600.
LEGACY_MANYLINUX = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
#: Formats of macOS binaries that contain code for an architecture.
MAC_FORMATS = {
    "x86_64": ("x86_64", "universal2", "intel", "fat64", "fat32", "universal"),
    "arm64": ("arm64", "universal2"),
}
SYSTEM_NAMES = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
IMPLEMENTATION_NAMES = {"cp": "CPython", "pp": "PyPy", "gp": "GraalPy", "py": "Python"}
FAMILIES = {"cpython": "cp", "pypy": "pp", "graalpy": "gp"}

_POLICY = re.compile(r"(manylinux|musllinux|macosx)_(\d+)_(\d+)_(.+)")
_LEGACY = re.compile(r"(manylinux(?:1|2010|2014))_(.+)")
_PYTHON = re.compile(r"([a-z]+)(\d)(\d*)$")


class Host:
    """What a wheel's tags are compared with."""

    def __init__(
        self,
        family="cp",
        version=(3, 11),
        abi="cp311",
        system="linux",
        machine="x86_64",
        libc="",
        libc_version=(0, 0),
        **rest,
    ):
        self.family = family
        self.version = version
        self.full_version = rest.get("full_version", "%d.%d.0" % version)
        self.abi = abi
        self.is_threaded = rest.get("is_threaded", False)
        self.system = system
        self.machine = machine
        self.libc = libc
        self.libc_version = libc_version
        self.mac_version = rest.get("mac_version", (0, 0))
        self.manylinux_policy = rest.get("manylinux_policy")

    def with_version(self, version):
        """The same machine with a CPython of another version, to learn which one would fit."""
        other = Host("cp", version, "cp%d%d" % version, self.system, self.machine, self.libc, self.libc_version)
        other.mac_version = self.mac_version
        other.full_version = "%d.%d.999" % version
        return other


def detect():
    """The running interpreter and its machine."""
    implementation = sys.implementation.name
    family = FAMILIES.get(implementation, implementation)
    version = tuple(sys.version_info[:2])
    is_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    if family == "cp":
        abi = "cp%d%d%s" % (version + ("t" if is_threaded else "",))
    else:
        # PyPy's `pypy39-pp73-x86_64-linux-gnu` becomes the tag's `pypy39_pp73`.
        abi = "_".join((sysconfig.get_config_var("SOABI") or "none").split("-")[:2])
    system = "linux" if sys.platform.startswith("linux") else sys.platform
    libc, libc_version = _detect_libc() if system == "linux" else ("", (0, 0))
    return Host(
        family,
        version,
        abi,
        system,
        _detect_machine(system),
        libc,
        libc_version,
        is_threaded=is_threaded,
        full_version="%d.%d.%d" % sys.version_info[:3],
        mac_version=_detect_mac_version() if system == "darwin" else (0, 0),
        manylinux_policy=_find_manylinux_policy() if system == "linux" else None,
    )


def _detect_machine(system):
    if system == "win32":
        return sysconfig.get_platform().replace("-", "_")
    machine = os.uname().machine
    if sys.maxsize > 2**32:
        return machine
    return {"x86_64": "i686", "aarch64": "armv7l", "armv8l": "armv7l"}.get(machine, machine)


def _detect_mac_version():
    import platform

    numbers = [int(part) for part in platform.mac_ver()[0].split(".")[:2] if part.isdigit()]
    return tuple((numbers + [0, 0])[:2])


def _find_manylinux_policy():
    try:
        import _manylinux  # PEP 600: a distributor's own judgement
    except ImportError:
        return None
    return getattr(_manylinux, "manylinux_compatible", None)


def _detect_libc():
    try:
        name, _, version = os.confstr("CS_GNU_LIBC_VERSION").partition(" ")
        if name == "glibc":
            return name, _version(version)
    except (AttributeError, OSError, ValueError):
        pass
    return read_musl(sys.executable)


def _version(text):
    numbers = [int(part) for part in re.findall(r"\d+", text)[:2]]
    return tuple((numbers + [0, 0])[:2])


def read_musl(executable):
    """("musl", version) if the program's ELF loader is musl's, else ("", (0, 0))."""
    loader = find_loader(executable)
    if "musl" not in os.path.basename(loader):
        return "", (0, 0)
    import subprocess

    try:
        shown = subprocess.run([loader], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, timeout=10).stderr
    except (OSError, subprocess.SubprocessError):
        return "musl", (1, 1)
    found = re.search(rb"Version (\d+\.\d+)", shown)
    return "musl", _version(found.group(1).decode()) if found else (1, 1)


def find_loader(executable):
    """Path of the loader in a program's ELF header (PT_INTERP), empty if it has none."""
    try:
        with open(executable, "rb") as file:
            head = file.read(64)
            if head[:4] != b"\x7fELF":
                return ""
            order = "<" if head[5] == 1 else ">"
            if head[4] == 2:
                table, item_size, count, layout = (
                    *struct.unpack_from(order + "Q", head, 32),
                    *struct.unpack_from(order + "2H", head, 54),
                    "I4xQ16xQ",
                )
            else:
                table, item_size, count, layout = (
                    *struct.unpack_from(order + "L", head, 28),
                    *struct.unpack_from(order + "2H", head, 42),
                    "2L8xL",
                )
            for index in range(min(count, 256)):
                file.seek(table + index * item_size)
                kind, offset, size = struct.unpack_from(order + layout, file.read(item_size))
                if kind == 3:
                    file.seek(offset)
                    return file.read(min(size, 4096)).rstrip(b"\0").decode("utf-8", "replace")
    except (OSError, struct.error, IndexError):
        pass
    return ""


def rank_platform(tag, host):
    """How well a platform tag fits: None if not at all, else higher is better."""
    if tag == "any":
        return (0, 0, 0)
    policy = _POLICY.match(tag)
    legacy = _LEGACY.match(tag)
    if host.system == "darwin":
        return _rank_mac(policy, host)
    if host.system == "linux" and (policy or legacy):
        if policy:
            kind, needed, machine = policy.group(1), (int(policy.group(2)), int(policy.group(3))), policy.group(4)
        else:
            kind, needed, machine = "manylinux", LEGACY_MANYLINUX[legacy.group(1)], legacy.group(2)
        if machine != host.machine or {"manylinux": "glibc", "musllinux": "musl"}.get(kind) != host.libc:
            return None
        if needed[0] != host.libc_version[0] or needed > host.libc_version:
            return None
        if kind == "manylinux" and host.manylinux_policy and host.manylinux_policy(*needed, machine) is False:
            return None
        return (1,) + needed
    own = host.machine if host.system == "win32" else "%s_%s" % (host.system, host.machine)
    return (1, 0, 0) if tag == own else None


def _rank_mac(policy, host):
    if not policy or policy.group(1) != "macosx":
        return None
    needed = (int(policy.group(2)), int(policy.group(3)))
    formats = MAC_FORMATS.get(host.machine, ())
    if needed > host.mac_version or policy.group(4) not in formats:
        return None
    if host.machine == "arm64" and needed[0] < 11 and policy.group(4) != "universal2":
        return None
    return (1,) + needed


def rank_python(python, abi, host):
    """How well a Python tag and an ABI tag fit together: None if not at all, else higher is better."""
    found = _PYTHON.match(python)
    if not found:
        return None
    family, major, minor = found.group(1), int(found.group(2)), int(found.group(3) or -1)
    if major != host.version[0] or minor > host.version[1]:
        return None
    is_same = minor == host.version[1]
    if family == "py":
        return (0, minor) if abi == "none" else None
    if family != host.family:
        return None
    if abi == host.abi and is_same:
        return (3, minor)
    stable = "abi3t" if host.is_threaded else "abi3"
    if abi == stable and family == "cp" and minor >= 2:
        return (2, minor)
    return (1, minor) if abi == "none" and is_same else None


def split_wheel_name(filename):
    """(python tags, abi tags, platform tags) of a wheel's file name; empty lists if it is none."""
    parts = filename[: -len(".whl")].split("-")
    if not filename.endswith(".whl") or len(parts) not in (5, 6):
        return [], [], []
    return [part.split(".") for part in parts[-3:]]


def rank_wheel(filename, host):
    """How well a wheel fits the host: None if not at all, else a tuple that is higher the better it fits."""
    pythons, abis, platforms = split_wheel_name(filename)
    on_python = [rank_python(python, abi, host) for python in pythons for abi in abis]
    on_platform = [rank_platform(platform, host) for platform in platforms]
    on_python = [rank for rank in on_python if rank]
    on_platform = [rank for rank in on_platform if rank]
    return (max(on_python), max(on_platform)) if on_python and on_platform else None


def satisfies(requires_python, full_version):
    """Whether a version meets a `Requires-Python`; clauses in a form we do not know count as met."""
    version = [int(part) for part in full_version.split(".")]
    for clause in requires_python.split(","):
        found = re.match(r"\s*(>=|<=|==|!=|~=|>|<)\s*(\d+(?:\.\d+)*)(\.\*)?\s*$", clause)
        if not found:
            continue
        operator, numbers, is_prefix = found.group(1), [int(part) for part in found.group(2).split(".")], found.group(3)
        width = len(numbers) if is_prefix else max(len(numbers), len(version))
        have = (version + [0] * width)[:width]
        want = (numbers + [0] * width)[:width]
        answers = {
            ">=": have >= want,
            "<=": have <= want,
            ">": have > want,
            "<": have < want,
            "==": have == want,
            "!=": have != want,
            "~=": have >= want and have[: len(numbers) - 1] == numbers[:-1],
        }
        if not answers[operator]:
            return False
    return True


def describe_host(host):
    """The host in words, e.g. `CPython 3.11 with glibc 2.36`."""
    text = "%s %d.%d" % ((IMPLEMENTATION_NAMES.get(host.family, host.family),) + host.version)
    text += " (free-threaded)" if host.is_threaded else ""
    if host.libc:
        return "%s with %s %d.%d" % ((text, host.libc) + tuple(host.libc_version))
    return "%s on %s" % (text, SYSTEM_NAMES.get(host.system, host.system))


def describe_python(python, abi):
    """A Python and ABI tag in words, e.g. `CPython 3.13 (cp313)` or `CPython 3.8 or newer (cp38-abi3)`."""
    found = _PYTHON.match(python)
    if not found:
        return python
    family, major, minor = found.groups()
    name = IMPLEMENTATION_NAMES.get(family, family)
    version = "%s.%s" % (major, minor) if minor else major
    if abi.startswith("abi3"):
        return "%s %s or newer (%s-%s)" % (name, version, python, abi)
    if family == "py":
        return "%s %s" % (name, version) + (" or newer" if minor else "")
    threaded = " free-threaded" if abi == python + "t" else ""
    return "%s %s%s (%s)" % (name, version, threaded, abi if abi.startswith(python) else python)


def describe_platform(platform):
    """A platform tag in words, e.g. `Linux x86_64 with glibc 2.28 or newer`; empty for `any`."""
    if platform == "any":
        return ""
    policy = _POLICY.match(platform)
    legacy = _LEGACY.match(platform)
    if legacy:
        return "Linux %s with glibc %d.%d or newer" % ((legacy.group(2),) + LEGACY_MANYLINUX[legacy.group(1)])
    if not policy:
        return {"win_amd64": "Windows x86_64", "win32": "Windows x86", "win_arm64": "Windows arm64"}.get(
            platform, platform
        )
    kind, major, minor, machine = policy.groups()
    if kind == "macosx":
        return "macOS %s.%s or newer on %s" % (major, minor, machine)
    return "Linux %s with %s %s.%s or newer" % (machine, "glibc" if kind == "manylinux" else "musl", major, minor)


def rank_needed(platform):
    """Order of platform tags by how much they demand: `any` first, then by the libc or macOS version."""
    policy = _POLICY.match(platform)
    legacy = _LEGACY.match(platform)
    if policy:
        return (1, int(policy.group(2)), int(policy.group(3)))
    return (1,) + LEGACY_MANYLINUX[legacy.group(1)] if legacy else (0 if platform == "any" else 2, 0, 0)
