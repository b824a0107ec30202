"""What the rules look at: projects made for this run, or a sample of those that the index has."""

from __future__ import annotations

import random
import secrets

from .dists import sdist, wheel
from .verdict import not_tested

MANY = 24
"""Files of the project that has many."""

CHANGING = "changing"
"""Label of the one distribution whose project gets more files during the run."""

OLD_METADATA = ("1.0", "1.1", "1.2")
NEW_METADATA = ("2.3", "2.4")

FILES_OF_A_PROJECT = 40
"""Most files of one project that the rules of single files look at."""

DOWNLOADS = {True: 12, False: 4}
"""Most wheels, and most other files, that are downloaded for their bytes."""

DOWNLOAD_BYTES = 3_000_000
"""Largest file that is downloaded for its bytes."""

USEFUL_BYTES = 40_000
"""Size of a file that is good for looking at ranges."""


class Made:
    """Distributions uploaded for this run under names that no index has, by label."""

    def __init__(self, uploader, rng):
        """Upload everything at once; what is refused is kept with its answer."""
        self.uploader = uploader
        self.run = f"{rng.getrandbits(40):010x}"
        self.dists = {}
        self.answers = {}
        for label, dist in self._plan(rng).items():
            self.dists[label] = dist
            self.answers[label] = uploader.send(dist)

    def name(self, word):
        """A project name of this run."""
        return f"sic-{word}-{self.run}"

    def _plan(self, rng):
        name = self.name
        plan = {
            "plain": wheel(name("plain"), "1.0", requires_python=">=3.6,<4", lines=("Requires-Dist: six>=1.16",)),
            "sdist": sdist(name("plain"), "1.0"),
            "next": wheel(name("plain"), "2.0rc1"),
            "odd name": wheel(f"Sic.Odd_-{self.run}.Name", "1.0"),
            "local": wheel(name("local"), "1.0+local.1"),
            "epoch": wheel(name("epoch"), "1!2.0"),
            "least": wheel(name("least"), "0", summary=""),
            "large": wheel(name("large"), "1.0", salt=f"{rng.getrandbits(8 * 40_000):x}"),
            CHANGING: wheel(name("changing"), "1.0"),
            "specifiers": wheel(name("specifiers"), "1.0", requires_python=">=3.6,!=3.7.*,<4"),
            "dynamic sdist": sdist(name("dynamic"), "1.0", lines=("Dynamic: Requires-Dist",)),
            "old sdist": sdist(name("oldsdist"), "1.0", metadata_version="1.1"),
        }
        for version in OLD_METADATA + NEW_METADATA:
            plan[f"metadata {version}"] = wheel(name("metadata" + version.replace(".", "")), "1.0", metadata_version=version)
        for number in range(MANY):
            plan[f"many {number}"] = wheel(name("many"), f"1.{number}")
        return plan

    def has(self, label):
        """Whether the index took it."""
        return 200 <= self.answers[label].status < 300

    def need(self, label):
        """The distribution of that label; the test ends where the index refused it."""
        if not self.has(label):
            not_tested(f"the index refused the upload `{label}`: {self.answers[label].describe()}")
        return self.dists[label]

    def projects(self):
        """Normalized names of what the index took, without the project that rules change while others look."""
        taken = [dist.project for label, dist in self.dists.items() if label != CHANGING and self.has(label)]
        return list(dict.fromkeys(taken))


def seed_of(text):
    """The seed given, or a random one."""
    return text or secrets.token_hex(4)


def sample(index, seed, count, without=()):
    """Names of `count` projects of the index, chosen by the seed among those not in `without`."""
    names = [name for name in index.names() if name not in without]
    return sorted(random.Random(seed).sample(names, min(count, len(names))))


def listed_files(projects):
    """Files of the projects, the first and the last ones where a project has very many."""
    found = []
    for project in projects:
        files = project.files
        half = FILES_OF_A_PROJECT // 2
        found += files if len(files) <= FILES_OF_A_PROJECT else files[:half] + files[-half:]
    return found


def small_files(index, files):
    """Files small enough to download, wheels first, at most two of a kind of a project and few in all."""
    chosen, counts = [], {}
    for file in sorted(files, key=lambda file: (not file.is_wheel, file.size or 0)):
        of_kind, of_page = counts.get(file.is_wheel, 0), counts.get((file.is_wheel, file.page), 0)
        if of_kind < DOWNLOADS[file.is_wheel] and of_page < 2 and size_of(index, file) <= DOWNLOAD_BYTES:
            chosen.append(file)
            counts[file.is_wheel] = of_kind + 1
            counts[file.is_wheel, file.page] = of_page + 1
    return chosen


def size_of(index, file):
    """Bytes of a file by its page or by HEAD; more than is downloaded where nobody tells."""
    if file.size is not None:
        return file.size
    length = index.http.follow(file.url, "*/*", method="HEAD").header("content-length")
    return int(length) if length and length.isdigit() else DOWNLOAD_BYTES + 1


def useful_file(index, files):
    """The file whose size is nearest to what shows ranges well; None if all are tiny or huge."""
    sized = [(size_of(index, file), file) for file in files[:FILES_OF_A_PROJECT] + files[-FILES_OF_A_PROJECT:]]
    useful = [(abs(size - USEFUL_BYTES), at, file) for at, (size, file) in enumerate(sized) if 1000 <= size <= DOWNLOAD_BYTES]
    return min(useful)[2] if useful else None
