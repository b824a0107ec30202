"""Cases with rules 1: file names, versions, build tags and platform tags."""
from corpus import NOTED, R, esc

KNOWN_PLATFORMS = (
    "win32 win_amd64 win_arm64 manylinux1_x86_64 manylinux1_i686 manylinux2010_x86_64 manylinux2014_aarch64 manylinux2014_s390x "
    "manylinux_2_5_i686 manylinux_2_17_ppc64le manylinux_2_28_x86_64 manylinux_2_39_riscv64 musllinux_1_1_aarch64 "
    "musllinux_1_2_x86_64 macosx_10_9_x86_64 macosx_10_13_universal2 macosx_11_0_arm64 macosx_15_0_x86_64 macosx_26_0_arm64 "
    "android_24_arm64_v8a android_21_x86_64 ios_13_0_arm64_iphoneos ios_13_0_x86_64_iphonesimulator pyemscripten_2025_0_wasm32"
).split()
BARE_PLATFORMS = "linux_x86_64 linux_aarch64 linux_armv6l linux_armv7l".split()
ODD_PLATFORMS = (
    "linux linux_amd64 win64 win_x86 windows macosx_11_3_arm64 macosx_16_0_arm64 macosx_10_9 manylinux_2_17 manylinux_2_17_amd64 "
    "manylinux2020_x86_64 musllinux_1_x86_64 android_arm64_v8a ios_13_0_arm64 emscripten_3_1_58_wasm32 freebsd_14_0_release_amd64 "
    "none solaris_2_11_i86pc"
).split()


def cases():
    platforms()
    tags()
    versions()
    builds()
    projects()
    others()


def platforms():
    for platform in KNOWN_PLATFORMS:
        R("plat-" + platform.replace("_", "-"), "platform tag " + platform, tag="cp312-cp312-" + platform)
    for platform in BARE_PLATFORMS:
        R("bare-" + platform.replace("_", "-"), "platform without a promise about the C library", "TAG-03 platform-not-portable",
          tag="cp312-cp312-" + platform)
    for platform in ODD_PLATFORMS:
        R("odd-" + platform.replace("_", "-"), "platform tag that no installer is known to look for", "TAG-03 platform-unknown",
          tag="cp312-cp312-" + platform)
    R("plat-two-odd", "two odd platforms in one name, each told once", "TAG-03 platform-unknown, TAG-03 platform-not-portable",
      tag="cp311.cp312-none-beos_5.linux_x86_64")


def tags():
    A = lambda cid, what, tag, rules="", mirror=None, **kw: R("tag-" + cid, what, rules, mirror, tag=tag, **kw)
    A("abi3", "stable ABI", "cp38-abi3-win_amd64")
    A("abi3t", "stable ABI of free-threaded builds", "cp315-abi3t-win_amd64")
    A("free", "free-threaded", "cp313-cp313t-win_amd64")
    A("debug", "debug build", "cp312-cp312d-win_amd64")
    A("pypy", "PyPy", "pp311-pypy311_pp73-win_amd64")
    A("graal", "GraalPy", "graalpy312-graalpy250_312_native-win_amd64")
    A("any-abi", "an ABI without a platform", "cp311-abi3-any")
    A("unsorted", "Python tags that are not sorted", "py3.py2-none-any", "WHL-04 tags-unsorted")
    A("unsorted-platform", "platforms that are not sorted", "py3-none-win_amd64.win32", "WHL-04 tags-unsorted")
    A("sorted", "platforms as text sorts them", "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64")
    A("same-twice", "one tag twice in a set", "py3.py3-none-any")
    A("upper", "tags in capitals: installers compare lower case", "PY3-NONE-ANY")
    cross = ["py3%d-none-%s" % (minor, system) for minor in (9, 8) for system in ("win32", "win_amd64")]
    A("crossed", "WHEEL lists the cross product one by one, in another order", "py38.py39-none-win32.win_amd64",
      wheel="Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\n" + "".join("Tag: %s\n" % tag for tag in cross))
    for cid, tag, what in (
            ("lead-digit", "3-none-any", "Python tag that starts with a digit: it is read as a build tag, and a part is missing"),):
        A(cid, what, tag, "!WHL-01 filename-invalid, !WHL-12 wheel-file-invalid")
    for cid, tag, what in (
            ("empty-abi", "py3--any", "empty ABI"),
            ("empty-python", "-none-any", "empty Python tag"),
            ("empty-platform", "py3-none-", "empty platform"),
            ("dots", "py3..py2-none-any", "two dots"),
            ("lead-dot", ".py3-none-any", "leading dot"),
            ("plus", "py3-no+ne-any", "plus sign in a tag"),
            ("tilde", "py3-none-any~", "tilde in a tag"),
            ("comma", "py3,py2-none-any", "comma instead of a dot"),
            ("digit-in-set", "py3.39-none-any", "a tag of the set starts with a digit")):
        A(cid, what, tag, "!WHL-01 tag-invalid, !WHL-12 wheel-file-invalid")
    A("twice-whl", "`.whl` twice: the first one becomes a platform", "py3-none-any",
      "!TAG-02 wheel-file-invalid, TAG-03 platform-unknown", NOTED_TAG, filename=esc("r-tag-twice-whl") + "-1.0-py3-none-any.whl.whl")
    sets = lambda count: "%s-%s-win32" % (".".join("p" + c for c in LETTERS[:25]), ".".join("a" + c for c in LETTERS[:count]))
    A("thousand", "a set of 1,000 tags", sets(40), wheel="Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: %s\n" % sets(40))
    A("thousand-one", "a set of 1,025 tags", sets(41), "!WHL-01 tag-invalid", wheel="Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-win32\n")
    A("thousand-lines", "WHEEL lists 1,001 tags", "py3-none-win32", "!WHL-12 wheel-file-invalid",
      wheel="Wheel-Version: 1.0\nRoot-Is-Purelib: true\n" + "".join("Tag: py%d-none-any\n" % i for i in range(1001)))


