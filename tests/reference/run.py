"""Our reading of the PyPA specifications compared with that of the `packaging` library, on random questions.

`run.py` has cargo build and run `answer.rs` beside this file, asks it everything at once and compares. What is
known to differ stands in `DIFFERENCES` with the reason, and both answers are checked, so that the list cannot grow old.
Ends with a line `N passed, N failed` and exit code 0 only if nothing failed.
"""
import argparse
import collections
import email
import json
import random
import re
import subprocess
import sys

import packaging
from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

PAIRS = 10_000
"""Specifiers with versions, and as many pairs of versions."""

NUMBERS = ["0", "1", "2", "3", "9", "10", "11", "00", "01", "2026"]


def random_version(rng, local=True):
    """A version in any spelling that PEP 440 allows."""
    text = rng.choice(["", "", "", "", "", "v", "1!", "2!"])
    text += ".".join(rng.choice(NUMBERS) for _ in range(rng.choice([1, 1, 2, 2, 2, 3, 3, 4])))
    if rng.random() < 0.3:
        text += rng.choice(["", ".", "-", "_"]) + rng.choice("a b c rc alpha beta pre preview RC Alpha".split())
        text += rng.choice(["", ".", "-", "_"]) + rng.choice(NUMBERS) if rng.random() < 0.8 else ""
    if rng.random() < 0.25:
        text += rng.choice(["-1", "-0", ".post", "post2", "-r3", ".rev4", "_post5", ".POST1"])
    if rng.random() < 0.25:
        text += rng.choice([".dev", "dev1", "-dev2", "_dev", ".DEV3", ".dev10"])
    if local and rng.random() < 0.2:
        text += "+" + rng.choice(["abc", "abc.5", "abc.7", "5", "Ubuntu-1", "ubuntu_1", "1.2.3", "0a", "010", "a.1.b"])
    return text


def random_specifier(rng):
    """A set of one to three specifiers, now and then with one that is not allowed."""
    parts = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        operator = rng.choice(["==", "==", "!=", "!=", "<", "<=", ">", ">=", "~=", "==="])
        version = random_version(rng, local=operator in ("==", "!=", "===") and rng.random() < 0.5)
        if operator in ("==", "!=") and rng.random() < 0.35:
            version = re.sub(r"\+.*", "", version) + ".*"
        if operator == "===":
            # Text that is compared as it is: alone, because the library takes a comma for a part of it, and in normal form.
            return f"==={Version(version)}" if valid_version(version) else "===x"
        parts.append(operator + rng.choice(["", " "]) + version)
    return rng.choice([",", ", ", " ,"]).join(parts)


def near(rng, specifier):
    """A version that is likely to be at the edge of a set: one that it names, or a small change of it."""
    named = [re.sub(r"^[=<>!~ ]+", "", part).removesuffix(".*") for part in re.split(" ?, ?", specifier)]
    text = rng.choice(named)
    change = rng.choice([".0", ".1", ".dev1", "rc1", ".post1", "+abc", "+1", "", "", "a0"])
    return text + change if rng.random() < 0.8 else random_version(rng)


def valid_version(text):
    """The version, or None."""
    try:
        return Version(text)
    except InvalidVersion:
        return None


def ask_versions(rng):
    """Normal forms, orders and specifiers."""
    texts = [random_version(rng) for _ in range(PAIRS)]
    texts += ["", "1.0-", "1..0", "1.0+", "1.0+a..b", "1.0a1a2", "1.0.x", "x", "1.0+é", "1!", "!1", "1.0post1post2", "v", "1_0"]
    for text in texts:
        version = valid_version(text)
        key = None if version is None else re.sub(r"(\.0)+(?=[^.\d]|\.post|\.dev|$)", "", re.sub(r"^(\d+!)?(\d+(\.\d+)*)", key_of, str(version)))
        yield {"ask": "version", "text": text}, None if version is None else [str(version), key]
    valid = [text for text in texts if valid_version(text) is not None]
    for _ in range(PAIRS):
        left, right = rng.choice(valid), rng.choice(valid)
        order = (Version(left) > Version(right)) - (Version(left) < Version(right))
        yield {"ask": "order", "left": left, "right": right}, order
    asked = 0
    while asked < PAIRS:
        specifier = random_specifier(rng)
        version = near(rng, specifier)
        if valid_version(version) is None or is_post_of_pre(specifier, Version(version)):
            continue
        asked += 1
        yield {"ask": "specifier", "specifier": specifier, "version": version}, contains(specifier, version)


