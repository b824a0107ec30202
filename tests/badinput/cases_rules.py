"""Cases with rules 3: what is inside the wheel: RECORD, entry points, METADATA, WHEEL, `.dist-info`, `.data`, the rest."""
import base64
import hashlib

from corpus import NOTED, R, both, esc
from ziplow import DIR, STORED, Entry, record_line


def cases():
    records()
    entry_points()
    metadata()
    requirements()
    fields()
    wheel_files()
    dist_info()
    data_folders()
    contents()


def records():
    mismatch, invalid = "!REC-02 record-mismatch", "!REC-02 record-invalid"
    lost, unknown = "!REC-01 record-mismatch", "!REC-01 record-invalid"

    def A(cid, what, edit, rules="", mirror=NOTED, **kw):
        cid = "rc-" + cid
        R(cid, what, rules, mirror, record_edit=lambda ls: edit(ls, esc("r-" + cid) + "/__init__.py"), **kw)
    line = lambda path, alg: record_line(path, b"ANSWER = 42\n", alg)
    for alg in ("sha3_256", "sha224", "blake2b", "sha512_256"):
        A(alg.replace("_", "-"), "hashed with " + alg, lambda ls, p, alg=alg: ["%s,%s=AAAA,12" % (p, alg)] + ls[1:], invalid)
    A("alg-upper", "`SHA256=`", lambda ls, p: [ls[0].replace("sha256", "SHA256")] + ls[1:], invalid)
    A("alg-none", "a digest without the name of its algorithm", lambda ls, p: [ls[0].replace("sha256=", "")] + ls[1:], invalid)
    A("padded", "base64 with padding", lambda ls, p: [ls[0].replace(",12", "=,12")] + ls[1:])
    A("base64-std", "the other alphabet of base64", lambda ls, p: [_standard(p)] + ls[1:], mismatch, files={esc("r-rc-base64-std") + "/__init__.py": _awkward()})
    A("digest-short", "a digest of 31 bytes", lambda ls, p: [p + ",sha256=" + "A" * 42 + ",12"] + ls[1:], mismatch)
    A("digest-empty", "an empty digest", lambda ls, p: [p + ",sha256=,12"] + ls[1:], mismatch)
    A("digest-other-alg", "a right SHA-256 called sha512", lambda ls, p: [ls[0].replace("sha256", "sha512")] + ls[1:], mismatch)
    A("size-zero-lead", "a size with leading zeros", lambda ls, p: [ls[0].replace(",12", ",0012")] + ls[1:])
    for cid, size in (("space", " 12"), ("plus", "+12"), ("minus", "-12"), ("float", "12.0"), ("hex", "0xc"), ("exp", "1e1"), ("huge", "9" * 20)):
        A("size-" + cid, "a size written %r" % size, lambda ls, p, size=size: [ls[0][:-2] + size] + ls[1:], mismatch)
    A("size-other", "another size", lambda ls, p: [ls[0][:-2] + "13"] + ls[1:], mismatch)
    A("size-and-digest", "another size and another digest: both are told", lambda ls, p: [record_line(p, b"OTHER = 1234\n")] + ls[1:], mismatch + ", " + mismatch)
    A("rows-blank", "empty lines between rows: pip stops", lambda ls, p: [ls[0], "", ""] + ls[1:], unknown)
    A("rows-blank-end", "an empty line at the end: pip stops", lambda ls, p: ls + [""], unknown)
    A("quoted", "all fields in quotes", lambda ls, p: ['"%s"' % '","'.join(row.split(",")) for row in ls])
    A("mixed-ends", "line ends of two kinds", lambda ls, p: [ls[0] + "\r"] + ls[1:])
    A("header", "a first line that names the columns", lambda ls, p: ["path,hash,size"] + ls, invalid + ", " + lost)
    A("comment", "a comment", lambda ls, p: ["# written by x"] + ls, unknown + ", " + lost)
    A("bom", "a byte order mark", lambda ls, p: ["\ufeff" + ls[0]] + ls[1:], lost + ", " + lost)
    A("cr", "old line ends of macOS", lambda ls, p: ["\r".join(ls)], unknown)
    A("four", "a fourth column", lambda ls, p: [ls[0] + ",x"] + ls[1:], unknown)
    A("two", "two columns", lambda ls, p: [ls[0].rsplit(",", 1)[0]] + ls[1:], unknown)
    A("semicolons", "semicolons", lambda ls, p: [row.replace(",", ";") for row in ls], ", ".join([unknown] * 4 + [lost] * 7))
    A("tabs", "tabs", lambda ls, p: [ls[0].replace(",", "\t")] + ls[1:], unknown + ", " + lost + ", " + lost)
    A("quote-open", "a quote that is not closed", lambda ls, p: ls[:-1] + ['"' + ls[-1]], unknown)
    A("quote-tail", "letters behind a closing quote", lambda ls, p: ['"%s"x,,' % p] + ls[1:], unknown)
    A("self-missing", "RECORD does not list itself", lambda ls, p: ls[:-1])
    A("self-hash", "RECORD lists itself with a digest", lambda ls, p: ls[:-1] + [ls[-1].replace(",,", ",sha256=AAAA,5")])
    A("twice-same", "one row twice", lambda ls, p: ls + [ls[0]], unknown)
    A("twice-three", "one row three times", lambda ls, p: ls + [ls[0]] * 2, unknown + ", " + unknown)
    A("twice-forms", "one path in two forms", lambda ls, p: ls + ["./" + ls[0]], unknown)
    A("no-hash-two", "two rows without a digest: both are told", lambda ls, p: [row.split(",")[0] + ",," for row in ls[:2]] + ls[2:], invalid + ", " + invalid)
    A("faults-and-hashes", "a row that breaks a rule does not hide that another digest is wrong", lambda ls, p: [
        p + ",md5=x,12", ls[1].rsplit(",", 1)[0] + ",1"] + ls[2:], invalid + ", " + mismatch)
    A("lists-folder", "a folder is listed", lambda ls, p: ls + [p.split("/")[0] + "/,,"], invalid + ", " + lost)
    A("dot", "a path with ./", lambda ls, p: ["./" + ls[0]] + ls[1:], "!REC-04 record-invalid")
    A("backslash", "a path with backslashes", lambda ls, p: [ls[0].replace("/", "\\")] + ls[1:], "!REC-04 record-invalid")
    for cid, path in (("up", "../x"), ("up-deep", "a/../../x"), ("up-inside", "a/../b"), ("abs", "/etc/x"), ("drive", "C:/x"), ("back-up", "..\\x"), ("empty", "")):
        A("path-" + cid, "lists %r" % path, lambda ls, p, path=path: ls + [path + ",,"], "!REC-04 record-invalid")
    for cid, path in (("ghost", "ghost.py"), ("case", "GHOST.py"), ("home", "~/.profile"), ("space", "ghost.py "), ("installer", "{}/INSTALLER"), ("nul", "a\0b")):
        A("lists-" + cid, "lists %r, which is not there" % path, lambda ls, p, path=path: ls + [
            "%s,sha256=%s,0" % (path.replace("{}", p.split("/")[0] + "-1.0.dist-info"), "A" * 43)], lost)
    A("case", "a path in another case", lambda ls, p: [ls[0].replace("__init__", "__INIT__")] + ls[1:], lost + ", " + lost)
    A("percent", "a path in percent encoding", lambda ls, p: [ls[0].replace("/", "%2f")] + ls[1:], lost + ", " + lost)
    A("double-slash", "a path with two slashes", lambda ls, p: [ls[0].replace("/", "//")] + ls[1:], lost + ", " + lost)
    A("nfd", "a path in another Unicode form", lambda ls, p: [ls[0].replace("\u00e9", "e\u0301")] + ls[1:], lost + ", " + lost,
      files={"caf\u00e9.py": b"ANSWER = 42\n"})
    A("unlisted-two", "two files are not listed: both are told", lambda ls, p: ls[2:], lost + ", " + lost, files={"a.py": b"", "b.py": b""})
    A("unlisted-metadata", "METADATA is not listed", lambda ls, p: [ls[0]] + ls[2:], lost)
    R("rc-utf16", "RECORD in UTF-16", unknown, NOTED, record="a,,\n".encode("utf-16"))
    R("rc-binary", "RECORD is binary", unknown, NOTED, record=bytes(range(256)))
    R("rc-folder", "RECORD is a folder", "!WHL-11 record-invalid", drop=("RECORD",),
      entries=lambda es: es.append(Entry(esc("r-rc-folder") + "-1.0.dist-info/RECORD/", b"", STORED, DIR)))
    R("rc-lower", "`record` in lower case", "!WHL-11 record-invalid", drop=("RECORD",), dist_files={"record": "x"})