LETTERS = "".join(sorted("abcdefghijklmnopqrstuvwxyz0123456789_ABCDEFGH"))
NOTED_TAG = "TAG-02 wheel-file-invalid, TAG-03 platform-unknown"


def versions():
    for number, version in enumerate((
            "0", "1", "2026.11.20", "1.0.post1", "1.0.dev0", "1.0a1", "1.0b2.dev3", "1.0rc1.post2.dev3", "1!1.0", "1.0+abc.1",
            "1.0+ubuntu.22.4.1", "1.0.0.0.0.0.0.1")):
        epoch = ", VER-05 metadata-invalid" if "!" in version else ""
        R("version-%02d" % number, "normal version " + version, epoch.lstrip(", "), version=version)
    for number, (version, meta) in enumerate((
            ("v1.0", "1.0"), ("1.0alpha1", "1.0a1"), ("1.0RC1", "1.0rc1"), ("1.0_post1", "1.0.post1"), ("1.0.c1", "1.0rc1"),
            ("01.2", "1.2"), ("1.0b", "1.0b0"), ("1.0+ABC", "1.0+abc"), ("1.0+ubuntu.22.04", "1.0+ubuntu.22.4"), ("1.0.rev3", "1.0.post3"))):
        R("denormal-%02d" % number, "version %s, which means %s" % (version, meta), "WHL-02 filename-denormalized",
          version=version, meta_ver=meta)
    for number, version in enumerate((
            "1.0.", "1..0", ".1", "latest", "1.0+", "1.0++a", "1.0+a..b", "1,0", "1.0~1", "1.0^2", "1.0;a", "a1.0", "1.0.x", "1.0_1_2",
            "1.0@2", "18446744073709551615", "99999999999999999999", "1!", "!1", "1!2!3", "1.0=2")):
        R("no-version-%02d" % number, "%r is no version" % version, "!WHL-01 version-invalid", meta_ver="1.0",
          filename=esc("r-no-version-%02d" % number) + "-%s-py3-none-any.whl" % version)
    R("version-other-zeros", "file name says 1.0, METADATA 1.0.0, .dist-info 1", "WHL-10 dist-info-denormalized", meta_ver="1.0.0",
      dist_info=esc("r-version-other-zeros") + "-1.dist-info")
    R("version-local-folder", "the folder has `_` for the `+` of a local version, as old builders wrote it: pip stops",
      "!WHL-10 metadata-mismatch", NOTED, version="1.0+cu1", dist_info=esc("r-version-local-folder") + "-1.0_cu1.dist-info")
    R("version-local-other", "the folder lacks the local version", "!WHL-10 metadata-mismatch", version="1.0+cu1",
      dist_info=esc("r-version-local-other") + "-1.0.dist-info")


def builds():
    for build_tag in ("0", "1", "007", "2abc", "1_x", "20261120", "1a.b"):
        cid = "build-" + build_tag.replace("_", "-").replace(".", "-")
        R(cid, "build tag " + build_tag, filename=esc("r-" + cid) + "-1.0-%s-py3-none-any.whl" % build_tag)
    for cid, build_tag, rules in (
            ("plus", "1+2", "!WHL-01 filename-invalid"), ("letter", "x1", "!VAR-01 filename-invalid"),
            ("huge", "9" * 30, "!WHL-01 filename-invalid"), ("empty", "", "!VAR-01 filename-invalid")):
        R("no-build-" + cid, "%r is no build tag" % build_tag, rules,
          filename=esc("r-no-build-" + cid) + "-1.0-%s-py3-none-any.whl" % build_tag)
    wheel = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\nBuild: %s\n"
    R("build-said", "WHEEL says the build tag of the file name", wheel=wheel % "3b", filename=esc("r-build-said") + "-1.0-3b-py3-none-any.whl")
    R("build-other", "WHEEL says another build tag", "!WHL-12 wheel-file-invalid", "WHL-12 wheel-file-invalid", wheel=wheel % "4",
      filename=esc("r-build-other") + "-1.0-3-py3-none-any.whl")
    R("build-extra", "WHEEL says a build tag, the file name has none", "!WHL-12 wheel-file-invalid", "WHL-12 wheel-file-invalid", wheel=wheel % "4")


