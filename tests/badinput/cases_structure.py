"""Cases with rules 2: the zip container and the names in it."""
import struct
import unicodedata
import zlib

from corpus import NOTED, R, both, esc
from ziplow import DEFLATED, DIR, REG, STORED, U32, Entry, build, deflate, upath, wheel, wheel_entries, z64extra


def cases():
    ends()
    zip64()
    headers()
    descriptors()
    data()
    layout()
    types()
    names()
    collisions()


def Z(cid, what, rules="", mirror=None, **kw):
    R("z-" + cid, what, rules, mirror, **kw)


def first(change):
    """Changes the first member; a new Entry takes its place."""
    def apply(es):
        new = change(es[0])
        if isinstance(new, Entry):
            es[0] = new
    return apply


def ends():
    noted = "!ZIP-TRAILING zip-structure"
    for count in (1, 22, 4096, 65000):
        Z("tail-nul-%d" % count, "%d zero bytes behind the end record" % count, noted, NOTED, zipargs=dict(suffix=b"\0" * count))
    Z("tail-nul-many", "so many zero bytes that the end record is not found", "!ZIP-END not-a-zip", zipargs=dict(suffix=b"\0" * 70000))
    for cid, tail in (("space", b" "), ("newline", b"\n"), ("nul-text", b"\0\0x"), ("signature", b"PK\5\6")):
        rules = "!ZIP-END not-a-zip" if cid == "signature" else noted
        Z("tail-" + cid, "%r behind the end record" % tail, rules, zipargs=dict(suffix=tail))
    Z("tail-comment-nul", "a comment, and a zero behind it", noted, zipargs=dict(comment=b"ci", suffix=b"\0"))
    Z("tail-apk", "a signature block behind the end", noted, zipargs=dict(suffix=b"APK Sig Block 42" * 4))
    Z("comment-long", "a comment of 65,535 bytes", zipargs=dict(comment=b"x" * 65535))
    Z("comment-utf8", "a comment in UTF-8", zipargs=dict(comment="gebaut f\u00fcr".encode()))
    Z("comment-newline", "a comment of two lines", zipargs=dict(comment=b"a\nb"))
    Z("comment-nul", "a zero in the comment", "!ZIP-COMMENT zip-structure", zipargs=dict(comment=b"a\0b"))
    Z("comment-short", "the comment is one byte shorter than announced", noted, zipargs=dict(comment=b"abc"), post=lambda d: d[:-1])
    Z("comment-signature", "a comment that ends in the signature of an end record", "!ZIP-END not-a-zip", zipargs=dict(comment=b"PK\5\6"))
    Z("entry-comment", "a comment of one entry", "!ZIP-COMMENT zip-structure", NOTED, entries=lambda es: es[0].central.update(comment=b"hi"))
    Z("entry-comments", "comments of all entries, each told", ", ".join(["!ZIP-COMMENT zip-structure"] * 4), NOTED,
      entries=lambda es: [e.central.update(comment=b"hi") for e in es] and None)
    Z("disk-here", "the end record counts fewer entries on this disk", "!ZIP-DISKS zip-structure", zipargs=dict(eocd_over=dict(n_disk=3)))
    Z("disk-start", "the directory is on disk 1", "!ZIP-DISKS zip-structure", post=lambda d: d[:-16] + b"\1\0" + d[-14:])
    Z("entry-disk", "an entry on disk 2", "!ZIP-DISKS zip-structure", entries=lambda es: es[0].central.update(disk=2))
    Z("size-short", "the directory is one byte shorter than it is", "!ZIP-DIRECTORY zip-structure", post=_size(-1))
    Z("size-long", "the directory is one byte longer than it is", "!ZIP-DIRECTORY zip-structure", post=_size(1))
    Z("shifted", "bytes in front, offsets not adjusted: a self-extracting archive", "!ZIP-DIRECTORY zip-structure", post=lambda d: b"MZ" * 64 + d)
    Z("split-mark", "the mark of a split archive in front", "!ZIP-TILING zip-structure", zipargs=dict(prefix=b"PK00"))
    Z("prefix-zero", "one zero in front", "!ZIP-TILING zip-structure", zipargs=dict(prefix=b"\0"))
    Z("between-zero", "one zero before the directory", "!ZIP-TILING zip-structure", zipargs=dict(between=b"\0"))
    Z("between-signature", "an archive signing block before the directory", "!ZIP-TILING zip-structure", zipargs=dict(between=b"APK Sig Block 42" * 4))
    Z("directory-signature", "a digital signature at the end of the directory", "!ZIP-DIRECTORY zip-structure",
      post=lambda d: _size(6)(d[:-22] + b"PK\5\5\0\0" + d[-22:]))
    Z("directory-junk", "junk at the end of the directory", "!ZIP-DIRECTORY zip-structure", post=lambda d: _size(4)(d[:-22] + b"junk" + d[-22:]))
    Z("only-end", "an end record alone", "!WHL-10 dist-info-missing", data=build([]))
    Z("gzip", "gzip called .whl", "!ZIP-END not-a-zip", data=b"\x1f\x8b\x08" + b"\0" * 50)
    Z("html", "an error page of a proxy called .whl", "!ZIP-END not-a-zip", data=b"<!DOCTYPE html><title>502</title>")
    Z("one-byte", "one byte", "!ZIP-END not-a-zip", data=b"P")
    Z("21-bytes", "21 bytes of an end record", "!ZIP-END not-a-zip", data=build([])[:21])