def _awkward():
    """Content whose digest has a letter that differs between the two alphabets."""
    return next(c for c in (b"A = %d\n" % i for i in range(100)) if set(b"+/") & set(base64.b64encode(hashlib.sha256(c).digest())))


def _standard(path):
    content = _awkward()
    return "%s,sha256=%s,%d" % (path, base64.b64encode(hashlib.sha256(content).digest()).decode().rstrip("="), len(content))


def entry_points():
    bad = "!EPT-01 entry-points-invalid"

    def A(cid, what, text, rules="", mirror=None):
        R("ep-" + cid, what, rules, mirror or (NOTED if rules.startswith("!") else None), dist_files={"entry_points.txt": text})
    script = lambda cid, what, entry, rules="": A(cid, what, "[console_scripts]\n%s\n" % entry, rules)
    for number, entry in enumerate((
            "x = m:f", "x=m:f", "x\t=\tm:f", "x = m.n:f.g", "-x = m:f", ".x = m:f", "x.y-z_1 = m:f", "\u00e9 = m:f", "x = m:f [a]", "x = m:f[a,b]",
            "x = m:f [a, b]", "x = _m:_f", "x = m\u00f3dulo:f", "  x = m:f", "pip = m:f", "pythonic = m:f", "x = m:f   ",
            "con = m:f", "X = m:f")):
        script("ok-%02d" % number, "script `%s`" % entry.replace("\n", "\\n"), entry)
    for number, entry in enumerate((
            "a b = m:f", "a/b = m:f", "a\\b = m:f", "../x = m:f", "/x = m:f", "a:b = m:f", "a\tb = m:f", ". = m:f", ".. = m:f", "... = m:f", "$x = m:f",
            "x; = m:f", "'x' = m:f", "x\u200b = m:f", "x\u202e = m:f", "x\u00a0y = m:f", "= m:f", "x", "x =", "x = m", "x = m:", "x = :f", "x = m:f:g", "x = m:f()",
            "x = m:f # why", "x = m:f ; why", "x == m:f", "x = m-n:f", "x = m:f-g", "x = 1m:f", "x = m..n:f", "x = .m:f", "x = m/n:f", "x = m:f [", "x = m:f ]",
            "x = m:f [a] [b]", "x = m:f [a;b]", "x = m f:g", "x = \"m:f\"", "x = m:f\nx = m:g", "python = m:f", "python3 = m:f", "python3.12 = m:f",
            "pythonw = m:f", "PYTHON.EXE = m:f", "x : m:f", "x = m : f", "x = m: f", "x = m:f\n y = n:g", "x =\n  m:f", "x\x01 = m:f")):
        script("no-%02d" % number, "script %.40r" % entry, entry, bad)
    A("empty", "an empty file", "")
    A("comments", "only comments", "# x\n; y\n")
    A("crlf", "line ends of Windows", "[console_scripts]\r\nx = m:f\r\n")
    A("no-end", "no line end at the end", "[console_scripts]\nx = m:f")
    A("plugins", "other groups with names and values of their own kind", "[a.b]\nsome name = m\nother:one = m:f [x]\nthird = anything at all\n")
    A("plugin-folded", "a plug-in that goes on in the next line: pip stops", "[a]\nx =\n  m\n  n\n", bad)
    A("group-space", "a section with spaces is another section", "[ console_scripts ]\n../x = y\n")
    A("case", "scripts that differ in case are noted", "[console_scripts]\nTool = m:f\ntool = m:g\n", "EPT-01 entry-points-invalid")
    A("both-groups", "one script in both groups is noted", "[console_scripts]\nx = m:f\n[gui_scripts]\nx = m:g\n", "EPT-01 entry-points-invalid")
    A("gui-bad", "a bad script in the other group", "[gui_scripts]\nx = m\n", bad)
    A("two-bad", "two bad scripts: both are told", "[console_scripts]\na b = m:f\nx = m\n", bad + ", " + bad)
    A("default", "a section whose entries count for all others", "[DEFAULT]\nx = m:f\n", bad)
    A("section-twice", "another section twice", "[a]\nx = m\n[a]\ny = n\n", bad)
    A("section-none", "an entry before any section", "x = m:f\n", bad)
    A("section-open", "a section without its bracket", "[console_scripts\nx = m:f\n", bad)
    A("section-empty", "a section without a name", "[]\nx = m:f\n", bad)
    A("plugin-twice", "a plug-in twice", "[a]\nx = m\nx = n\n", bad)
    A("plugin-bare", "a plug-in without a value", "[a]\nx\n", bad)
    A("bom", "a byte order mark", "\ufeff[console_scripts]\nx = m:f\n", bad)
    A("cr", "old line ends of macOS", "[console_scripts]\rx = m:f\r", bad)
    A("utf16", "UTF-16", "[console_scripts]\nx = m:f\n".encode("utf-16"), bad)
    A("nul", "a zero", "[console_scripts]\nx = m:f\0\n", bad)
    R("ep-large", "entry points of 2 MiB", "!ZIP-01 entry-points-invalid", dist_files={"entry_points.txt": "# " + "x" * (2 << 20) + "\n"})


