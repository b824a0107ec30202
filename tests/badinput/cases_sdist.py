"""Cases with rules 4: source distributions."""
import gzip
import io
import tarfile
import zlib

from corpus import R, esc, gz, tar, tinfo

INFO = b"Metadata-Version: 2.2\nName: %s\nVersion: %s\n"


def cases():
    members()
    archives()
    names_and_metadata()


def S(cid, what, rules="", items=(), *, version="1.0", folder=None, info=None, filename=None, raw=None, fmt=tarfile.PAX_FORMAT):
    """An sdist with PKG-INFO and `items`; `{}` in a name is its folder."""
    stem = esc("r-sd-" + cid)
    top = folder or "%s-%s" % (stem, version)
    info = INFO % (stem.replace("_", "-").encode(), version.encode()) if info is None else info
    if raw is None:
        listed = [(top + "/PKG-INFO", info)] if info else []
        for item in items:
            if isinstance(item, tuple):
                listed.append((item[0].replace("{}", top), item[1]))
            else:
                item.name, item.linkname = item.name.replace("{}", top), item.linkname.replace("{}", top)
                listed.append(item)
        raw = gz(tar(listed, fmt))
    R("sd-" + cid, what, rules, data=raw, filename=filename or "%s-%s.tar.gz" % (stem, version))


def link(name, target, type_=tarfile.SYMTYPE):
    return tinfo(name, type_=type_, link=target)


def members():
    S("plain", "the plain sdist all others are built from", items=[("{}/pyproject.toml", b"[build-system]\n"), ("{}/a/b.py", b"1\n")])
    S("folders", "folders with entries of their own", items=[tinfo("{}/a/", type_=tarfile.DIRTYPE), ("{}/a/b", b"1")])
    S("long-pax", "a path of 300 characters", items=[("{}/" + "long/" * 60 + "x", b"1")])
    S("long-gnu", "a path of 300 characters, as GNU tar writes it", items=[("{}/" + "long/" * 60 + "x", b"1")], fmt=tarfile.GNU_FORMAT)
    S("long-link-gnu", "a link target of 200 characters, as GNU tar writes it", fmt=tarfile.GNU_FORMAT,
      items=[link("{}/l", "t/" * 100 + "x")])
    S("ustar", "the old format", items=[("{}/a", b"1")], fmt=tarfile.USTAR_FORMAT)
    S("unicode", "names in several scripts", items=[("{}/\u6570\u636e.py", b"1"), ("{}/caf\u00e9", b"2")])
    S("odd-names", "names that Windows does not take: nothing is unpacked here", items=[("{}/aux", b"1"), ("{}/a:b", b"2")])
    S("link-inside", "links that stay inside", items=[link("{}/a", "b"), link("{}/d/a", "../PKG-INFO"), link("{}/h", "{}/PKG-INFO", tarfile.LNKTYPE)])
    S("executable", "an executable file", items=[tinfo("{}/configure", mode=0o755)])
    for cid, target in (("up", "../x"), ("abs", "/etc/passwd"), ("climb", "a/../../x"), ("top", "../"), ("out-in", "../{}/x")):
        S("link-" + cid, "a symbolic link to %s" % target, "!SDT-LINK archive-unsafe", [link("{}/l", target)])
    for cid, target in (("hard-up", "../x"), ("hard-abs", "/etc/passwd"), ("hard-other", "{}/../x")):
        S("link-" + cid, "a hard link to %s" % target, "!SDT-LINK archive-unsafe", [link("{}/l", target, tarfile.LNKTYPE)])
    for cid, kind in (("fifo", tarfile.FIFOTYPE), ("char", tarfile.CHRTYPE), ("block", tarfile.BLKTYPE), ("cont", tarfile.CONTTYPE),
                      ("unknown", b"Z"), ("volume", b"V")):
        S("type-" + cid, "a member of type %r" % kind, "!TAR-TYPE archive-unsafe", [tinfo("{}/x", type_=kind)])
    S("type-sparse", "a sparse member of GNU tar", "!TAR-TYPE archive-unsafe", [tinfo("{}/x", type_=tarfile.GNUTYPE_SPARSE)])
    sparse = tinfo("{}/x")
    sparse.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x"}
    S("type-sparse-pax", "a sparse member in pax form", "!TAR-TYPE archive-unsafe", [sparse])
    for cid, name in (("up", "{}/../../x"), ("abs", "/tmp/x"), ("mid", "{}/a/../b"), ("dots", "..")):
        S("name-" + cid, "a member called %s" % name, "!TAR-NAME archive-unsafe", [(name, b"1")])
    S("name-second-top", "a second folder at the top", "!SDT-TOP archive-unsafe", [("other/x", b"1")])
    S("name-file-top", "a file beside the folder", "!SDT-TOP archive-unsafe", [("setup.py", b"1")])
    S("name-dot-slash", "names that start with ./", items=[("./{}/a", b"1")])
    S("info-missing", "no PKG-INFO", "!SDT-PKG-INFO archive-unsafe", [("{}/setup.py", b"1")], info=b"")
    S("info-nested", "PKG-INFO in a sub-folder only", "!SDT-PKG-INFO archive-unsafe", [("{}/x.egg-info/PKG-INFO", b"1")], info=b"")
    S("info-twice", "PKG-INFO twice", "!SDT-PKG-INFO archive-unsafe", [("{}/PKG-INFO", b"Metadata-Version: 2.2\nName: evil\nVersion: 1\n")])
    S("info-link", "PKG-INFO is a link", "!SDT-PKG-INFO archive-unsafe", [("{}/x", b"1"), link("{}/PKG-INFO", "x")], info=b"")
    S("info-case", "pkg-info in lower case", "!SDT-PKG-INFO archive-unsafe", [("{}/pkg-info", b"1")], info=b"")
    S("many", "several faults: each is told with its member", "!SDT-LINK archive-unsafe, !TAR-TYPE archive-unsafe, !SDT-TOP archive-unsafe, "
      "!TAR-NAME archive-unsafe, !WHL-03 metadata-mismatch", [link("{}/l", "/x"), tinfo("{}/p", type_=tarfile.FIFOTYPE), ("o/x", b""), ("/y", b"")],
      info=INFO % (b"other", b"1.0"))


