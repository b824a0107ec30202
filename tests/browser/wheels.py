"""Writes the two wheels of the browser test into a directory: one that is right, one that was changed after it was built."""

import base64
import hashlib
import pathlib
import sys
import zipfile

WHEEL = "Wheel-Version: 1.0\nGenerator: browser-test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def record_line(path, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return "{},sha256={},{}\n".format(path, digest, len(content))


def write_wheel(directory, name, is_changed):
    """A wheel of one module; `is_changed` alters the module after RECORD was written."""
    version = "1.0.0"
    info = "{}-{}.dist-info".format(name, version)
    metadata = "Metadata-Version: 2.1\nName: {}\nVersion: {}\nSummary: Made for the browser test\n".format(name, version)
    entries = {
        name + "/__init__.py": b"GREETING = 'hello'\n",
        info + "/METADATA": metadata.encode(),
        info + "/WHEEL": WHEEL.encode(),
    }
    record = "".join(record_line(path, content) for path, content in entries.items())
    entries[info + "/RECORD"] = (record + info + "/RECORD,,\n").encode()
    if is_changed:
        entries[name + "/__init__.py"] = b"GREETING = 'HELLO'\n"
    path = directory / "{}-{}-py3-none-any.whl".format(name, version)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries.items():
            archive.writestr(zipfile.ZipInfo(entry, (1980, 1, 1, 0, 0, 0)), content)


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    write_wheel(target, "page_demo", is_changed=False)
    write_wheel(target, "page_changed", is_changed=True)