def metadata():
    head = "Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n"

    def A(cid, what, text, rules=""):
        if isinstance(text, str):
            text = text.replace("{}", head % ("bi-r-md-" + cid))
        R("md-" + cid, what, rules, metadata=text)
    form = "!MET-02 metadata-invalid"
    for encoding in ("utf-16", "utf-32", "utf-16-le"):
        A(encoding, encoding, (head % "x").encode(encoding), form)
    A("cp1252", "a quote of Windows", (head % "bi-r-md-cp1252").encode() + b"Author: \x93x\x94\n", form)
    A("overlong", "an overlong form of UTF-8", (head % "bi-r-md-overlong").encode() + b"Author: \xc0\x80\n", form)
    A("surrogate", "a surrogate", (head % "bi-r-md-surrogate").encode() + b"Author: \xed\xa0\x80\n", form)
    A("body-latin", "a description that is not UTF-8", (head % "bi-r-md-body-latin").encode() + b"\ncaf\xe9\n", form)
    A("body-nul", "a zero in the description", "{}\na\0b\n", form)
    A("space-colon", "a space before the colon", "{}Author : x\n", form)
    A("name-space", "a space in the name of a field", "{}My Field: x\n", form)
    A("name-unicode", "a letter outside ASCII in the name of a field", "{}Auth\u00f6r: x\n", form)
    A("name-empty", "a field without a name", "{}: x\n", form)
    A("fold-first", "a continuation line first", " x\n{}", form)
    A("from", "the first line of a mailbox", "From x\n{}", form)
    A("json", "JSON", '{\n"name": "x"\n}\n', form)
    A("blank-first", "an empty line first", "\n{}", "!MET-04 metadata-invalid, !MET-04 metadata-invalid, !MET-04 metadata-invalid")
    A("empty", "no bytes at all", "", form)
    A("tab-fold", "continuation by a tab", "{}License: a\n\tb\n")
    A("spaces", "spaces around values", "{}Author:    x   \n")
    A("no-space", "no space behind the colon", "{}Author:x\n")
    A("upper", "names of fields in capitals", "METADATA-VERSION: 2.1\nNAME: bi-r-md-upper\nVERSION: 1.0\n")
    A("order", "another order", "Version: 1.0\nName: bi-r-md-order\nSummary: x\nMetadata-Version: 2.1\n")
    A("long-line", "a line of 1 MB", "{}License: " + "x" * 1000000 + "\n")
    A("unknown-empty", "values UNKNOWN and nothing", "{}License: UNKNOWN\nHome-page: UNKNOWN\nAuthor:\nPlatform: UNKNOWN\n")
    A("body-fields", "a description that looks like fields", "{}\nName: other\nRequires-Dist: evil\n")
    A("body-crlf", "a description with two kinds of line ends", "{}\na\r\nb\nc\r\n")
    for name in ("Summary", "Author", "License", "Home-page", "Keywords", "Requires-Python", "Description-Content-Type"):
        value = ">=3" if name == "Requires-Python" else "text/plain" if name.startswith("Desc") else "x"
        A("twice-" + name.lower(), name + " twice", "{}" + ("%s: %s\n" % (name, value)) * 2, form)
    A("twice-metadata-version", "Metadata-Version twice", "{}Metadata-Version: 2.1\n", form)
    for name in ("Requires-Dist", "Requires-Python", "Provides-Extra", "License-File", "Dynamic"):
        value = {"Requires-Dist": "six\n >=1", "Requires-Python": ">=3,\n <4", "Provides-Extra": "a\n b", "License-File": "a\n b", "Dynamic": "Summary\n x"}[name]
        extra = {"Provides-Extra": ", MET-04 metadata-invalid", "Dynamic": ", MET-04 metadata-invalid"}.get(name, "")
        if name == "Requires-Python":
            extra = ", !MET-04 metadata-invalid"
        A("folded-" + name.lower(), name + " on two lines", "{}%s: %s\n" % (name, value), form + extra)
    R("md-large", "METADATA of 9 MiB", "!ZIP-01 metadata-invalid", description="x" * (9 << 20))
    R("md-folder", "METADATA is a folder", "!WHL-11 metadata-missing", drop=("METADATA",),
      entries=lambda es: es.append(Entry(esc("r-md-folder") + "-1.0.dist-info/METADATA/", b"", STORED, DIR)))
    R("md-nothing", "METADATA, WHEEL and RECORD are missing from a folder that is there: all three are told",
      "!WHL-11 metadata-missing, !WHL-11 wheel-file-invalid, !WHL-11 record-invalid", drop=("METADATA", "WHEEL", "RECORD"), dist_files={"top_level.txt": "x\n"})