def archives():
    top = lambda cid: "%s-1.0" % esc("r-sd-" + cid)
    info = lambda cid: (top(cid) + "/PKG-INFO", INFO % (esc("r-sd-" + cid).replace("_", "-").encode(), b"1.0"))
    whole = lambda cid: tar([info(cid)])
    damaged = "!TAR-DAMAGED archive-damaged"
    S("gzip-none", "a tar without gzip", damaged, raw=whole("gzip-none"))
    S("gzip-text", "plain text", damaged, raw=b"hello\n" * 99)
    S("gzip-empty", "empty file", damaged, raw=b"")
    S("gzip-cut", "cut in the middle", damaged, raw=gz(whole("gzip-cut"))[:-30])
    S("gzip-crc", "wrong checksum of gzip", damaged, raw=gz(whole("gzip-crc"))[:-8] + b"\0\0\0\0" + gz(whole("gzip-crc"))[-4:])
    S("gzip-length", "wrong length of gzip", damaged, raw=gz(whole("gzip-length"))[:-4] + b"\0\0\0\1")
    S("gzip-tail", "bytes behind gzip", "!TAR-TRAILING archive-unsafe", raw=gz(whole("gzip-tail")) + b"tail")
    S("gzip-zeros", "zeros behind gzip", "!TAR-TRAILING archive-unsafe", raw=gz(whole("gzip-zeros")) + b"\0" * 512)
    S("gzip-two", "a second gzip member", "!TAR-TRAILING archive-unsafe", raw=gz(whole("gzip-two")) * 2)
    S("gzip-zlib", "zlib instead of gzip", damaged, raw=zlib.compress(whole("gzip-zlib")))
    S("gzip-bz2", "bzip2 instead of gzip", damaged, raw=b"BZh91AY&SY" + b"\0" * 60)
    named = io.BytesIO()
    with gzip.GzipFile("inner.tar", "wb", fileobj=named, mtime=1) as f:
        f.write(whole("gzip-name"))
    S("gzip-name", "gzip with a file name and a time inside", raw=named.getvalue())
    S("tar-empty", "a tar without members", "!SDT-PKG-INFO archive-unsafe", raw=gz(b"\0" * 10240))
    S("tar-no-end", "no end mark", damaged, raw=gz(whole("tar-no-end").rstrip(b"\0") + b"\0" * (-len(whole("tar-no-end").rstrip(b"\0")) % 512)))
    S("tar-half-end", "half an end mark", damaged, raw=gz(_blocks(whole("tar-half-end")) + b"\0" * 512))
    S("tar-after-end", "another tar behind the end mark", "!TAR-TRAILING archive-unsafe", raw=gz(whole("tar-after-end") * 2))
    S("tar-checksum", "wrong checksum of a header", damaged, raw=gz(_flip(whole("tar-checksum"), 0)))
    S("tar-size-octal", "a size that is no number", damaged, raw=gz(_patch(whole("tar-size-octal"), 124, b"9999999999z\0")))
    S("tar-size-huge", "a member of 5 GiB that is not there", "!TAR-LIMIT too-large", raw=gz(_patch(whole("tar-size-huge"), 124, b"50000000000\0")))
    S("tar-size-negative", "a negative size", damaged, raw=gz(_patch(whole("tar-size-negative"), 124, b"\xff" * 12)))
    S("tar-base256", "a size in base 256", raw=gz(_patch(whole("tar-base256"), 124, b"\x80" + (len(info("tar-base256")[1])).to_bytes(11, "big"))))
    pax = tinfo("{}/x")
    pax.pax_headers = {"comment": "hello", "mtime": "1.5", "SCHILY.xattr.user.x": "1"}
    S("pax-harmless", "extended headers that change nothing", items=[pax])
    out = tinfo("{}/x")
    out.pax_headers = {"path": "../../x"}
    S("pax-path-out", "an extended header renames the member to ../../x", "!TAR-NAME archive-unsafe", [out])
    size = tinfo("{}/x")
    size.pax_headers = {"size": "1024"}
    S("pax-size", "two sizes of one member (CVE-2025-62518)", "!TAR-SIZE archive-unsafe", [size])
    S("folder-data", "a folder with data", "!TAR-SIZE archive-unsafe",
      raw=gz(tar([info("folder-data")])[:1024] + _folder(top("folder-data")) + b"x" * 512 + b"\0" * 1024))
    S("zeros", "80 MiB of zeros", "!TAR-LIMIT too-large", [("{}/zeros", b"\0" * (80 << 20))])