def key_of(match):
    """The release segment without the zeros at its end, behind its epoch."""
    release = match[2].split(".")
    while len(release) > 1 and release[-1] == "0":
        release.pop()
    return (match[1] or "") + ".".join(release)


def is_post_of_pre(specifier, version):
    """Whether a set has `>` with a pre-release whose final release the version is a post-release of: see `DIFFERENCES`."""
    named = [part.strip()[1:].strip() for part in specifier.split(",") if re.match(r" *>[^=]", part)]
    pre = [Version(text) for text in named if valid_version(text) and Version(text).is_prerelease]
    return version.is_postrelease and any(Version(one.base_version) == Version(version.base_version) for one in pre)


def contains(specifier, version):
    """Whether the library takes this version, pre-releases allowed; None if it does not take the specifier."""
    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except InvalidSpecifier:
        return None


ENVIRONMENTS = [
    dict(zip(
        "implementation_name implementation_version os_name platform_machine platform_python_implementation platform_release"
        " platform_system platform_version python_full_version python_version sys_platform".split(),
        values,
    ))
    for values in [
        ("cpython", "3.11.2", "posix", "x86_64", "CPython", "", "Linux", "", "3.11.2", "3.11", "linux"),
        ("cpython", "3.9.18", "posix", "aarch64", "CPython", "6.1.0-21-arm64", "Linux", "#1 SMP", "3.9.18", "3.9", "linux"),
        ("cpython", "3.13.0", "nt", "AMD64", "CPython", "10", "Windows", "10.0.19045", "3.13.0", "3.13", "win32"),
        ("cpython", "3.14.0rc1", "posix", "arm64", "CPython", "24.1.0", "Darwin", "Darwin Kernel", "3.14.0rc1", "3.14", "darwin"),
        ("pypy", "7.3.17", "posix", "x86_64", "PyPy", "", "Linux", "", "3.10.14", "3.10", "linux"),
    ]
]

STRINGS = {
    "os_name": ["posix", "nt", "java"],
    "sys_platform": ["linux", "win32", "darwin", "cygwin"],
    "platform_machine": ["x86_64", "arm64", "aarch64", "AMD64"],
    "platform_python_implementation": ["CPython", "PyPy"],
    "platform_system": ["Linux", "Windows", "Darwin"],
    "implementation_name": ["cpython", "pypy"],
}
VERSIONS = {
    "python_version": ["3", "3.9", "3.10", "3.11", "3.13", "4.0", "2.7"],
    "python_full_version": ["3.9.18", "3.11.2", "3.11", "3.15", "3.11.10", "3.10.14"],
    "implementation_version": ["3.11.2", "7.3.17", "3.9", "7"],
}


def random_comparison(rng):
    """One comparison of a marker, in every form on which the specification leaves no doubt."""
    kind = rng.random()
    quote = rng.choice("'\"")
    if kind < 0.45:
        field, values = rng.choice(list(STRINGS.items()))
        operator = rng.choice(["==", "!=", "==", "!=", "in", "not in"])
        value = rng.choice(values) if operator in ("==", "!=") else " ".join(rng.sample(values, rng.randint(1, len(values))))
        sides = [field, operator, quote + value + quote]
        if operator in ("==", "!=") and rng.random() < 0.2:
            sides.reverse()
    elif kind < 0.85:
        field, values = rng.choice(list(VERSIONS.items()))
        operator = rng.choice(["==", "!=", "<", "<=", ">", ">=", "~="])
        value = rng.choice(values)
        if operator == "~=" and "." not in value:
            value += ".0"
        if operator in ("==", "!=") and rng.random() < 0.3:
            value += ".*" if "rc" not in value else ""
        sides = [field, operator, quote + value + quote]
        if operator in ("==", "!=", "<", ">", "<=", ">=") and "*" not in value and rng.random() < 0.2:
            sides = [sides[2], {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator), field]
    else:
        sides = ["extra", rng.choice(["==", "==", "!="]), quote + rng.choice(["test", "Test", "foo-bar", "Foo.Bar", "foo_bar", "docs"]) + quote]
    return rng.choice([" ", "", "  "]).join(sides) if sides[1] not in ("in", "not in") else " ".join(sides)


