"""Cases 4: odd but valid wheels, which must be taken."""
import hashlib

import corpus
from corpus import W, esc
from cases_zip import _both
from ziplow import DEFLATED, DIR, STORED, U32, Entry, build, record_line, z64extra


def valid():
    V = lambda cid, what, **kw: W(cid, what, "accept", group="valid", **kw)
    V("ok-plain", "the plain wheel all others are built from")
    V("ok-stored", "all members stored", entries=lambda es: [es.__setitem__(i, Entry(e.name, e.data, STORED)) for i, e in enumerate(es)] and None)
    V("ok-zip64-end", "ZIP64 end record and locator on a small file", zipargs=dict(z64_end={}))
    V("ok-zip64-members", "every member with ZIP64 sizes (Python's force_zip64)",
      entries=lambda es: [es.__setitem__(i, Entry(e.name, e.data, zip64=True)) for i, e in enumerate(es)] and None)
    V("ok-zip64-local", "ZIP64 sizes in the local header only (Python's ZipFile.open(force_zip64=True) does this)",
      entries=lambda es: [e.local.update(need=45, csize=U32, usize=U32, extra=z64extra(len(e.data), len(e.raw))) for e in es] and None)
    V("ok-dd", "data descriptors that agree with the central directory (streamed zip)",
      entries=lambda es: [es.__setitem__(i, Entry(e.name, e.data, dd={})) for i, e in enumerate(es)] and None,
      note="PyPI refuses data descriptors in new uploads since October 2025 (warehouse #18846); older files may have them; uv and pip install them")
    V("ok-dd-nosig", "data descriptors without signature",
      entries=lambda es: [es.__setitem__(i, Entry(e.name, e.data, dd=dict(sig=False))) for i, e in enumerate(es)] and None)
    V("ok-dirs", "explicit directory members, not in RECORD", entries=lambda es: es.insert(
        0, Entry("bi_ok_dirs/", b"", STORED, DIR)))
    V("ok-record-first", "dist-info in front of the code", entries=lambda es: es.reverse())
    V("ok-unicode", "UTF-8 member names (Chinese, Arabic, emoji)", files={
        "pkg/\u6570\u636e.py": b"X = 1\n", "pkg/\u0628\u064a.txt": b"x", "pkg/\U0001f308.txt": b"x"})
    V("ok-unicode-noflag", "UTF-8 member name without the UTF-8 flag", entries=None, files={"pkg/__init__.py": b""},
      note="control for zip-path-latin1: plain ASCII, flag clear")
    V("ok-comma-name", "member name with a comma and a quote: RECORD must be read as CSV", files={'pkg/a,"b".txt': b"x"},
      record_edit=lambda ls: ['"pkg/a,""b"".txt"' + ls[0][len('pkg/a,"b".txt'):]] + ls[1:])
    V("ok-record-crlf", "RECORD with CRLF line ends", record_edit=lambda ls: [l + "\r" for l in ls])
    V("ok-record-noeol", "RECORD, METADATA and WHEEL without final newline",
      entries=lambda es: _strip_eol(es, esc("ok-record-noeol")))
    V("ok-record-512", "RECORD hashed with sha512", record_edit=lambda ls: [
        record_line("bi_ok_record_512/__init__.py", b"ANSWER = 42\n", "sha512")] + ls[1:])
    V("ok-record-sha384", "RECORD hashed with sha384", record_edit=lambda ls: [
        record_line("bi_ok_record_sha384/__init__.py", b"ANSWER = 42\n", "sha384")] + ls[1:])
    V("ok-record-nosize", "RECORD without sizes", record_edit=lambda ls: [l.rsplit(",", 1)[0] + "," for l in ls])
    V("ok-record-jws", "RECORD.jws and RECORD.p7s present and not in RECORD (PEP 815: deprecated, still out there)",
      entries=lambda es: es.extend([Entry(di("ok-record-jws") + "/RECORD.jws", b"{}"), Entry(di("ok-record-jws") + "/RECORD.p7s", b"x")]))
    V("ok-record-jws-listed", "RECORD.jws listed with empty hash", entries=lambda es: es.append(
        Entry(di("ok-record-jws-listed") + "/RECORD.jws", b"{}")), record_edit=lambda ls: ls + [di("ok-record-jws-listed") + "/RECORD.jws,,"],
      level="should")
    V("ok-build-tag", "build tag", filename="bi_ok_build_tag-1.0-2abc-py3-none-any.whl")
    V("ok-tag-set", "compressed tag set py2.py3", tag="py2.py3-none-any")
    V("ok-tag-manylinux", "cp312-abi3 with three platforms", tag="cp312-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_2_x86_64",
      warn=["platform-specific"])
    V("ok-tag-linux", "bare linux_x86_64 (PyPI refuses it; internal builds need it)", tag="cp312-cp312-linux_x86_64")
    V("ok-tag-freethreaded", "free-threaded ABI cp314t", tag="cp314-cp314t-macosx_11_0_arm64")
    V("ok-local", "local version 1.0+cu124.g0", version="1.0+cu124.g0")
    V("ok-epoch", "epoch 1!2.0", version="1!2.0")
    V("ok-pre", "pre-, post- and dev-release 1.0rc1.post2.dev3", version="1.0rc1.post2.dev3")
    V("ok-version-denorm", "file name says 1.0.0-style `01.0`, metadata 1.0", version="01.0", meta_ver="1.0",
      level="should", send=dict(version="1.0"))
    V("ok-upper", "dist-info, file name and METADATA in capitals", wname="BI_Ok_Upper", meta_name="BI.Ok-Upper",
      filename="BI_Ok_Upper-1.0-py3-none-any.whl", send=dict(name="BI.Ok-Upper"),
      note="PyPI refuses new ones since 2025; tools must accept them")
    V("ok-dot-name", "file name keeps dots: Bi.Ok.Dot_Name", wname="bi.ok.dot_name", meta_name="bi.ok.dot-name",
      filename="bi.ok.dot_name-1.0-py3-none-any.whl", send=dict(name="bi.ok.dot-name"))
    V("ok-distinfo-denorm", "normalised file name, dist-info with dot and capitals", dist_info="Bi.Ok_Distinfo_Denorm-1.0.dist-info",
      note="old wheels; pip compares canonical prefixes. PyPI looks for the exact spelling of the file name")
    V("ok-distinfo-version", "dist-info version spelled 1.0.0, file name 1.0", dist_info="bi_ok_distinfo_version-1.0.0.dist-info", meta_ver="1.0.0",
      level="should", send=dict(version="1.0.0"))
    V("ok-md-10", "Metadata 1.0", meta_version="1.0", exclude_meta_lines=())
    V("ok-md-24", "Metadata 2.4 with License-Expression and License-File", meta_version="2.4",
      extra_meta="License-Expression: MIT OR Apache-2.0\nLicense-File: LICENSE\nLicense-File: sub/NOTICE\n",
      dist_files={"licenses/LICENSE": "MIT", "licenses/sub/NOTICE": "x"})
    V("ok-md-25", "Metadata 2.5 with Import-Name (PEP 794)", meta_version="2.5",
      extra_meta="Import-Name: bi_ok_md_25\nImport-Namespace: bi_ns; private\n")
    V("ok-md-26", "Metadata 2.6 (PEP 808)", meta_version="2.6", level="should")
    V("ok-md-unknown", "an unknown header field", extra_meta="X-Internal-Build: 42\n")
    V("ok-md-crlf", "METADATA with CRLF line ends",
      metadata="Metadata-Version: 2.1\r\nName: bi-ok-md-crlf\r\nVersion: 1.0\r\nSummary: x\r\n\r\nhello\r\n")
    V("ok-md-formfeed", "a page break in a folded licence text (a current real package)",
      extra_meta="License: GPL\n        \x0cGNU GENERAL PUBLIC LICENSE\n")
    V("ok-md-folded", "folded Description header with | and a long License", extra_meta=(
        "License: line one\n        line two\n        \n        line four\nKeywords: a,b\n"))
    V("ok-md-utf8", "UTF-8 author, emoji summary", extra_meta="Author: Ren\u00e9 \u674e\n", exclude_meta_lines=("Summary",),
      description="\U0001f40d text\n")
    V("ok-md-legacy-req", "old parenthesised requirement syntax", extra_meta="Requires-Dist: six (>=1.0,<2)\nRequires-Dist: tomli ; extra == 'x'\nProvides-Extra: x\n")
    V("ok-md-req-star", "Requires-Python with a legacy wildcard >=3.* (hundreds of published wheels; packaging refuses it)",
      extra_meta="Requires-Python: >=3.6.*\n", level="should", warn=["requires-python-legacy"])
    V("ok-md-classifier", "private classifier", extra_meta="Classifier: Private :: Do Not Upload\n",
      note="PyPI refuses this on purpose; an internal server is where it belongs")
    V("ok-summary-long", "Summary of 600 characters (PyPI's limit is 512)", exclude_meta_lines=("Summary",),
      extra_meta="Summary: " + "x" * 600 + "\n", level="should")
    V("ok-scripts", ".data with scripts, headers, data, purelib, platlib", files={
        "m.py": b"1\n", **{"bi_ok_scripts-1.0.data/" + p: b"#!python\nprint(1)\n" for p in (
            "scripts/bi-tool", "headers/x.h", "data/share/doc/x.txt", "purelib/p.py", "platlib/q.py")}})
    V("ok-entry-points", "console scripts with extras, dots and dashes", extra_meta="Provides-Extra: cli\n", dist_files={
        "entry_points.txt": "[console_scripts]\nbi-tool.x = pkg.mod:main [cli]\n\n[my.plugins]\nsome name = pkg:attr.sub\nmod = pkg\n"})
    V("ok-pth", "a .pth file at the top (code at interpreter start)", files={"zz.pth": b"import sys\n", "m.py": b"1\n"}, warn=["pth-file"])
    V("ok-no-code", "a meta package without any module", files={})
    V("ok-exec-bit", "executable bit on a file", files={"pkg/tool": Entry("pkg/tool", b"#!/bin/sh\n", DEFLATED, 0o100755)})
    V("ok-dos-attr", "made on Windows: no Unix mode at all", entries=lambda es: [
        e.central.update(made=0x0014, eattr=0) for e in es] and None)
    V("ok-old-dates", "DOS date 0 (some reproducible builders)", entries=lambda es: [_both(e, date=0) for e in es] and None)
    V("ok-nested-zip", "a zip bomb as ordinary package data (nobody may recurse)", files={
        "pkg/__init__.py": b"", "pkg/inner.zip": Entry("pkg/inner.zip", build([Entry("z", b"\0" * (1 << 20))]), STORED)})
    V("ok-ratio", "40 MiB of JSON-like data at 150:1 (real packages do this)", files={
        "pkg/data.json": Entry("pkg/data.json", (b'{"key": [1, 2, 3, 4, 5, 6, 7, 8], "v": null}\n' * (40 << 20 >> 5))[:40 << 20])},
      note="PyPI counts a bomb only above 64 MiB and 50:1")
    V("ok-large", "one member of 600 MiB, barely compressible", heavy=True, files={"pkg/big.bin": _noise(600 << 20, STORED)}
      if corpus.ARGS.heavy else {})
    V("ok-many", "20,000 members", files={"pkg/d%03d/f%03d.py" % (i // 200, i % 200): b"x\n" for i in range(20000)})
    V("ok-sbom", "SBOM in .dist-info/sboms (PEP 770)", dist_files={"sboms/x.cdx.json": "{}"})
    V("ok-gpg-field", "old twine sends gpg_signature: ignore it", send=dict(extra_part=["gpg_signature", "x.asc", "-----BEGIN"]))
    V("ok-blake2", "all three digests given and right", send=dict(digests=["md5", "sha256", "blake2_256"]))
    V("ok-no-digest", "no digest at all (curl users): the server computes its own", send=dict(digests=[]), level="should",
      note="PyPI demands one; a reply with the computed sha256 is the better answer for scripts")


def di(cid):
    return esc(cid) + "-1.0.dist-info"


def _strip_eol(es, name):
    for i, e in enumerate(es):
        if e.name.endswith((b"/METADATA", b"/WHEEL")):
            es[i] = Entry(e.name, e.data.rstrip(b"\n"))
    lines = [record_line(e.name.decode(), e.data) for e in es[:-1]] + [es[-1].name.decode() + ",,"]
    es[-1] = Entry(es[-1].name, "\n".join(lines))


def _noise(n, method):
    out, h = bytearray(), b"seed"
    block = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(32768))
    while len(out) < n:
        h = hashlib.sha256(h).digest()
        out += h + block
    return Entry("pkg/big.bin", bytes(out[:n]), method)