def _size(delta):
    def apply(d):
        size, = struct.unpack_from("<I", d, len(d) - 10)
        return d[:-10] + struct.pack("<I", size + delta) + d[-6:]
    return apply


def zip64():
    Z("z64-plain", "a ZIP64 end record beside full plain numbers", zipargs=dict(z64_end=dict(stub=False)))
    for cid, over in (("count", dict(n=5)), ("size", dict(size=1)), ("offset", dict(off=1))):
        Z("z64-end-" + cid, "the plain end record tells another %s than the ZIP64 one" % cid, "!ZIP-END64 zip-structure",
          zipargs=dict(z64_end=dict(stub=False), eocd_over=over))
    Z("z64-locator-disk", "the locator names disk 1", "!ZIP-END64 zip-structure", zipargs=dict(z64_end={}), post=_end64(-42 + 4, b"\1"))
    Z("z64-locator-disks", "the locator counts two disks", "!ZIP-END64 zip-structure", zipargs=dict(z64_end={}), post=_end64(-42 + 16, b"\2"))
    Z("z64-disk", "the ZIP64 end record is on disk 1", "!ZIP-END64 zip-structure", zipargs=dict(z64_end={}), post=_end64(-98 + 16, b"\1"))
    Z("z64-length", "the ZIP64 end record tells a wrong length", "!ZIP-END64 zip-structure", zipargs=dict(z64_end={}), post=_end64(-98 + 4, b"\x2d"))
    Z("z64-here", "the ZIP64 end record counts fewer entries on this disk", "!ZIP-DISKS zip-structure", zipargs=dict(z64_end={}), post=_end64(-98 + 24, b"\1"))
    Z("z64-central-only", "ZIP64 sizes in the central header only",
      entries=first(lambda e: e.central.update(need=45, csize=U32, usize=U32, extra=z64extra(len(e.data), len(e.raw)))))
    Z("z64-usize-only", "only one size is ZIP64, as the format allows",
      entries=first(lambda e: both(e, need=45, usize=U32, extra=z64extra(len(e.data)))))
    Z("z64-offset", "the offset is ZIP64", entries=first(lambda e: e.central.update(need=45, offset=U32, extra=z64extra(0))))
    Z("z64-agreeing", "ZIP64 sizes that nothing asks for and that agree: uv stops", "!ZIP-EXTRA zip-structure", NOTED, entries=first(lambda e: both(e, extra=z64extra(len(e.data), len(e.raw)))))
    Z("z64-agreeing-local", "the same in the local header only", entries=first(lambda e: e.local.update(extra=z64extra(len(e.data), len(e.raw)))))
    extra = "!ZIP-EXTRA zip-structure"
    for cid, values in (("missing", ()), ("long", (12, 14, 0))):
        Z("z64-" + cid, "a ZIP64 field with %d values where two are asked for" % len(values), extra,
          entries=first(lambda e, values=values: both(e, usize=U32, csize=U32, extra=z64extra(*values))))
    Z("z64-odd", "a ZIP64 field of 12 bytes", extra,
      entries=first(lambda e: both(e, usize=U32, csize=U32, extra=struct.pack("<HHQI", 1, 12, len(e.data), len(e.raw)))))
    Z("z64-disk-field", "a ZIP64 field that also holds a disk", extra,
      entries=first(lambda e: e.central.update(usize=U32, csize=U32, extra=struct.pack("<HHQQI", 1, 20, len(e.data), len(e.raw), 0))))
    Z("z64-twice", "two ZIP64 fields", extra, entries=first(lambda e: both(e, extra=z64extra(len(e.data)) * 2)))
    Z("z64-local-lie", "another ZIP64 size in the local header", "!ZIP-LOCAL zip-structure",
      entries=first(lambda e: e.local.update(usize=U32, csize=U32, extra=z64extra(len(e.data) + 1, len(e.raw)))))
    Z("z64-local-none", "a local size is marked as ZIP64 and has no field", "!ZIP-LOCAL zip-structure", entries=first(lambda e: e.local.update(usize=U32)))
    for cid, size in (("5g", 5 << 30), ("max", (1 << 64) - 1)):
        rules = "!ZIP-LIMIT zip-bomb" + (", !ZIP-LIMIT zip-bomb")
        Z("z64-claim-" + cid, "an entry claims %d bytes" % size, rules,
          entries=first(lambda e, size=size: both(e, need=45, usize=U32, csize=U32, extra=z64extra(size, len(e.raw)))))


