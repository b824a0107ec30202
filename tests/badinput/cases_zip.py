"""Cases 2: the zip container."""
from corpus import MARK, W, add, esc
from ziplow import CHR, DIR, FIFO, LNK, STORED, U32, Entry, build, upath, wheel, wheel_entries, z64extra


def zips():
    R = "zip-structure"
    Z = lambda cid, what, reason=R, **kw: W(cid, what, kw.pop("expect", "reject"), reason, group="zip", **kw)

    add("zip-not", "zip", "plain text named .whl", b"this is not a zip file\n" * 40, "reject", "not-a-zip")
    add("zip-zero", "zip", "empty file", b"", "reject", "not-a-zip")
    add("zip-empty", "zip", "a zip without members", build([]), "reject", "dist-info-missing")
    Z("zip-half", "cut in the middle", "not-a-zip", post=lambda d: d[:len(d) // 2])
    Z("zip-short-eocd", "the last 10 bytes are missing", "not-a-zip", post=lambda d: d[:-10], alt=["zip-structure"])
    Z("zip-prefix", "a shell script in front (polyglot)", zipargs=dict(prefix=b"#!/bin/sh\nexit 0\n"),
      ref="warehouse zipdata/reject/prefix.zip")
    Z("zip-trailing", "1 KiB of data after the end record", zipargs=dict(suffix=b"A" * 1024))
    Z("zip-concat", "two zips one after the other", post=lambda d: wheel(esc("zip-concat"), files={"a.py": b"1\n"}) + d)
    Z("zip-in-comment", "another whole zip inside the end comment", ref="uv ZipInZip; CVE-2025-54368 family",
      zipargs=dict(comment=wheel(esc("zip-in-comment"), files={"hidden.py": b"1\n"})))
    Z("zip-comment", "harmless text as end comment", "", expect="accept", zipargs=dict(comment=b"built by ci"),
      note="PyPI accepts (zipdata/accept/comment.zip)")
    Z("zip-gap", "bytes between the last member and the central directory", zipargs=dict(between=b"gap!" * 8))

    dup = lambda es: es.insert(1, Entry(es[0].name, b"EVIL = 1\n"))
    Z("zip-dup", "one name twice with different bytes, in both header lists", "zip-duplicate-entry", entries=dup,
      ref="CVE-2025-54368")
    Z("zip-dup-same", "one name twice with the same bytes", "zip-duplicate-entry",
      entries=lambda es: es.insert(1, Entry(es[0].name, es[0].data)))
    Z("zip-dup-central", "one member listed twice in the central directory", "zip-duplicate-entry",
      entries=lambda es: es.append(_ghost(es[0])))
    Z("zip-hidden-local", "a member with a local header but not in the central directory",
      entries=lambda es: es.insert(0, Entry("hidden.py", b"EVIL = 1\n", in_central=False)),
      ref="warehouse zipdata/reject/cd_missing_entry.zip")
    Z("zip-hidden-record", "hidden local duplicate of a listed file (streaming readers see the first one)",
      "zip-duplicate-entry", alt=["zip-structure"], entries=lambda es: es.insert(0, Entry(es[0].name, b"EVIL = 1\n", in_central=False)))
    Z("zip-ghost-central", "central entry whose local header is another file's",
      entries=lambda es: es.append(Entry("ghost.py", es[0].data, in_local=False, central={"offset": 0})))
    Z("zip-name-differs", "local and central headers name different files",
      entries=lambda es: es[0].local.update(name=b"evil" + es[0].name[4:]))
    Z("zip-size-differs", "local header sizes differ from the central ones", entries=lambda es: es[0].local.update(
        csize=len(es[0].raw) - 1))
    Z("zip-usize-lie", "both headers claim a smaller uncompressed size", entries=lambda es: _both(es[0], usize=3))
    Z("zip-usize-more", "both headers claim a larger uncompressed size", entries=lambda es: _both(es[0], usize=999))
    Z("zip-crc", "CRC wrong in both headers", entries=lambda es: _both(es[0], crc=0xDEADBEEF))
    Z("zip-crc-differs", "CRC wrong in the local header only", entries=lambda es: es[0].local.update(crc=0xDEADBEEF))
    Z("zip-method-differs", "local header says stored, central says deflated",
      entries=lambda es: es[0].local.update(method=STORED))
    Z("zip-flags-differ", "local header has the encryption bit, central has not",
      entries=lambda es: es[0].local.update(flags=1))
    Z("zip-dd-crc", "data descriptor CRC wrong", entries=lambda es: _dd(es, crc=1))
    Z("zip-dd-csize", "data descriptor compressed size wrong", entries=lambda es: _dd(es, csize=1))
    Z("zip-dd-usize", "data descriptor uncompressed size wrong", entries=lambda es: _dd(es, usize=1))
    Z("zip-dd-missing", "descriptor flag set, no descriptor there",
      entries=lambda es: _both(es[0], flags=8) or es[0].local.update(crc=0, csize=0, usize=0))
    Z("zip-count-more", "end record counts one member more", zipargs=dict(eocd_over=dict(n=9)))
    Z("zip-count-less", "end record counts one member less", zipargs=dict(eocd_over=dict(n=3)))
    Z("zip-cd-offset", "central directory offset off by one", zipargs=dict(eocd_over=dict(off=1)))
    Z("zip-cd-huge", "central directory offset beyond the file", zipargs=dict(eocd_over=dict(off=0x7FFFFFFF)))
    Z("zip-offset-huge", "a member's header offset beyond the file",
      entries=lambda es: es[0].central.update(offset=0x7FFFFFF0))
    Z("zip-multi-disk", "disk number 1 in the end record", zipargs=dict(eocd_over=dict(disk=1)))
    Z("zip-z64-ext", "ZIP64 end record with extensible data", zipargs=dict(z64_end=dict(ext=b"\0" * 16)),
      ref="warehouse zipdata/reject/zip64_eocd_extensible_data.zip; uv ExtensibleData")
    Z("zip-z64-locator", "ZIP64 locator points 1 byte off", zipargs=dict(z64_end=dict(locator_delta=1)))
    Z("zip-z64-noloc", "ZIP64 end record without locator", zipargs=dict(z64_end=dict(locator=False)))
    Z("zip-z64-short", "ZIP64 extra field lacks the compressed size",
      entries=lambda es: _both(es[0], usize=U32, csize=U32, extra=z64extra(len(es[0].data))))
    Z("zip-z64-lie", "ZIP64 extra present though sizes are not the sentinel, with other values",
      entries=lambda es: _both(es[0], extra=z64extra(5, 5)), ref="GHSA-pqhf-p39g-3x64 family")
    Z("zip-z64-claim", "ZIP64 extra claims 8 GiB uncompressed (preallocation trap)",
      alt=["zip-bomb"],
      entries=lambda es: _both(es[0], usize=U32, csize=U32, extra=z64extra(8 << 30, len(es[0].raw))))
    Z("zip-upath", "Info-ZIP unicode path renames the member",
      entries=lambda es: _both(es[0], extra=upath(b"evil.py", es[0].name)))
    Z("zip-upath-twice", "two Info-ZIP unicode path fields",
      entries=lambda es: _both(es[0], extra=upath(b"a.py", es[0].name) + upath(b"b.py", es[0].name)))
    Z("zip-extra-3", "extra field of 3 bytes", entries=lambda es: _both(es[0], extra=b"\1\0\0"))
    Z("zip-extra-long", "extra field length runs past the header", entries=lambda es: _both(es[0], extra=b"\x99\x99\xff\0x"))
    Z("zip-encrypted", "member marked encrypted", "zip-unsupported", entries=lambda es: _both(es[0], flags=1))
    Z("zip-strong-enc", "strong encryption / masked headers bit", "zip-unsupported", entries=lambda es: _both(es[0], flags=0x2041))
    for m, nm in ((1, "shrunk"), (9, "deflate64"), (12, "bzip2"), (14, "lzma"), (93, "zstd"), (98, "ppmd"), (99, "aes")):
        Z("zip-method-%d" % m, "compression method %d (%s)" % (m, nm), "zip-unsupported",
          entries=lambda es, m=m: _method(es[0], m),
          **({"note": "uv installs zstd members; PyPI and pip (Python < 3.14) do not"} if m == 93 else {}))
    Z("zip-deflate-junk", "deflate stream is noise", entries=lambda es: _raw(es[0], b"\xff" * 40))
    Z("zip-deflate-tail", "bytes after the end of the deflate stream, counted in the size",
      entries=lambda es: _raw(es[0], es[0].raw + b"tail"))
    Z("zip-deflate-cut", "deflate stream without its end", entries=lambda es: _raw(es[0], es[0].raw[:-2]))

    # member names
    P = "zip-unsafe-path"
    for cid, nm, what in (
            ("zip-path-up", "../%s.py" % MARK, "member ../"),
            ("zip-path-deep", "a/b/../../../%s.py" % MARK, "member that climbs out half-way"),
            ("zip-path-in", "a/../b.py", "member with .. that stays inside (installers disagree)"),
            ("zip-path-abs", "/tmp/%s.py" % MARK, "absolute member path"),
            ("zip-path-drive", "C:/%s.py" % MARK, "drive letter"),
            ("zip-path-unc", "//host/share/%s.py" % MARK, "UNC path"),
            ("zip-path-back", "..\\..\\%s.py" % MARK, "backslash traversal"),
            ("zip-path-dot", "./a.py", "member starting with ./"),
            ("zip-path-dslash", "a//b.py", "empty path segment"),
            ("zip-path-space", "a /b.py ", "segments ending in a space (Windows strips it)"),
            ("zip-path-ctrl", "a\nb.py", "newline in a member name"),
            ("zip-path-ads", "a.py:stream", "colon (NTFS stream)"),
            ("zip-path-con", "aux.py", "Windows device name")):
        soft = cid in ("zip-path-space", "zip-path-ads", "zip-path-con")
        Z(cid, what, P, files={nm: b"X = 1\n"}, **({"level": "should"} if soft else {}))
    Z("zip-path-nul", "NUL in a member name (CPython cuts the name there)", P,
      entries=lambda es: es.insert(0, Entry(b"evil.py\0.txt", b"X = 1\n")))
    Z("zip-path-empty", "empty member name", P, entries=lambda es: es.insert(0, Entry(b"", b"X = 1\n")))
    Z("zip-path-long", "a member name of 60,000 bytes", P, entries=lambda es: es.insert(0, Entry(b"a" * 60000, b"")))
    Z("zip-path-latin1", "member name not UTF-8 and no UTF-8 flag", P,
      entries=lambda es: es.insert(0, Entry(b"caf\xe9.py", b"X = 1\n", flags=0)))
    Z("zip-path-noflag", "UTF-8 name without its flag: code page 437 to CPython", P,
      entries=lambda es: es.insert(0, Entry("caf\u00e9.py", b"X = 1\n", flags=0)))
    Z("zip-path-badutf8", "UTF-8 flag with invalid UTF-8", P,
      entries=lambda es: es.insert(0, Entry(b"caf\xe9.py", b"X = 1\n", flags=0x800)))
    Z("zip-path-rtlo", "right-to-left override in a member name", P, files={"a\u202eyp.txt": b"X = 1\n"})
    Z("zip-file-and-dir", "a file and a folder of the same name", P,
      files={"pkg": b"file\n", "pkg/__init__.py": b""})
    Z("zip-case", "two names that differ only in case", P, files={"pkg/A.py": b"1\n", "pkg/a.py": b"2\n"}, level="should",
      note="a warning is enough; it breaks installs on case-insensitive disks")
    Z("zip-nfd", "two names that are equal after Unicode normalisation", P, level="should",
      files={"pkg/caf\u00e9.py": b"1\n", "pkg/cafe\u0301.py": b"2\n"})

    # member types
    T = "zip-entry-type"
    Z("zip-symlink", "symbolic link to /etc/passwd", T, files={"pkg/l": Entry("pkg/l", b"/etc/passwd", STORED, LNK)})
    Z("zip-symlink-in", "symbolic link to a sibling (PEP 778 is deferred)", T,
      files={"pkg/a.py": b"1\n", "pkg/l": Entry("pkg/l", b"a.py", STORED, LNK)})
    Z("zip-symlink-write", "symbolic link, then a member through it", T, files={
        "up": Entry("up", b"../..", STORED, LNK), "up/%s.py" % MARK: b"1\n"}, ref="RUSTSEC-2025-0168 (zip crate)")
    Z("zip-fifo", "FIFO", T, files={"pkg/f": Entry("pkg/f", b"", STORED, FIFO)})
    Z("zip-chardev", "character device", T, files={"pkg/d": Entry("pkg/d", b"", STORED, CHR)})
    Z("zip-setuid", "set-user-id bit", T, files={"pkg/s": Entry("pkg/s", b"#!/bin/sh\n", STORED, 0o104755)})
    Z("zip-dir-data", "a directory member that carries data", entries=lambda es: es.insert(
        0, Entry("pkg/", b"not empty", STORED, DIR)))

    # bombs
    B = "zip-bomb"
    zeros = lambda n: Entry("pkg/zeros.bin", b"\0" * n)
    Z("zip-bomb-ratio", "128 MiB of zeros, ratio 1000:1", B, files={"pkg/zeros.bin": zeros(128 << 20)},
      ref="PyPI: over 64 MiB and over 50:1")
    add("zip-bomb-overlap", "zip", "one deflate block shared by 2,000 members (32 GiB from 260 kB)",
        lambda: _overlap(esc("zip-bomb-overlap"), 2000, 16 << 20), "reject", "zip-structure", alt=["zip-bomb"],
        ref="overlapping files (Fifield)")
    add("zip-bomb-entries", "zip", "300,000 empty members", lambda: _many(esc("zip-bomb-entries"), 300000), "reject", B,
        heavy=True, note="set the limit to 100,000; the largest real wheel seen has under 30,000")
    Z("zip-bomb-record", "RECORD of 64 MiB", B, files={}, record="a,,\n" * (16 << 20), heavy=True)
    Z("zip-bomb-metadata", "METADATA of 128 MiB (one highly compressible description)", B,
      description="A" * (128 << 20), heavy=True)


def _ghost(e):
    g = Entry(e.name, e.data, in_local=False)
    g.central["offset"] = 0
    return g


def _both(e, **kw):
    e.local.update(kw)
    e.central.update(kw)


def _method(e, m):
    _both(e, method=m)


def _raw(e, raw):
    e.raw = raw


def _dd(es, **kw):
    e = Entry(es[0].name, es[0].data, dd=kw)
    es[0] = e


def _overlap(name, n, size):
    """n central entries that share one local header: same bytes, n names."""
    es = wheel_entries(name, files={"pkg/k.bin": Entry("pkg/k.bin", b"\0" * size)})
    base = es[0]
    for i in range(n):
        g = Entry("pkg/k%05d.bin" % i, b"")
        g.in_local = False
        g.raw = b""
        g.central.update(offset=0, crc=base.crc, csize=len(base.raw), usize=size)
        es.append(g)
    return build(es)


def _many(name, n):
    es = wheel_entries(name, record="x,,\n")
    es += [Entry("p/%06x" % i, b"", STORED) for i in range(n)]
    return build(es, z64_end=dict(), eocd_over=None)
