"""Names, versions and file names as the specifications write them, so far as the rules need it."""

from __future__ import annotations

import re

NAME = re.compile(r"^([A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])\Z", re.IGNORECASE | re.ASCII)
"""A valid name: name-normalization, Name format."""

VERSION = re.compile(
    r"""v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)
    (?:[-_.]?(?P<pre>alpha|beta|preview|pre|a|b|c|rc)[-_.]?(?P<pre_n>[0-9]*))?
    (?P<post>-(?P<post_implicit>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_n>[0-9]*))?
    (?P<dev>[-_.]?dev[-_.]?(?P<dev_n>[0-9]*))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\Z""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
"""A version: version-specifiers, Appendix: Parsing version strings with regular expressions."""

PRE = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}

CLAUSE = re.compile(r"(===|~=|==|!=|<=|>=|<|>)\s*(\S+)\Z")

SDIST_ENDINGS = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar.Z", ".tar")


def normalize(name):
    """The normalized name: name-normalization, Name normalization."""
    return re.sub(r"[-_.]+", "-", name).lower()


def normal_version(text, strip_zeros=False):
    """The normalized spelling of a version, or None if it is not one. `strip_zeros` makes equal versions equal text."""
    found = VERSION.match(text.strip())
    if not found:
        return None
    release = [int(number) for number in found["release"].split(".")]
    while strip_zeros and len(release) > 1 and release[-1] == 0:
        release.pop()
    made = f"{int(found['epoch'])}!" if int(found["epoch"] or 0) else ""
    made += ".".join(map(str, release))
    if found["pre"]:
        made += PRE.get(found["pre"].lower(), found["pre"].lower()) + str(int(found["pre_n"] or 0))
    if found["post"]:
        made += f".post{int(found['post_implicit'] or found['post_n'] or 0)}"
    if found["dev"]:
        made += f".dev{int(found['dev_n'] or 0)}"
    if found["local"]:
        parts = re.split(r"[-_.]", found["local"].lower())
        made += "+" + ".".join(str(int(part)) if part.isdigit() else part for part in parts)
    return made


def is_specifier_set(text):
    """Whether this is a set of version specifiers: version-specifiers, Version specifiers."""
    for clause in text.split(","):
        if not clause.strip():
            continue
        found = CLAUSE.match(clause.strip())
        if not found:
            return False
        operator, version = found.groups()
        if operator in ("==", "!=") and version.endswith(".*"):
            version = version[:-2]
        if operator != "===" and normal_version(version) is None:
            return False
    return True


def filename_parts(filename, project):
    """Normalized name and version (as written) of a file of `project`; None for a kind of file that has no such rule."""
    if filename.endswith(".whl"):
        parts = filename[:-4].split("-")
        return (normalize(parts[0]), parts[1]) if len(parts) in (5, 6) else None
    ending = next((ending for ending in SDIST_ENDINGS if filename.endswith(ending)), None)
    if ending is None:
        return None
    stem = filename[: -len(ending)]
    # Old sdists have hyphens in the name, so each hyphen may be the one before the version.
    cuts = [at for at, letter in enumerate(stem) if letter == "-"]
    for at in cuts:
        if normalize(stem[:at]) == project:
            return project, stem[at + 1 :]
    return (normalize(stem[: cuts[-1]]), stem[cuts[-1] + 1 :]) if cuts else None