def _end64(at, byte):
    return lambda d: d[:len(d) + at] + byte + d[len(d) + at + 1:]


def headers():
    A = lambda cid, what, change, rules="", mirror=None: Z("h-" + cid, what, rules, mirror, entries=first(change))
    A("version-64", "needs version 6.4 of the format", lambda e: e.central.update(need=64), "!ZIP-METHOD zip-unsupported")
    A("version-255", "needs version 25.5 of the format", lambda e: both(e, need=255), "!ZIP-METHOD zip-unsupported")
    A("version-63", "needs version 6.3, the newest", lambda e: both(e, need=63))
    A("version-0", "needs version 0", lambda e: both(e, need=0))
    A("version-host", "the upper byte of the needed version is set", lambda e: both(e, need=0x0314))
    A("made-new", "made by version 25.5 of an unknown system", lambda e: e.central.update(made=0xffff))
    A("effort", "other bits of effort in the local header", lambda e: e.local.update(flags=6))
    A("time", "other time in the local header", lambda e: e.local.update(time=1, date=0x5021))
    A("time-bad", "month 15, day 0", lambda e: both(e, date=0x01e0))
    A("iattr", "marked as text", lambda e: e.central.update(iattr=1))
    A("dos-hidden", "DOS attributes: hidden, system", lambda e: e.central.update(made=0x0014, eattr=6))
    A("dos-folder", "the DOS bit of a folder on a file", lambda e: e.central.update(made=0x0014, eattr=0x10))
    A("extra-time", "an extended timestamp", lambda e: both(e, extra=struct.pack("<HHBI", 0x5455, 5, 1, 1)))
    A("extra-uid", "Unix user and group", lambda e: both(e, extra=struct.pack("<HHBBIBI", 0x7875, 11, 1, 4, 0, 4, 0)))
    A("extra-local", "an unknown field in the local header only", lambda e: e.local.update(extra=struct.pack("<HHI", 0x9999, 4, 1)))
    A("extra-central", "an unknown field in the central header only", lambda e: e.central.update(extra=struct.pack("<HHI", 0x9999, 4, 1)))
    A("extra-empty", "an unknown field without content", lambda e: both(e, extra=struct.pack("<HH", 0x9999, 0)))
    A("extra-align", "alignment by an unknown field of 4,000 zeros", lambda e: e.local.update(extra=struct.pack("<HH", 0xd935, 4000) + b"\0" * 4000))
    A("extra-one-byte", "one byte of an extra field", lambda e: e.central.update(extra=b"\0"), "!ZIP-EXTRA zip-structure")
    A("extra-zeros", "two zeros of an extra field", lambda e: e.central.update(extra=b"\0\0"), "!ZIP-EXTRA zip-structure")
    A("extra-cut-local", "a cut extra field in the local header", lambda e: e.local.update(extra=b"\x99\x99\5\0x"), "!ZIP-LOCAL zip-structure")
    A("upath-same", "Unicode path of the same name", lambda e: both(e, extra=upath(e.name, e.name)))
    A("upath-short", "Unicode path of 3 bytes", lambda e: e.central.update(extra=struct.pack("<HH", 0x7075, 3) + b"\1\0\0"), "!ZIP-EXTRA zip-structure")
    A("upath-empty", "Unicode path without a name", lambda e: e.central.update(extra=upath(b"", e.name)), "!ZIP-EXTRA zip-structure")
    A("upath-local", "Unicode path of another name in the local header", lambda e: e.local.update(extra=upath(b"evil.py", e.name)), "!ZIP-LOCAL zip-structure")
    A("upath-case", "Unicode path that differs in case", lambda e: both(e, extra=upath(e.name.upper(), e.name)), "!ZIP-EXTRA zip-structure")
    A("name-local-case", "the local name differs in case", lambda e: e.local.update(name=e.name.upper()), "!ZIP-LOCAL zip-structure")
    A("name-local-long", "the local name is longer", lambda e: e.local.update(name=e.name + b"x"), "!ZIP-LOCAL zip-structure")
    A("name-local-nul", "the local name ends in a zero", lambda e: e.local.update(name=e.name + b"\0"), "!ZIP-LOCAL zip-structure")
    A("utf8-flag-local", "only the local header says that the name is UTF-8", lambda e: e.local.update(flags=0x800), "!ZIP-LOCAL zip-structure")
    A("utf8-flag-ascii", "an ASCII name marked as UTF-8", lambda e: both(e, flags=0x800))
    A("crc-zero-local", "no checksum in the local header", lambda e: e.local.update(crc=0), "!ZIP-LOCAL zip-structure")
    A("sizes-zero-local", "no sizes in the local header", lambda e: e.local.update(csize=0, usize=0), "!ZIP-LOCAL zip-structure")
    A("offset-one", "the offset is one too large", lambda e: e.central.update(offset=1), "!ZIP-LOCAL zip-structure")
    A("flag-patch", "marked as a patch", lambda e: both(e, flags=0x20), "!ZIP-ENCRYPTED zip-unsupported")
    A("flag-masked", "marked as masked", lambda e: both(e, flags=0x2000), "!ZIP-ENCRYPTED zip-unsupported")
    for method in (2, 6, 10, 18, 19, 20, 94, 95, 96, 97, 0xffff):
        A("method-%d" % method, "method %d" % method, lambda e, method=method: both(e, method=method), "!ZIP-METHOD zip-unsupported")
    A("method-local", "another method in the local header", lambda e: e.local.update(method=12), "!ZIP-LOCAL zip-structure")
    Z("h-two", "two entries with faults of their own: both are told", "!ZIP-METHOD zip-unsupported, !ZIP-ENCRYPTED zip-unsupported",
      entries=lambda es: both(es[0], method=12) or both(es[1], flags=1))