def random_marker(rng, depth=0):
    """Comparisons joined by `and`, `or` and brackets."""
    if depth > 2 or rng.random() < 0.45:
        return random_comparison(rng)
    parts = [random_marker(rng, depth + 1) for _ in range(rng.choice([2, 2, 3]))]
    text = parts[0]
    for part in parts[1:]:
        text += rng.choice([" and ", " or "]) + part
    return f"({text})" if rng.random() < 0.5 else text


def evaluate(marker, environment, extras):
    """What the library says; None where it does not take the marker. Extras are asked for one by one."""
    try:
        parsed = Marker(marker)
        return any(parsed.evaluate({**environment, "extra": extra}) for extra in extras or [""])
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return None


def ask_markers(rng):
    """Markers in environments, with at most one extra: of several the library can ask only one at a time."""
    for _ in range(PAIRS // 2):
        marker, environment = random_marker(rng), rng.choice(ENVIRONMENTS)
        if len(re.findall(r"\b(?:and|or)\b", marker)) > 12 or len(set(re.findall(r"['\"][^'\"]*['\"]", marker))) > 16:
            continue
        extras = rng.choice([[], [], ["test"], ["foo-bar"]])
        yield {"ask": "marker", "marker": marker, "environment": environment, "extras": extras}, evaluate(marker, environment, extras)
    for marker in ["nope == '1'", "os_name", "os_name ==", "os_name = 'a'", "'a' 'b'", "os_name == 'a' and", "(os_name == 'a'", "os_name == a"]:
        yield {"ask": "marker", "marker": marker, "environment": ENVIRONMENTS[0], "extras": []}, evaluate(marker, ENVIRONMENTS[0], [])


def ask_requirement(text):
    """A requirement, judged on one target so that its marker is seen to have been read."""
    return {"ask": "requirement", "text": text, "environment": ENVIRONMENTS[0]}


def read_requirement(text):
    """Parts of a requirement as the library reads them; None if it does not take it."""
    try:
        read = Requirement(text)
    except InvalidRequirement:
        return None
    return {
        "name": canonicalize_name(read.name),
        "extras": sorted({canonicalize_name(extra) for extra in read.extras}),
        "specifiers": sorted(re.sub(r"^([=<>!~]+) *(.*)$", normal_specifier, str(one)) for one in read.specifier),
        "url": read.url,
        "holds": read.marker is None or read.marker.evaluate({**ENVIRONMENTS[0], "extra": ""}),
    }


def normal_specifier(match):
    """One specifier with its version in normal form, as we show it."""
    version, star = match[2].removesuffix(".*"), ".*" if match[2].endswith(".*") else ""
    return match[1] + (str(Version(version)) + star)


REQUIREMENTS = """
A|A.B-C_D|aa|name|name<=1|name>=3|name>=3,<2|name>=3,|name>=3,<2,|name (>=3,<2)|name(>=3)|name[]|name[ ]|name[a]|name[a,b]
name[ a , b ]|name[a,]|name[,a]|name[a b]|name[a][b]|name[A.B_c]>=1|name[quux, strange];python_version<'2.7' and platform_version=='2'
name; os_name=='a' or os_name=='b'|name; os_name=='a' and os_name=='b' or os_name=='c'|name; (os_name=='a')|name ; os_name == "it's"
name@http://foo.example/x|name @ http://foo.example/x|name [fred,bar] @ http://foo.example/x ; python_version=='2.7'
name @ https://foo.example/a.whl|name @ https://foo.example/a.whl ; os_name=='a'|name @ https://foo.example/a.whl;os_name
name @|@ http://foo.example/x|name @ |name>=1 @ http://foo.example/x|requests [security,tests] >= 2.8.1, == 2.8.* ; python_version < "2.7"
name==1.0+local|name>=1.0+local|name~=1|name~=1.0|name==1.*|name>=1.*|name===1.0|name = 1|name=1|name=>1|name>1<2|name>=1 <2|name!=1.*,<3
-name|name-|_name|na me|name;|name ; |;os_name=='a'|name>=|name==|name==x|name<1,,<2|name (>=1|name >=1)|name (>=1),<2|name[a;os_name=='a'
name; extra == 'test'|name; extra == 'a' and python_version >= '3'|name; 'a' == extra|name ;python_version in "2.6 2.7"|name # comment|
name==1.0.post1.dev2|name==1!2.0|name==1.0a1.*|name==1.0.dev1.*|n|9|9a|a9|a..b|a--b|a._b|name[a]|name[a.b]|name [a]|name\t>=1|\tname
""".replace("\n", "|").strip("|").split("|")


def random_requirement(rng):
    """A requirement put together from parts that fit, now and then with one that does not."""
    name = rng.choice(["a", "Foo.Bar", "zope.interface", "x_y-z", "A1"])
    extras = rng.choice(["", "", "", "[test]", " [a,B.c]", "[]", "[ x ]"])
    specifier = rng.choice(["", random_specifier(rng), f" ({random_specifier(rng)})", f" {random_specifier(rng)}"])
    marker = rng.choice(["", "", f"; {random_comparison(rng)}", f" ; {random_marker(rng, 2)}", ";os_name"])
    return name + extras + specifier + marker


def ask_requirements(rng):
    """The list of PEP 508 and random requirements."""
    for text in REQUIREMENTS + [random_requirement(rng) for _ in range(PAIRS // 5)]:
        yield ask_requirement(text), read_requirement(text)


def ask_names(rng):
    """Names: normal forms, and their normal forms again."""
    letters = "aBz09-_."
    texts = ["".join(rng.choice(letters) for _ in range(rng.randint(1, 12))) for _ in range(PAIRS // 5)]
    for text in texts + ["", "a\n", "é", "K", "a b", "a/b"]:
        fits = re.fullmatch(r"(?i:[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])", text, re.ASCII)
        name = canonicalize_name(text) if fits else None
        yield {"ask": "name", "text": text}, name
        if name is not None:
            yield {"ask": "name", "text": name}, name


FIELDS = ["Summary", "Author", "Keywords", "Classifier", "Classifier", "Platform", "Project-URL", "License", "X-Private", "Home-page"]
WORDS = ["text", "ünïcode 日本", "a: b", "two  spaces", "tab\there", "\"quoted\"", "=?utf-8?q?word?=", "<x@y.example>", "a;b=c", "#", "", "UNKNOWN"]


def random_metadata(rng):
    """A METADATA file with odd values, folded lines and a body or none."""
    lines = ["Metadata-Version: 2.1", "Name: demo", "Version: 1.0"]
    seen = set()
    for _ in range(rng.randint(0, 8)):
        field = rng.choice(FIELDS)
        if field in seen and field not in ("Classifier", "Platform", "Project-URL", "X-Private"):
            continue
        seen.add(field)
        spelled = rng.choice([field, field, field.lower(), field.upper()])
        value = rng.choice(WORDS)
        lines.append(spelled + rng.choice([": ", ":", ":  "]) + value)
        if field in ("License", "X-Private", "Author") and value and rng.random() < 0.5:
            lines += [rng.choice(["        ", " ", "\t", "       |"]) + rng.choice(WORDS[:6]) for _ in range(rng.randint(1, 3))]
    end = rng.choice(["\n", "\r\n"])
    body = rng.choice(["", end, end + "body", end + "body" + end + end + "Name: not a field" + end, end + "From x" + end])
    return end.join(lines) + end + body


def read_metadata(text):
    """Every field with its values in order, folded lines joined and trimmed as ours are, and the body."""
    raw, unparsed = parse_email(text.encode())
    message = email.message_from_string(text.replace("\r\n", "\n"), policy=email.policy.compat32)
    fields = collections.defaultdict(list)
    for name, value in message.items():
        fields[name.lower()].append("\n".join(part.strip() for part in str(value).split("\n")))
    for key, ours in [("summary", "summary"), ("author", "author"), ("license", "license"), ("home_page", "home-page")]:
        # The library and the mail parser it stands on say the same; else this comparison would be of something else.
        if key in raw:
            assert "\n".join(part.strip() for part in raw[key].split("\n")) == fields[ours][0], (key, raw[key], fields[ours])
    assert set(unparsed) <= set(fields), unparsed
    return dict(fields), raw.get("description")


def compare_metadata(text, answer):
    """A sentence if our reading of a METADATA file is another one."""
    fields, body = read_metadata(text)
    if answer is None:
        return "refused"
    ours = collections.defaultdict(list)
    for name, value in answer["fields"]:
        ours[name].append(value)
    if dict(ours) != fields:
        return f"fields {dict(ours)} instead of {fields}"
    expected = body.replace("\r\n", "\n") if body and body.strip() else None
    return None if answer["description"] == expected else f"body {answer['description']!r} instead of {expected!r}"


RC = ENVIRONMENTS[3]


def ask_marker(marker, environment):
    """A marker without extras."""
    return {"ask": "marker", "marker": marker, "environment": environment, "extras": []}


def ask_specifier(specifier, version):
    """A specifier with a version."""
    return {"ask": "specifier", "specifier": specifier, "version": version}


DIFFERENCES = [
    # Question, our answer, the library's answer, why it is borne. Ours is that of uv's crates, so uv installs what we lock.
    (ask_specifier(">1.0a1", "1.0.post1"), False, True, "uv takes every post-release of 1.0 for one of 1.0a1"),
    (ask_specifier("===1.0.dev", "1.0.dev0"), True, False, "uv compares normal forms where the library compares texts"),
    (ask_marker("python_full_version >= '3.14'", RC), True, False, "a pre-release of Python counts as its release, as in uv"),
    (ask_marker("platform_release >= '9.0'", RC), False, True, "uv compares this field as text, the library as a version if it is one"),
    (ask_marker("python_version not in '3.110'", ENVIRONMENTS[0]), True, False, "uv reads a list of versions, the library looks for a part of the text"),
    (ask_requirement("name()"), None, {"name": "name", "extras": [], "specifiers": [], "url": None, "holds": True}, "the grammar wants a version inside"),
    ({"ask": "version", "text": " 1.0 "}, None, "1.0", "the border trims; a version inside has no space"),
    ({"ask": "version", "text": "99999999999999999999"}, None, "99999999999999999999", "numbers end at 64 bits"),
]


def main():
    """Ask everything, compare, count."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--program", help="answer.rs as it was built before; without it cargo builds it")
    arguments.add_argument("--seed", type=int, default=20, help="another seed asks other questions")
    chosen = arguments.parse_args()
    rng = random.Random(chosen.seed)
    suites = {
        "versions": list(ask_versions(rng)),
        "markers": list(ask_markers(rng)),
        "requirements": list(ask_requirements(rng)),
        "names": list(ask_names(rng)),
        "differences": [(question, ours) for question, ours, _, _ in DIFFERENCES],
    }
    files = [random_metadata(rng) for _ in range(PAIRS // 10)]
    questions = [question for suite in suites.values() for question, _ in suite]
    questions += [{"ask": "metadata", "text": text} for text in files]
    text = "".join(json.dumps(question) + "\n" for question in questions)
    command = [chosen.program] if chosen.program else ["cargo", "test", "--quiet", "--test", "reference"]
    done = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in done.stdout.decode().splitlines() if line]
    assert len(answers) == len(questions), f"{len(questions)} questions, {len(answers)} answers"
    answered = iter(answers)
    passed = failed = 0
    for name, suite in suites.items():
        wrong = []
        for question, expected in suite:
            answer = next(answered)
            if answer != expected:
                wrong.append(f"{json.dumps(question, ensure_ascii=False)}: {answer}, expected {expected}")
        passed, failed = passed + len(suite) - len(wrong), failed + len(wrong)
        print(f"{name}: {len(suite)} questions, {len(wrong)} differ")
        for line in wrong[:40]:
            print(line)
    faults = [(text, compare_metadata(text, next(answered))) for text in files]
    faults = [(text, fault) for text, fault in faults if fault]
    passed, failed = passed + len(files) - len(faults), failed + len(faults)
    print(f"metadata: {len(files)} files, {len(faults)} differ")
    for text, fault in faults[:10]:
        print(f"{text!r}: {fault}")
    for question, _, theirs, reason in DIFFERENCES:
        if said(question) != theirs:
            failed += 1
            print(f"packaging {packaging.__version__} no longer differs as it is said ({reason}): {question}: {said(question)}")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


def said(question):
    """What the library answers to a question whose difference is known."""
    if question["ask"] == "specifier":
        return contains(question["specifier"], question["version"])
    if question["ask"] == "marker":
        return evaluate(question["marker"], question["environment"], question["extras"])
    if question["ask"] == "requirement":
        return read_requirement(question["text"])
    version = valid_version(question["text"])
    return None if version is None else str(version)


if __name__ == "__main__":
    sys.exit(main())