def _blocks(data):
    data = data.rstrip(b"\0")
    return data + b"\0" * (-len(data) % 512)


def _flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def _patch(data, at, field):
    """Writes into the first header and makes its checksum right."""
    head = bytearray(data[:512])
    head[at:at + len(field)] = field
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data[512:]


def _folder(top):
    head = tinfo(top + "/d", type_=tarfile.DIRTYPE).tobuf(tarfile.USTAR_FORMAT)
    return _patch(head, 124, b"00000000001\0")


def names_and_metadata():
    S("name-capitals", "capitals in the file name", "SDT-01 filename-denormalized, SDT-01 sdist-denormalized", filename="Bi_R_Sd-1.0.tar.gz",
      info=INFO % (b"bi-r-sd", b"1.0"))
    S("name-hyphens", "hyphens in the project part, as old builders wrote", "SDT-01 filename-denormalized", filename="bi-r-sd-h-1.0.tar.gz",
      folder="bi-r-sd-h-1.0", info=INFO % (b"bi-r-sd-h", b"1.0"))
    S("version-denormal", "version 1.0.0c1", "SDT-01 filename-denormalized", version="1.0.0c1")
    S("folder-other", "a folder of another name", "SDT-01 sdist-denormalized", folder="something")
    S("meta-name", "PKG-INFO of another project", "!WHL-03 metadata-mismatch", info=INFO % (b"other", b"1.0"))
    S("meta-version", "PKG-INFO of another version", "!WHL-03 metadata-mismatch", info=INFO % (b"bi-r-sd-meta-version", b"2.0"))
    S("meta-both", "PKG-INFO of another project and version", "!WHL-03 metadata-mismatch, !WHL-03 metadata-mismatch", info=INFO % (b"other", b"2.0"))
    S("meta-bad", "PKG-INFO without a version", "!MET-04 metadata-invalid", info=b"Metadata-Version: 2.2\nName: bi-r-sd-meta-bad\n")
    S("meta-latin", "PKG-INFO is not UTF-8", "!MET-02 metadata-invalid", info=b"Metadata-Version: 2.2\nName: bi-r-sd-meta-latin\nVersion: 1.0\nAuthor: \xe9\n")
    S("meta-old", "PKG-INFO of version 1.1", info=b"Metadata-Version: 1.1\nName: bi-r-sd-meta-old\nVersion: 1.0\n")
    S("meta-large", "PKG-INFO of 9 MiB", "!TAR-LIMIT too-large", info=INFO % (b"bi-r-sd-meta-large", b"1.0") + b"\n" + b"x" * (9 << 20))
    S("name-version", "no version in the file name", "!WHL-01 version-invalid", filename="bi_r_sd-x.tar.gz")
    S("name-none", "no hyphen in the file name", "!WHL-01 filename-invalid", filename="sdist.tar.gz")
    S("name-double", "two underscores", "!WHL-02 name-invalid", filename="bi__x-1.0.tar.gz")
    S("name-slash", "a slash in the file name", "!WHL-01 filename-invalid", filename="a/bi-1.0.tar.gz")
    S("wheel-inside", "a wheel called .tar.gz", "!TAR-DAMAGED archive-damaged", raw=_zip())


def _zip():
    from ziplow import wheel
    return wheel("bi_r_sd_wheel_inside")