def descriptors():
    D = lambda cid, what, dd, rules="", change=None, method=DEFLATED: Z(
        "dd-" + cid, what, rules, entries=first(lambda e: _with_descriptor(e, dd, change, method)))
    D("64", "a descriptor with 64-bit sizes", dict(z64=True))
    D("64-unsigned", "a descriptor with 64-bit sizes and no signature", dict(z64=True, sig=False))
    D("stored", "a stored entry with a descriptor", {}, method=STORED)
    D("crc-there", "the checksum stands in the local header as well", {}, change=lambda e: e.local.update(crc=e.crc))
    D("sizes-there", "the sizes stand in the local header as well", {}, change=lambda e: e.local.update(csize=len(e.raw), usize=len(e.data)))
    D("crc-lie", "another checksum stands in the local header", {}, "!ZIP-LOCAL zip-structure", change=lambda e: e.local.update(crc=1))
    D("size-lie", "another size stands in the local header", {}, "!ZIP-LOCAL zip-structure", change=lambda e: e.local.update(usize=1))
    D("central-only", "only the central header announces the descriptor", {}, "!ZIP-LOCAL zip-structure", change=lambda e: e.local.update(flags=0))
    D("local-only", "only the local header announces the descriptor", {}, "!ZIP-LOCAL zip-structure, !ZIP-LOCAL zip-structure, !ZIP-LOCAL zip-structure",
      change=lambda e: e.central.update(flags=0))
    D("64-lie", "the upper half of a 64-bit size is not zero", dict(z64=True, csize=1 << 40), "!ZIP-DESCRIPTOR zip-structure")
    D("swapped", "sizes in the wrong order", None, "!ZIP-DESCRIPTOR zip-structure", change=lambda e: e.dd.update(csize=len(e.data), usize=len(e.raw)))
    Z("dd-gap", "one byte behind the descriptor", "!ZIP-TILING zip-structure", entries=lambda es: _gap(es))
    Z("dd-empty", "an empty file with a descriptor", files={"pkg/__init__.py": Entry("pkg/__init__.py", b"", dd={})})