def requirements():
    bad = "!MET-04 metadata-invalid"
    for number, text in enumerate((
            "a", "A.b_c-d", "a[x]", "a[x,y]", "a [x] >= 1", "a[]", "a>=1,<2,!=1.5", "a (>=1)", "a(>=1,<2)", "a===1.0", "a~=1.4.2", "a==1.*", "a!=1.*",
            "a>=1.0.dev1", "a>=1!2.0", "a==1.0+local", "a;python_version<'3'", "a ; python_version < \"3\"", "a; extra == 'x'", "a; 'linux' in sys_platform",
            "a; sys_platform not in 'win32 cygwin'", "a; (os_name == 'nt' or os_name == 'posix') and python_version >= '3.8'",
            "a; python_full_version >= '3.8.1'", "a; implementation_name == 'cpython'", "a; platform_machine == 'x86_64'", "a; python_implementation != 'PyPy'",
            "a; os.name == 'nt'", "a; sys.platform == 'win32'", "a; platform.machine == 'x'", "a>=1; python_version in '2.7 3.3'", "a0", "0a", "a-b.c_d",
            "a>= 1 , < 2", "\ta\t")):
        R("rq-ok-%02d" % number, "Requires-Dist: %s" % text, extra_meta="Requires-Dist: %s\n" % text)
    for number, text in enumerate((
            "a>=", "a>1.0.*", "a~=1", "a==1.0.*.1", "a; ", "a; python_version", "a; foo == '1'", "a; python_version = '3'", "a[", "a[x", "a]x[", "a[x y]", "a b", "-a", "a-", ".a",
            "a>=1;;x", "a @", "a @ ../x", "./a", "../a", "a; python_version == '3' and", "a; and os_name == 'nt'", "a; (os_name == 'nt'", ">=1", "a=1", "a=>1", "a<>1", "a(>=1",
            "a>=1)", "a===1.0-odd", "a >= one", "*", "a; os_name == nt", "a; os_name == 'nt", "a; 'a' == 'b' or", "\u00e9", "a\u00e9", "a; python_version >= '3.8' xor os_name == 'x'",
            "git+https://files.example/x", "https://files.example/a.whl", "a @ https://files.example/a.whl", "a[x] @ file:///a.whl",
            "a @ git+https://files.example/x@main", "-e .", "-r x.txt", "a --hash=sha256:00", "a>=1 # why", "a; 'x' in extras", "a; 'x' in dependency_groups")):
        R("rq-no-%02d" % number, "Requires-Dist: %s" % text, bad, extra_meta="Requires-Dist: %s\n" % text)
    R("rq-two", "two bad requirements: both are told", bad + ", " + bad, extra_meta="Requires-Dist: a b\nRequires-Dist: six\nRequires-Dist: >=1\n")
    R("rq-long", "a requirement of 5,000 characters", bad, extra_meta="Requires-Dist: a[%s]\n" % ",".join("x%d" % i for i in range(900)))
    for depth, rules in ((50, ""), (51, bad)):
        R("rq-deep-%d" % depth, "%d brackets" % depth, rules, extra_meta="Requires-Dist: a; %sos_name == 'x'%s\n" % ("(" * depth, ")" * depth))
    R("rq-order", "a marker that compares text by order is noted", "MET-04 metadata-invalid", extra_meta="Requires-Dist: a; sys_platform >= 'linux'\n")
    for number, text in enumerate((">=3.8", ">=3.8,<4", "~=3.8", "!=3.0.*,>=2.7", "==3.*", ">= 3.8", ">=3.8, <4", "<4,>=3.8", "===3.11", ">3", ">=3.8.1", "<=3.99", ">=3.8,")):
        rules = "MET-04 metadata-invalid" if text.endswith(",") else ""
        R("py-ok-%02d" % number, "Requires-Python: %s" % text, rules, extra_meta="Requires-Python: %s\n" % text)
    for number, text in enumerate(("3.8", "=>3", "^3.8", "python>=3", ">=3;", "3", "three", ">=", ">=3.8 and <4", "~3.8", ">=3.8||<4", "'>=3'", ">=3.8<br>", "\u22653.8", "[3.8,)")):
        R("py-no-%02d" % number, "Requires-Python: %s" % text, bad, extra_meta="Requires-Python: %s\n" % text)