def projects():
    for cid, name, meta in (("one-letter", "q", "q"), ("digits", "0" * 8, "0" * 8), ("long", "n" * 128, "n" * 128),
                            ("meta-spelling", "bi_r_spelt", "Bi.R--Spelt")):
        R("name-" + cid, "project %s" % name[:20], name=name, meta_name=meta)
    for cid, name in (("capitals", "Bi_R_Capitals"), ("dots", "bi.r.dots")):
        R("name-" + cid, "project written %s" % name, "WHL-02 filename-denormalized", name=name)
    for cid, name, rules in (
            ("trail", "bi_x_", "!WHL-01 name-invalid"), ("trail-dot", "bi.", "!WHL-01 name-invalid"), ("lead-dot", ".bi", "!WHL-01 name-invalid"),
            ("plus", "bi+x", "!WHL-01 name-invalid"), ("at", "bi@x", "!WHL-01 name-invalid"), ("tilde", "~bi", "!WHL-01 name-invalid"),
            ("too-long", "n" * 129, "!WHL-01 name-invalid"), ("double", "bi__x", "!WHL-02 name-invalid"),
            ("triple", "bi___x", "!WHL-02 name-invalid"), ("bang", "bi!x", "!WHL-01 name-invalid")):
        R("no-name-" + cid, "%s is no project name" % name[:20], rules, name="bi_x", filename=name + "-1.0-py3-none-any.whl")
    for number, character in enumerate("/\\%?#\"'<>&:|* \t"):
        R("no-char-%02d" % number, "%r in a file name" % character, "!WHL-01 filename-invalid", name="bi_x",
          filename="bi%sx-1.0-py3-none-any.whl" % character)
    R("no-char-latin", "a Latin-1 letter", "!WHL-01 filename-invalid", name="bi_x", filename="b\u00eex-1.0-py3-none-any.whl")
    R("no-char-combining", "a combining accent", "!WHL-01 filename-invalid", name="bi_x", filename="bi\u0302x-1.0-py3-none-any.whl")


def others():
    stem = "n" * 100 + "-1.0-py3-none-"
    for cid, length, rules in (("fits", 246, "TAG-03 platform-unknown"), ("too-long", 247, "!WHL-01 filename-invalid")):
        platform = "p" * (length - len(stem) - 4)
        R("length-" + cid, "a file name of %d bytes" % length, rules, name="n" * 100, tag="py3-none-" + platform)
    for cid, ending in (("zip", ".zip"), ("egg", ".egg"), ("tgz", ".tgz"), ("tar", ".tar"), ("bz2", ".tar.bz2"), ("xz", ".tar.xz"),
                        ("exe", ".exe"), ("conda", ".conda"), ("none", ""), ("metadata", ".metadata"), ("asc", ".asc")):
        R("type-" + cid, "a wheel called %s" % (ending or "nothing"), "!WHL-01 type-not-allowed", name="bi_x", filename="bi_x-1.0" + ending)
    for cid, ending in (("whl-asc", ".whl.asc"), ("whl-metadata", ".whl.metadata"), ("whl-part", ".whl.part"), ("mixed", ".Whl")):
        R("type-" + cid, "ends in %s" % ending, "!WHL-01 filename-invalid", name="bi_x", filename="bi_x-1.0-py3-none-any" + ending)
    for count in (2, 3, 4, 8):
        R("parts-%d" % count, "%d parts" % count, "!WHL-01 filename-invalid", name="bi_x",
          filename="-".join(["bi_x", "1.0", "1", "py3", "none", "any", "x", "y"][:count]) + ".whl")
    R("variant-six", "a variant label behind five parts", "!VAR-01 filename-invalid", name="bi_x", filename="bi_x-1.0-py3-none-any-cuda12.whl")
    R("variant-seven", "build tag and variant label", "!VAR-01 filename-invalid", name="bi_x", filename="bi_x-1.0-1-py3-none-any-cuda12.whl")
    R("renamed-project", "renamed to another project", "!WHL-10 metadata-mismatch, !WHL-03 metadata-mismatch", name="bi_x",
      filename="bi_y-1.0-py3-none-any.whl")
    R("renamed-version", "renamed to another version", "!WHL-10 metadata-mismatch, !WHL-03 metadata-mismatch", name="bi_x",
      filename="bi_x-1.1-py3-none-any.whl")
    R("renamed-tag", "renamed to another tag", "!TAG-02 wheel-file-invalid", "TAG-02 wheel-file-invalid", name="bi_x",
      filename="bi_x-1.0-py2.py3-none-any.whl")