def _with_descriptor(entry, dd, change, method):
    new = Entry(entry.name, entry.data, method, dd=dd or {})
    if change:
        change(new)
    return new


def _gap(es):
    es[0] = Entry(es[0].name, es[0].data, dd={})
    whole = es[0].descriptor
    es[0].descriptor = lambda: whole() + b"\0"


def data():
    X = "!ZIP-DATA zip-structure"
    A = lambda cid, what, change, rules=X: Z("data-" + cid, what, rules, entries=first(change))

    def raw(entry, packed, **fields):
        entry.raw = packed
        both(entry, **fields)
    A("zlib", "a zlib stream instead of deflate", lambda e: raw(e, zlib.compress(e.data)))
    A("two-streams", "two deflate streams", lambda e: raw(e, e.raw + e.raw))
    A("zero-tail", "a zero behind the deflate stream", lambda e: raw(e, e.raw + b"\0"))
    A("unfinished", "no final block", lambda e: raw(e, _unfinished(e.data)))
    A("empty-stream", "an empty stream for a file with bytes", lambda e: raw(e, deflate(b"")))
    A("nothing", "no packed bytes at all", lambda e: raw(e, b""))
    A("usize-zero", "declares no bytes, has some", lambda e: both(e, usize=0))
    A("usize-less", "declares one byte less", lambda e: both(e, usize=len(e.data) - 1))
    A("usize-more", "declares one byte more", lambda e: both(e, usize=len(e.data) + 1))
    A("crc-other", "the checksum of other bytes", lambda e: both(e, crc=zlib.crc32(b"other")))
    A("far", "a back reference before the start", lambda e: raw(e, b"\x4b\x04\x42\x00"))
    A("stored-block", "deflate in stored blocks", lambda e: raw(e, deflate(e.data, 0)), "")
    A("flushed", "deflate in many small blocks", lambda e: raw(e, _flushed(e.data)), "")
    Z("data-stored-sizes", "a stored entry with two sizes", X, entries=lambda es: es.__setitem__(0, Entry(es[0].name, es[0].data, STORED))
      or both(es[0], usize=len(es[0].data) + 1))
    Z("data-stored-crc", "a stored entry with a wrong checksum", X, entries=lambda es: es.__setitem__(0, Entry(es[0].name, es[0].data, STORED))
      or both(es[0], crc=1))
    Z("data-two-bad", "two damaged members: both are told", X + ", " + X, files={"a.py": b"A = 1\n", "b.py": b"B = 1\n"},
      entries=lambda es: both(es[0], crc=1) or both(es[1], crc=2))
    Z("data-record", "RECORD itself is damaged", X + ", " + X, entries=lambda es: both(es[-1], crc=1))
    Z("data-empty-file", "an empty file, deflated and stored", files={"pkg/a": Entry("pkg/a", b""), "pkg/b": Entry("pkg/b", b"", STORED)})
    Z("data-60m", "60 MiB of zeros: under the size from which the ratio counts", files={"pkg/zeros": b"\0" * (60 << 20)})
    Z("data-65m", "65 MiB of zeros", "!ZIP-LIMIT zip-bomb", files={"pkg/zeros": b"\0" * (65 << 20)})