def fields():
    bad, note = "!MET-04 metadata-invalid", "MET-04 metadata-invalid"
    A = lambda cid, what, rules="", mirror=None, **kw: R("mf-" + cid, what, rules, mirror, **kw)
    for text in ("1.0", "1.1", "1.2", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6"):
        A("version-" + text.replace(".", "-"), "Metadata-Version " + text, meta_version=text)
    for text in ("2.7", "2.99"):
        A("version-" + text.replace(".", "-"), "Metadata-Version " + text, "MET-03 metadata-invalid", meta_version=text)
    for number, text in enumerate(("3.0", "0.9", "1.3", "2", "2.", "2.1.0", "v2.1", "two", "2,1", "\uff12.1", "2.1 beta", "-2.1")):
        A("version-no-%02d" % number, "Metadata-Version %s" % text, "!MET-03 metadata-invalid", meta_version=text)
    for cid, meta, rules in (("space", "bi x", "!MET-04 name-invalid"), ("trail", "bi-x-", "!MET-04 name-invalid"), ("empty", " ", bad),
                             ("unicode", "b\u0456-x", "!MET-04 name-invalid"), ("slash", "bi/x", "!MET-04 name-invalid"), ("long", "n" * 129, "!MET-04 name-invalid")):
        A("name-" + cid, "Name: %s" % meta[:30], rules, meta_name=meta)
    for cid, meta in (("text", "one"), ("empty", " "), ("url", "https://files.example"), ("local", "1.0+a..b")):
        A("ver-" + cid, "Version: %s" % meta, bad, meta_ver=meta)
    A("name-spelling", "Name in another spelling", meta_name="BI.R_mf--name.spelling", name="bi_r_mf_name_spelling")
    A("ver-spelling", "Version in another spelling", meta_ver="v1.0.0", version="1.0")
    A("extra-ok", "extras", extra_meta="Provides-Extra: fast\nProvides-Extra: all-of_it\nRequires-Dist: six; extra == 'fast'\n")
    A("extra-normal", "an extra that is not normalized, from 2.3 on", note, meta_version="2.3", extra_meta="Provides-Extra: All_Of.It\n")
    A("extra-twice", "one extra twice", note, extra_meta="Provides-Extra: a\nProvides-Extra: a\n")
    A("extra-old", "an odd extra in an old file", note, extra_meta="Provides-Extra: :python_version<'3'\n")
    A("extra-new", "the same in a new file", bad, meta_version="2.3", extra_meta="Provides-Extra: :python_version<'3'\n")
    for number, text in enumerate(("Summary", "Requires-Dist", "classifier", "License-File")):
        A("dynamic-%d" % number, "Dynamic: " + text, meta_version="2.2", extra_meta="Dynamic: %s\n" % text)
    for text in ("Version", "metadata-version"):
        A("dynamic-" + text.lower(), "Dynamic: " + text, bad, meta_version="2.2", extra_meta="Dynamic: %s\n" % text)
    A("dynamic-unknown", "Dynamic names no field", note, meta_version="2.2", extra_meta="Dynamic: Colour\n")
    for number, text in enumerate(("MIT", "mit or apache-2.0", "(MIT AND ISC) OR 0BSD", "GPL-2.0+ WITH Classpath-exception-2.0", "LicenseRef-Ours")):
        A("license-%d" % number, "License-Expression: " + text, meta_version="2.4", extra_meta="License-Expression: %s\n" % text)
    for number, text in enumerate(("MIT OR", "AND MIT", "MIT Apache", "(MIT", "MIT)", "MIT/ISC", "MIT, ISC", "WITH x", "LicenseRef-a_b", "MIT AND (ISC OR", "()")):
        A("license-no-%02d" % number, "License-Expression: " + text, bad, meta_version="2.4", extra_meta="License-Expression: %s\n" % text)
    A("license-file", "licence files that are there", meta_version="2.4", extra_meta="License-File: LICENSE\nLicense-File: vendor/x/COPYING\n",
      dist_files={"licenses/LICENSE": "x", "licenses/vendor/x/COPYING": "y"})
    A("license-file-old", "before 2.4 the field means nothing", extra_meta="License-File: LICENSE\n")
    A("license-file-place", "a licence file in another place", "!MET-04 metadata-invalid", "MET-04 metadata-invalid", meta_version="2.4",
      extra_meta="License-File: LICENSE\n", dist_files={"LICENSE": "x"})
    A("license-file-two", "two licence files that are not there", bad + ", " + bad, NOTED, meta_version="2.4", extra_meta="License-File: A\nLicense-File: B\n")
    for cid, path in (("up", "../LICENSE"), ("abs", "/LICENSE"), ("back", "a\\b"), ("drive", "C:/x"), ("dot", "./LICENSE"), ("glob-dots", "a//b")):
        A("license-path-" + cid, "License-File: " + path, bad, meta_version="2.4", extra_meta="License-File: %s\n" % path)
    for number, text in enumerate(("text/plain", "text/x-rst", "text/markdown", "text/markdown; charset=UTF-8", "text/markdown; charset=UTF-8; variant=GFM", "text/markdown; variant=CommonMark", "Text/Markdown")):
        A("content-%d" % number, "Description-Content-Type: " + text, extra_meta="Description-Content-Type: %s\n" % text, description="x\n")
    A("import-ok", "import names", meta_version="2.5", extra_meta="Import-Name: a.b\nImport-Name: _c ; private\nImport-Namespace: a\n")
    for number, text in enumerate(("a-b", "a..b", "1a", "a; public", ".a")):
        A("import-no-%d" % number, "Import-Name: " + text, bad, meta_version="2.5", extra_meta="Import-Name: %s\n" % text)
    A("url-label", "a label of 40 characters", note, extra_meta="Project-URL: %s, https://files.example\n" % ("x" * 40))
    A("url-comma", "no label", note, extra_meta="Project-URL: https://files.example\n")
    A("url-scheme", "an address that is no web page", note, extra_meta="Project-URL: Home, ftp://files.example\n")
    A("summary-long", "a summary of 600 characters", note, exclude_meta_lines=("Summary",), extra_meta="Summary: %s\n" % ("x" * 600))
    A("summary-two", "a summary of two lines", note, exclude_meta_lines=("Summary",), extra_meta="Summary: x\n y\n")
    A("several", "several faults of several sorts: all are told", ", ".join(["!MET-03 metadata-invalid"] + [bad] * 3), meta_version="9.9", meta_ver="x",
      extra_meta="Requires-Python: x\nRequires-Dist: a b\n")


def wheel_files():
    bad = "!WHL-12 wheel-file-invalid"
    good = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    A = lambda cid, what, text, rules="", mirror=None, **kw: R("wf-" + cid, what, rules, mirror, wheel=text, **kw)
    A("minor", "format 1.9 is noted", good.replace("1.0", "1.9"), "WHL-12 wheel-file-invalid")
    for number, text in enumerate(("2.0", "0.9", "1", "1.", "1.0.0", "one", "", "10.0", "1,0", "v1.0", "1.0 beta")):
        A("version-%02d" % number, "Wheel-Version: %s" % text, good.replace("1.0", text), bad)
    for number, text in enumerate(("True", "FALSE", "false")):
        A("root-%d" % number, "Root-Is-Purelib: " + text, good.replace("true", text))
    for number, text in enumerate(("yes", "1", "", "true false")):
        A("root-no-%d" % number, "Root-Is-Purelib: " + text, good.replace("true", text), bad)
    A("crlf", "line ends of Windows", good.replace("\n", "\r\n"))
    A("upper", "names of fields in capitals: uv does not find them", good.replace("Tag", "TAG").replace("Wheel-Version", "WHEEL-VERSION"), bad + ", " + bad)
    A("upper-other", "a field that decides nothing in capitals", good.replace("Generator", "GENERATOR"))
    A("no-generator", "no Generator", good.replace("Generator: x\n", ""))
    A("unknown", "an unknown field", good + "X-Built-On: host\n")
    A("tag-twice", "one tag twice", good + "Tag: py3-none-any\n")
    A("compressed", "tags as a set", good.replace("py3-", "py2.py3-"), tag="py2.py3-none-any")
    A("bom", "a byte order mark", "\ufeff" + good, bad)
    A("latin", "not UTF-8", good.encode() + b"X: \xe9\n", bad)
    A("utf16", "UTF-16", good.encode("utf-16"), bad)
    A("nul", "a zero", good + "X: a\0b\n", bad)
    A("json", "JSON", "{}\n", bad)
    A("no-colon", "a line without a colon", good + "hello\n", bad)
    A("behind-blank", "fields behind an empty line", good + "\nTag: cp312-cp312-win32\n", bad)
    A("version-twice", "Wheel-Version twice", good + "Wheel-Version: 1.0\n", bad)
    A("root-twice", "Root-Is-Purelib twice", good + "Root-Is-Purelib: false\n", bad)
    A("build-twice", "Build twice", good + "Build: 1\nBuild: 1\n", bad)
    A("nothing-right", "everything is missing: all is told", "X: y\n", ", ".join([bad] * 3))
    for number, text in enumerate(("py3", "py3-none", "py3-none-any-x", "py3--any", "py3-none-a ny", "")):
        rules = bad
        A("tag-no-%d" % number, "Tag: %s" % text, good.replace("py3-none-any", text), rules)
    for cid, tags in (("more", ["py3-none-any", "py2-none-any"]), ("other", ["py2-none-any"]), ("platform", ["py3-none-win32"])):
        A("differs-" + cid, "other tags than the file name", good.replace("Tag: py3-none-any\n", "".join("Tag: %s\n" % t for t in tags)),
          "!TAG-02 wheel-file-invalid", NOTED)
    A("large", "WHEEL of 2 MiB", good + "X: " + "x" * (2 << 20) + "\n", "!ZIP-01 wheel-file-invalid")


def dist_info():
    A = lambda cid, what, rules="", mirror=None, **kw: R("di-" + cid, what, rules, mirror, **kw)
    stem = lambda cid: esc("r-di-" + cid)
    folder = lambda name: lambda es: es.append(Entry(name, b"", STORED, DIR))
    A("empty-second", "an empty second .dist-info: pip counts it", "!WHL-10 dist-info-multiple", entries=folder("pip-1.0.dist-info/"))
    A("empty-egg", "an empty .egg-info beside it", "!WHL-10 dist-info-multiple", entries=folder("pip.egg-info/"))
    A("file-second", "a file called like a .dist-info", "!WHL-10 dist-info-multiple", files={"m.py": b"", "pip-1.0.dist-info": b"x"})
    A("upper", ".DIST-INFO in capitals: installers do not see it", "!WHL-10 dist-info-missing", dist_info=stem("upper") + "-1.0.DIST-INFO")
    A("mixed", ".Dist-Info: installers do not see it", "!WHL-10 dist-info-missing", dist_info=stem("mixed") + "-1.0.Dist-Info")
    A("no-version", "no version in the folder", "!WHL-10 metadata-mismatch", dist_info=stem("no-version") + ".dist-info")
    A("no-name", "no name in the folder", "!WHL-10 metadata-mismatch", dist_info="-1.0.dist-info")
    A("nothing", "nothing before .dist-info", "!WHL-10 metadata-mismatch", dist_info=".dist-info")
    A("prefix", "a name that only starts like the project", "!WHL-10 metadata-mismatch", dist_info=stem("prefix") + "x-1.0.dist-info")
    A("dot-name", "the name with dots", "WHL-10 dist-info-denormalized", dist_info=stem("dot-name").replace("_", ".") + "-1.0.dist-info")
    A("capitals", "the name in capitals", "WHL-10 dist-info-denormalized", dist_info=stem("capitals").upper() + "-1.0.dist-info")
    A("three", "three folders", "!WHL-10 dist-info-multiple", files={"m.py": b"", "a-1.dist-info/x": b"", "b-1.dist-info/x": b""})
    A("nested-second", "a .dist-info inside a package is data", files={"pkg/other-1.0.dist-info/METADATA": b"x"})
    A("nested-egg", "an .egg-info inside a package is data", files={"pkg/other.egg-info/PKG-INFO": b"x"})
    A("lower-metadata", "`metadata` in lower case", "!WHL-11 metadata-missing", drop=("METADATA",), dist_files={"metadata": "x"})
    A("lower-wheel", "`wheel` in lower case", "!WHL-11 wheel-file-invalid", drop=("WHEEL",), dist_files={"wheel": "x"})
    for name in ("INSTALLER", "REQUESTED", "direct_url.json"):
        A(name.lower().replace(".", "-").replace("_", "-"), name + " in the archive", "!WHL-16 dist-info-invalid", NOTED, dist_files={name: "x"})
    A("all-three", "all of them: each is told", ", ".join(["!WHL-16 dist-info-invalid"] * 3), NOTED,
      dist_files={"INSTALLER": "x", "REQUESTED": "", "direct_url.json": "{}"})
    A("top-level", "files of old builders", dist_files={"top_level.txt": "m\n", "zip-safe": "\n", "namespace_packages.txt": "x\n", "dependency_links.txt": "\n", "pbr.json": "{}"})
    A("licenses", "licence folders, new and old", dist_files={"licenses/a": "x", "license_files/b": "x", "LICENSES/c": "x"})
    for cid, name, text in (("cdx", "a.cdx.json", '{"bomFormat": "CycloneDX"}'), ("cdx-xml", "a.xml", '<bom xmlns="http://cyclonedx.org/schema/bom/1.5"/>'),
                            ("spdx", "a.spdx.json", '{"spdxVersion": "SPDX-2.3"}'), ("spdx-tag", "a.spdx", "SPDXVersion: SPDX-2.3\n"),
                            ("spdx-3", "a.json", '{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}')):
        A("sbom-" + cid, "an SBOM: " + name, dist_files={"sboms/" + name: text})
    A("sbom-other", "something else among the SBOMs is noted", "WHL-15 sbom-unknown", dist_files={"sboms/readme.txt": "hello"})
    A("sbom-two", "two other things: one note", "WHL-15 sbom-unknown", dist_files={"sboms/readme.txt": "hello", "sboms/x.json": "[]"})
    A("folder", "an unknown folder is noted", "WHL-15 dist-info-folder", dist_files={"stuff/a": "x", "stuff/b": "x"})
    A("folders", "two unknown folders: two notes", "WHL-15 dist-info-folder, WHL-15 dist-info-folder", dist_files={"stuff/a": "x", "more/b/c": "x"})


def data_folders():
    bad = "!WHL-13 data-dir-invalid"

    def A(cid, what, paths, rules="", mirror=None, content=b"#!python\n"):
        folder = esc("r-dd-" + cid) + "-1.0.data/"
        R("dd-" + cid, what, rules, mirror or (NOTED if rules.startswith("!") else None), files={
            "m.py": b"", **{path.replace("{}", folder): content for path in paths}})
    A("all", "all schemes", ["{}purelib/a.py", "{}platlib/b.py", "{}headers/c.h", "{}scripts/d", "{}data/e"])
    A("deep", "sub-folders where they may be", ["{}purelib/p/q/a.py", "{}headers/p/c.h", "{}data/share/man/man1/x.1"])
    A("script-names", "odd names of scripts", ["{}scripts/.hidden", "{}scripts/a b", "{}scripts/pythonic", "{}scripts/x.exe"])
    for number, scheme in enumerate(("Scripts", "PURELIB", "lib", "stdlib", "include", "platinclude", "etc", "bin", " purelib2")):
        A("scheme-%d" % number, "scheme %r" % scheme, ["{}%s/x" % scheme], bad)
    A("direct", "a file directly in .data", ["{}x"], bad)
    A("scheme-file", "a scheme that is a file", ["{}scripts"], bad)
    for number, name in enumerate(("sub/x", "sub/python", "a/b/c")):
        A("script-folder-%d" % number, "scripts/%s" % name, ["{}scripts/" + name], bad)
    for number, name in enumerate(("python", "python3", "python3.13", "pythonw", "python.exe", "PYTHON3.EXE", "Pythonw.exe")):
        A("interpreter-%d" % number, "scripts/%s" % name, ["{}scripts/" + name], bad)
    for number, name in enumerate(("other-1.0.data/purelib/x", "x.data/purelib/x", "X.DATA/y", ".data/scripts/x")):
        A("other-%d" % number, name, [name], bad)
    A("three", "three faults: each is told", ["{}x", "{}lib/y", "{}scripts/python"], ", ".join([bad] * 3))
    A("nested", "a .data folder inside a package is data", ["pkg/x.data/lib/y"])
    A("pth", "a .pth file in purelib is noted", ["{}purelib/x.pth"], "WHL-14 pth-file")
    A("site", "sitecustomize in platlib is noted", ["{}platlib/sitecustomize.py"], "WHL-14 code-at-start")


def contents():
    A = lambda cid, what, rules="", mirror=None, **kw: R("ct-" + cid, what, rules, mirror, **kw)
    elf, mach, fat, pe = b"\x7fELF\2\1\1", b"\xcf\xfa\xed\xfe\7", b"\xca\xfe\xba\xbe\0", b"MZ\x90\0"
    A("pth", ".pth files are noted", "WHL-14 pth-file, WHL-14 pth-file", files={"a.pth": b"", "b.pth": b"import x\n"})
    A("pth-nested", ".pth files in a package do nothing", files={"pkg/a.pth": b"import x\n"})
    A("site", "sitecustomize and usercustomize are noted", "WHL-14 code-at-start, WHL-14 code-at-start", files={"sitecustomize.py": b"", "usercustomize.py": b""})
    A("site-package", "sitecustomize as a package is noted", "WHL-14 code-at-start", files={"sitecustomize/__init__.py": b"", "sitecustomize/x.py": b""})
    A("setup", "setup.py at the root is noted", "WHL-14 setup-at-root", files={"setup.py": b""})
    A("setup-nested", "setup.py in a package", files={"pkg/setup.py": b""})
    A("pyc", "compiled code with its source", files={"a.py": b"", "a.pyc": b"x", "p/b.py": b"", "p/__pycache__/b.cpython-312.pyc": b"x"})
    A("pyc-alone", "compiled code without source is noted", "WHL-14 code-without-source", files={"a.pyc": b"x"})
    A("pyc-cache", "a cache without source is noted once", "WHL-14 code-without-source", files={"p/__pycache__/b.cpython-312.pyc": b"x", "p/__pycache__/c.cpython-312.pyc": b"x"})
    for cid, tag, name, content in (("elf", "cp312-cp312-manylinux_2_17_x86_64", "a.cpython-312-x86_64-linux-gnu.so", elf), ("mach", "cp312-cp312-macosx_11_0_arm64", "a.so", mach),
                                    ("fat", "cp312-cp312-macosx_10_9_universal2", "a.dylib", fat), ("pe", "cp312-cp312-win_amd64", "a.pyd", pe),
                                    ("versioned", "py3-none-manylinux_2_17_x86_64", "lib/liba.so.1.2", elf), ("wasm", "cp313-cp313-pyemscripten_2025_0_wasm32", "a.so", b"\0asm\1")):
        A("native-" + cid, "native code under its tag: " + name, tag=tag, files={"m.py": b"", "x/" + name: content})
    A("native-pure", "native code in a wheel for any platform is noted", "WHL-14 native-in-pure", files={"x/a.so": elf})
    A("native-text", "text called .so is noted", "WHL-14 native-unknown", tag="cp312-cp312-win32", files={"x/a.so": b"/* GNU ld script */\n"})
    A("native-empty", "an empty .dll is noted", "WHL-14 native-unknown", tag="cp312-cp312-win32", files={"x/a.dll": b""})
    A("native-two", "both at once", "WHL-14 native-in-pure, WHL-14 native-unknown", files={"x/a.so": b"text", "x/b.so": elf})
    A("none", "nothing but metadata", files={})
    A("wheel-inside", "a wheel inside a wheel", files={"pkg/x-1.0-py3-none-any.whl": b"PK\3\4"})
    A("large-file", "a file of 20 MiB that does not pack", files={"pkg/noise": b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(20 << 15))})
    A("everything", "one fault of each sort: all are told in one answer",
      "!REC-02 record-mismatch, !WHL-16 dist-info-invalid, !WHL-13 data-dir-invalid, !TAG-02 wheel-file-invalid, !EPT-01 entry-points-invalid, "
      "!MET-04 metadata-invalid, WHL-14 pth-file, WHL-15 dist-info-folder",
      "REC-02 record-mismatch, WHL-16 dist-info-invalid, WHL-13 data-dir-invalid, TAG-02 wheel-file-invalid, EPT-01 entry-points-invalid, "
      "!MET-04 metadata-invalid, WHL-14 pth-file, WHL-15 dist-info-folder",
      files={"m.py": b"", "x.pth": b"", esc("r-ct-everything") + "-1.0.data/lib/y": b""}, wheel="Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\n",
      dist_files={"entry_points.txt": "[console_scripts]\nx = m\n", "INSTALLER": "pip", "odd/x": ""}, extra_meta="Requires-Dist: a b\n",
      record_edit=lambda ls: [ls[0] + "9"] + ls[1:])
