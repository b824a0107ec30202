"""Read a zip inside a file: the bundle itself and the wheels that lie in it.

Only what the bundle's writer and wheels use: stored and deflated entries, 32-bit fields, no encryption.
Every offset and length is checked against the file before it is used, so damaged bytes give
`BootstrapError` (exit 66) and never more memory than the entry's declared and checked size.
"""

import hashlib
import os
import re
import struct
import zlib

from . import trust

MAX_ENTRIES = 65535
MAX_DIRECTORY_BYTES = 64 << 20
MAX_COMMENT_BYTES = 65535
CHUNK_BYTES = 1 << 20
STORED, DEFLATED = 0, 8
FLAG_ENCRYPTED = 0x1 | 0x40 | 0x2000

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_DOTS = re.compile(r"(^|/)\.{0,2}(/|$)")


class Entry:
    """One file of a zip: its name, place, sizes, checksum and whether it is executable."""

    __slots__ = ("name", "raw_name", "method", "crc32", "packed_size", "size", "offset", "is_executable")

    def __init__(self, name, raw_name, method, crc32, packed_size, size, offset, is_executable):
        self.name = name
        self.raw_name = raw_name
        self.method = method
        self.crc32 = crc32
        self.packed_size = packed_size
        self.size = size
        self.offset = offset
        self.is_executable = is_executable


def check_name(name):
    """Return the reason why `name` may not be unpacked, or None: it must be a plain relative path."""
    if not name or name.startswith("/") or "\\" in name or ":" in name.split("/")[0]:
        return "is not a relative path"
    if _CONTROL.search(name):
        return "has control characters"
    if _DOTS.search(name):
        return "leads out of its folder"
    return None