def _unfinished(content):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush(zlib.Z_SYNC_FLUSH)


def _flushed(content):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join(packer.compress(content[i:i + 1]) + packer.flush(zlib.Z_FULL_FLUSH) for i in range(len(content))) + packer.flush()


def layout():
    def reverse(es):
        return es[::-1]
    Z("order", "members in another order than the directory lists them", zipargs={}, data=_reordered(esc("r-z-order")))
    Z("overlap", "a member that overlaps the next one by a byte", "!ZIP-LOCAL zip-structure",
      entries=lambda es: es[1].central.update(offset=len(es[0].lfh()) + len(es[0].raw) - 1))
    Z("shared", "two names for one local header", "!ZIP-LOCAL zip-structure", entries=lambda es: es.append(
        Entry("other.py", es[0].data, in_local=False, central={"offset": 0})))
    Z("hidden-first", "an unlisted member in front", "!ZIP-TILING zip-structure", entries=lambda es: es.insert(0, Entry("h.py", b"x", in_central=False)))
    Z("hidden-last", "an unlisted member at the end", "!ZIP-TILING zip-structure", entries=lambda es: es.append(Entry("h.py", b"x", in_central=False)))
    Z("hidden-middle", "an unlisted member in the middle", "!ZIP-TILING zip-structure", entries=lambda es: es.insert(2, Entry("h.py", b"x", in_central=False)))
    Z("inner-zip", "a whole wheel stored inside", files={"pkg/inner.whl": Entry("pkg/inner.whl", wheel("inner"), STORED)})
    Z("inner-end", "an end record stored inside, close to the real one", files={"pkg/end": Entry("pkg/end", build([]), STORED)})
    for count in (2, 3):
        Z("dup-%d" % count, "one name %d times" % count, ", ".join(["!ZIP-DUPLICATE zip-duplicate-entry"] * (count - 1)),
          entries=lambda es, count=count: es.extend(Entry(es[0].name, b"x") for _ in range(count - 1)))
    Z("dup-folder", "a folder twice", "!ZIP-DUPLICATE zip-duplicate-entry", entries=lambda es: es.extend([Entry("pkg/", b"", STORED, DIR)] * 2))
    Z("dup-record", "RECORD twice", "!ZIP-DUPLICATE zip-duplicate-entry", entries=lambda es: es.append(Entry(es[-1].name, b"x")))
    Z("folders", "folders with entries of their own", entries=lambda es: es.extend([Entry("pkg/", b"", STORED, DIR), Entry("pkg/sub/", b"", STORED, DIR)]))
    Z("folder-deflated", "a folder packed by deflate", entries=lambda es: es.append(Entry("pkg/", b"", DEFLATED, DIR)))
    Z("folder-regular", "a folder by its name, a file by its mode", entries=lambda es: es.append(Entry("pkg/", b"", STORED, REG)))
    Z("folder-data", "a folder with data", "!ZIP-FOLDER-DATA zip-structure", entries=lambda es: es.append(Entry("pkg/", b"x", STORED, DIR)))
    Z("tree", "a file and a folder of one name", "!ZIP-TREE zip-unsafe-path", files={"a": b"x", "a/b": b"y"})
    Z("tree-deep", "a file and a folder of one name, deeper", "!ZIP-TREE zip-unsafe-path", files={"p/a/b": b"x", "p/a/b/c/d": b"y"})
    Z("tree-between", "names that sort between a file and its folder", "!ZIP-TREE zip-unsafe-path", files={"a": b"x", "a-b": b"", "a.b": b"", "a/b": b"y"})
    Z("tree-entry", "a file and a folder with an entry of its own", "!ZIP-TREE zip-unsafe-path",
      entries=lambda es: es.extend([Entry("d", b"x"), Entry("d/", b"", STORED, DIR)]))


def _reordered(name):
    es = wheel_entries(name)
    return build(es, local_order=es[::-1])


def types():
    for cid, mode, rules, mirror in (
            ("socket", 0o140644, "!ZIP-TYPE zip-entry-type", None), ("block", 0o060644, "!ZIP-TYPE zip-entry-type", None),
            ("folder", 0o040755, "!ZIP-TYPE zip-entry-type", None), ("whiteout", 0o160644, "!ZIP-TYPE zip-entry-type", None),
            ("setgid", 0o102755, "!ZIP-TYPE zip-entry-type", NOTED), ("setuid", 0o104755, "!ZIP-TYPE zip-entry-type", NOTED),
            ("sticky", 0o101644, "", None), ("no-bits", 0o100000, "", None), ("all-bits", 0o100777, "", None), ("zero", 0, "", None),
            ("type-less", 0o000644, "", None)):
        Z("mode-" + cid, "mode %o" % mode, rules, mirror, entries=first(lambda e, mode=mode: e.central.update(eattr=mode << 16)))
    Z("mode-link-mac", "a link made on macOS", "!ZIP-TYPE zip-entry-type", entries=first(lambda e: e.central.update(made=0x1314, eattr=0o120777 << 16)))
    Z("mode-link-dos", "the bits of a link from a system that has none", entries=first(lambda e: e.central.update(made=0x0014, eattr=0o120777 << 16)))