class Zip:
    """A zip in `length_bytes` bytes of an open file from `start_bytes` on; `title` names it in errors."""

    def __init__(self, descriptor, start_bytes, length_bytes, title):
        self.descriptor = descriptor
        self.start = start_bytes
        self.length = length_bytes
        self.title = title
        self.entries = {}
        self._read_directory()

    def _fail(self, text):
        return trust.damaged(self.title, text + ". The file is damaged; fetch it again.")

    def _pread(self, offset, count):
        if offset < 0 or count < 0 or offset + count > self.length:
            raise self._fail("an entry lies outside the file")
        data = os.pread(self.descriptor, count, self.start + offset)
        while len(data) < count:
            more = os.pread(self.descriptor, count - len(data), self.start + offset + len(data))
            if not more:
                raise self._fail("it ends too early")
            data += more
        return data

    def _read_directory(self):
        tail_size = min(self.length, _END.size + MAX_COMMENT_BYTES)
        tail = self._pread(self.length - tail_size, tail_size)
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or at + _END.size > len(tail):
            raise self._fail("it has no zip directory")
        _, disk, first_disk, here, total, size, offset, _ = _END.unpack_from(tail, at)
        end = self.length - tail_size + at
        # The distance between where the directory is and where it says it is: bytes put before the zip later.
        self.prefix = end - size - offset
        if disk or first_disk or here != total or size > MAX_DIRECTORY_BYTES or self.prefix < 0 or total >= MAX_ENTRIES:
            raise self._fail("its zip directory contradicts itself")
        directory = self._pread(end - size, size)
        position = 0
        for _ in range(total):
            position = self._read_entry(directory, position)
        if position != size:
            raise self._fail("its zip directory contradicts itself")

    def _read_entry(self, directory, position):
        if position + _CENTRAL.size > len(directory):
            raise self._fail("its zip directory is cut off")
        fields = _CENTRAL.unpack_from(directory, position)
        magic, made_by, _, flags, method, _, _, crc32, packed_size, size, name_size, extra_size, comment_size = fields[
            :13
        ]
        attributes, offset = fields[15:]
        end = position + _CENTRAL.size + name_size + extra_size + comment_size
        if magic != b"PK\x01\x02" or end > len(directory):
            raise self._fail("its zip directory is cut off")
        raw = directory[position + _CENTRAL.size : position + _CENTRAL.size + name_size]
        try:
            name = raw.decode("utf-8" if flags & 0x800 else "cp437")
        except UnicodeDecodeError:
            raise self._fail("it has an entry whose name is not UTF-8") from None
        mode = attributes >> 16 if made_by >> 8 == 3 else 0
        if name.endswith("/"):
            return end
        reason = check_name(name)
        if reason:
            raise self._fail("its entry %r %s" % (name, reason))
        if flags & FLAG_ENCRYPTED or method not in (STORED, DEFLATED) or mode & 0o170000 not in (0, 0o100000):
            raise self._fail("its entry %r is encrypted, a link or packed in an unknown way" % name)
        if name in self.entries or (method == STORED and packed_size != size):
            raise self._fail("its entry %r is there twice or contradicts itself" % name)
        self.entries[name] = Entry(
            name, raw, method, crc32, packed_size, size, offset + self.prefix, bool(mode & 0o111)
        )
        return end

    def find(self, name):
        """The entry called `name`; a missing one means a damaged file."""
        try:
            return self.entries[name]
        except KeyError:
            raise self._fail("it has no entry %r" % name) from None

    def place(self, entry):
        """Where the packed bytes of `entry` begin, after its local header was compared with the directory."""
        header = self._pread(entry.offset, _LOCAL.size + len(entry.raw_name))
        fields = _LOCAL.unpack_from(header)
        begin = entry.offset + _LOCAL.size + fields[9] + fields[10]
        if fields[0] != b"PK\x03\x04" or fields[3] != entry.method or begin + entry.packed_size > self.length:
            raise self._fail("its entry %r contradicts the directory" % entry.name)
        if fields[9] != len(entry.raw_name) or header[_LOCAL.size :] != entry.raw_name:
            raise self._fail("its entry %r has another name in its own header" % entry.name)
        return begin

    def chunks(self, entry):
        """The content of `entry` in pieces of a mebibyte at most; its length and CRC-32 are checked at the end."""
        begin = self.place(entry)
        checksum, size = 0, 0
        for piece in self._inflate(entry, begin) if entry.method == DEFLATED else self._stored(entry, begin):
            checksum = zlib.crc32(piece, checksum)
            size += len(piece)
            if size > entry.size:
                raise self._fail("its entry %r is longer than it says" % entry.name)
            yield piece
        if size != entry.size or checksum != entry.crc32:
            raise self._fail("its entry %r has other bytes than were packed" % entry.name)

    def _stored(self, entry, begin):
        for offset in range(0, entry.packed_size, CHUNK_BYTES):
            yield self._pread(begin + offset, min(CHUNK_BYTES, entry.packed_size - offset))

    def _inflate(self, entry, begin):
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for packed in self._stored(entry, begin):
                while packed:
                    yield inflater.decompress(packed, CHUNK_BYTES)
                    packed = inflater.unconsumed_tail
            yield inflater.flush()
        except zlib.error as error:
            raise self._fail("its entry %r cannot be unpacked (%s)" % (entry.name, error)) from None

    def read(self, name):
        """The whole content of a small entry."""
        return b"".join(self.chunks(self.find(name)))

    def inner(self, name):
        """The zip that is stored as the entry `name`, read in place."""
        entry = self.find(name)
        if entry.method != STORED:
            raise self._fail("its entry %r is not stored" % name)
        return Zip(self.descriptor, self.start + self.place(entry), entry.size, "%s: %s" % (self.title, name))

    def sha256(self, name):
        """SHA-256 of an entry's content as hex."""
        digest = hashlib.sha256()
        for piece in self.chunks(self.find(name)):
            digest.update(piece)
        return digest.hexdigest()


def open_zip(path, title):
    """Open the zip file at `path`; the caller closes `.descriptor`."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise trust.damaged(title, "it cannot be opened (%s)." % error.strerror) from None
    try:
        return Zip(descriptor, 0, os.fstat(descriptor).st_size, title)
    except BaseException:
        os.close(descriptor)
        raise