def names():
    bad = "!ZIP-NAME zip-unsafe-path"
    for number, name in enumerate((
            "a\\b.py", "a/b\\", "a:b", "a./b.py", "a.", "a ", "a /b", "...", "a/...", "con", "CON.txt", "Aux.py", "prn", "NUL.tar.gz",
            "com1", "COM9.py", "lpt0.x", "pkg/LPT9", "com\u00b9.py", "lpt\u00b3", "conin$", "CONOUT$.txt", "nul .txt", "../a", "a/../b",
            "./a", "a/./b", "/a", "a//b", "//a", "~/../a", "a/..", "..", ".", "a\tb", "a\x1fb", "a\x7fb", "a\x85b", "a\u00adb", "a\u200bb",
            "a\u200eb", "a\u202ab", "a\u2028b", "a\u2066b", "a\ufeffb", "a\ue000b", "a\u180eb", "a\ufff9b", "a\U000e0001b", "a\U000f0000b",
            "s" * 256, "d/" + "s" * 256 + "/x", "p/" * 2048 + "x", "p/" * 100 + "x", ("p" * 200 + "/") * 21)):
        Z("name-%02d" % number, "an entry called %.40r" % name, bad, entries=lambda es, name=name: es.append(Entry(name, b"")), files={"m.py": b""},
          skip_record=(name,))
    for number, name in enumerate((
            ".hidden", "a/.b/c", "a/..b", " a", "a b", "-rf", "$(x)", "a;b", "a|b", "a*b?", "<a>", '"a"', "%2e%2e/a", "~x", "~/a", "a&b",
            "console.py", "com", "com10", "lpt", "nul_.py", "auxiliary", "a\u0301", "\u05d0", "\U0001f40d", "\u4e2d\u6587/\u6587", "s" * 255,
            "p/" * 99 + "x", "CVS", "Thumbs.db", "__pycache__/a.txt", "a,b", "a'b", "\u00a0", "a=b", "@a", "#a")):
        quoted = '"%s"' % name.replace('"', '""')
        Z("fine-%02d" % number, "an entry called %.40r" % name, files={name: b"x"}, record_edit=lambda ls, name=name, quoted=quoted: [
            quoted + ls[0][len(name):]] + ls[1:])
    for cid, name, flags in (("latin", b"caf\xe9", 0), ("latin-flag", b"caf\xe9", 0x800), ("overlong", b"a\xc0\xaeb", 0x800), ("surrogate", b"\xed\xa0\x80", 0x800),
                             ("unflagged", "caf\u00e9".encode(), 0), ("cut", b"\xf0\x9f\x90", 0x800), ("five", b"\xf8\x88\x80\x80\x80", 0x800)):
        rules = ", ".join([bad] * (2 if cid == "latin" else 1))
        Z("bytes-" + cid, "an entry called %r, flags %x" % (name, flags), rules, entries=lambda es, name=name, flags=flags: es.append(Entry(name, b"", flags=flags)))
    Z("name-empty", "an entry without a name", bad, entries=lambda es: es.append(Entry(b"", b"")))
    Z("name-slash", "an entry called /", bad, entries=lambda es: es.append(Entry(b"/", b"", STORED, DIR)))
    Z("name-many", "60 bad names: 50 are told", ", ".join([bad] * 50), entries=lambda es: es.extend(Entry("../%d" % i, b"") for i in range(60)))


def collisions():
    case = "!ZIP-CASE zip-unsafe-path"
    nfd = lambda text: unicodedata.normalize("NFD", text)
    for number, (one, other) in enumerate((
            ("pkg/A.py", "pkg/a.py"), ("Pkg/a.py", "pkg/a.py"), ("pkg/\u00c9", "pkg/\u00e9"), ("\u00e9", nfd("\u00e9")), ("\u00c5", "\u212b"),
            ("K", "\u212a"), ("stra\u00dfe", "STRASSE"), ("\ufb01x", "FIX"), ("\u03c3", "\u03c2"), ("\ud55c", nfd("\ud55c")), ("\u0416", "\u0436"),
            ("\u0130", "i\u0307"), ("s", "\u017f"), ("PKG", "pkg/x"), ("a/B/c", "A/b"), ("\u00e9", nfd("\u00e9") + "/x"))):
        Z("case-%02d" % number, "%r and %r are one on some systems" % (one, other), case, NOTED, files={one: b"1", other: b"2"})
    Z("case-three", "three spellings of one name: two are told", case + ", " + case, NOTED, files={"a.py": b"1", "A.py": b"2", "a.PY": b"3"})
    Z("case-folder-entry", "a file, and a folder with an entry of its own in capitals", case, NOTED, files={"pkg/data": b"1"},
      entries=lambda es: es.append(Entry("pkg/DATA/", b"", STORED, DIR)))
    for number, (one, other) in enumerate((("a.py", "b.py"), ("e", "\u00e9"), ("a_", "a/b"), ("A/x", "a/y"), ("a1", "a\u00b9"), ("\u0430b", "ab"))):
        Z("apart-%02d" % number, "%r and %r are two everywhere" % (one, other), files={one: b"1", other: b"2"})
    Z("case-dist-info", "a second .dist-info that differs in case", "!WHL-10 dist-info-multiple", files={
        "m.py": b"1", esc("r-z-case-dist-info").upper() + "-1.0.dist-info/x": b"1"})
