"""What every group of cases uses: the list of cases, and the ways to add one."""
import hashlib
import io
import os
import tarfile
import gzip

from ziplow import build, wheel_entries

MARK = "badinput_escape_marker"        # must never exist outside an extraction folder
CASES, SEEN = [], set()
ARGS = None


def pname(cid):
    return "bi-" + cid


def esc(cid):
    return "bi_" + cid.replace("-", "_")


def fname(cid, version="1.0", tag="py3-none-any", build_tag=""):
    return "%s-%s-%s%s.whl" % (esc(cid), version, build_tag + "-" if build_tag else "", tag)


def add(cid, group, what, data, expect, reason="", *, ref="", level="must", send=None, heavy=False,
        filename=None, disk=None, **extra):
    if heavy and not ARGS.heavy or not cid.startswith(ARGS.only):
        return
    assert cid not in SEEN, cid
    SEEN.add(cid)
    send = dict(send or {"kind": "upload"})
    case = dict(id=cid, group=group, what=what, expect=expect, level=level)
    if reason:
        case["reason"] = reason
    if ref:
        case["ref"] = ref
    if data is not None:
        if callable(data):
            data = data()
        real = filename or fname(cid)
        disk = disk or (real if real.isascii() and real.isprintable() and not set('/\\"%') & set(real)
                        and len(real) < 200 else fname(cid))
        path = os.path.join("files", cid, disk)
        os.makedirs(os.path.join(ARGS.out, "files", cid), exist_ok=True)
        with open(os.path.join(ARGS.out, path), "wb") as f:
            f.write(data)
        case.update(file=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        if send["kind"] == "upload":
            send.setdefault("filename", real)
            send.setdefault("name", pname(cid))
            send.setdefault("version", "1.0")
    case["send"] = send
    case.update(extra)
    CASES.append(case)


def W(cid, what, expect, reason="", *, ref="", level="must", zipargs=None, entries=None, post=None,
      filename=None, version="1.0", send=None, heavy=False, group="wheel", **kw):
    """A wheel case: `kw` spoils the wheel, `entries` edits the member list, `post` the bytes."""
    extra = {k: kw.pop(k) for k in list(kw) if k in ("verify", "never", "warn", "status", "note", "alt") if kw.get(k) is not None}
    kw.pop("alt", None)
    if ARGS and (heavy and not ARGS.heavy or not cid.startswith(ARGS.only)):
        return
    tag = kw.get("tag", "py3-none-any")
    es = wheel_entries(esc(cid) if "wname" not in kw else kw.pop("wname"), version, **kw)
    if entries:
        es = entries(es) or es
    data = build(es, **(zipargs or {}))
    if post:
        data = post(data)
    s = dict(send or {})
    s.setdefault("kind", "upload")
    s.setdefault("version", version)
    add(cid, group, what, data, expect, reason, ref=ref, level=level, heavy=heavy, send=s,
        filename=filename or fname(cid, version, tag), **extra)


def R(cid, what, strict="", mirror=None, *, data=None, filename=None, zipargs=None, entries=None, post=None, version="1.0",
      tag="py3-none-any", name=None, **kw):
    """A case that says which rules are told of it, under each profile.

    `strict` and `mirror` are findings as `RULE reason`, joined by commas, `!` before those that refuse. `mirror` is the
    same as `strict` unless given; `NOTED` means the same findings, none of which refuses.
    """
    cid = "r-" + cid
    if not cid.startswith(ARGS.only):
        return
    told = dict(strict=split(strict), mirror=split(strict if mirror is None else mirror))
    if mirror == NOTED:
        told["mirror"] = [finding.lstrip("!") for finding in told["strict"]]
    if data is None:
        es = wheel_entries(name or esc(cid), version, tag=tag, **kw)
        if entries:
            es = entries(es) or es
        data = build(es, **(zipargs or {}))
    if post:
        data = post(data)
    refusals = [finding for finding in told["strict"] if finding.startswith("!")]
    add(cid, "rules", what, data, "reject" if refusals else "accept", refusals[0].split()[1] if refusals else "",
        filename=filename or "%s-%s-%s.whl" % (name or esc(cid), version, tag), rules=told,
        send=dict(kind="upload", version=version))


NOTED = "noted"


def split(findings):
    return [finding.strip() for finding in findings.split(",") if finding.strip()]


def both(entry, **fields):
    """Both headers of an entry say this."""
    entry.local.update(fields)
    entry.central.update(fields)


def tinfo(name, size=0, type_=tarfile.REGTYPE, link="", mode=0o644, **kw):
    t = tarfile.TarInfo(name)
    t.size, t.type, t.linkname, t.mode = size, type_, link, mode
    for k, v in kw.items():
        setattr(t, k, v)
    return t


def tar(items, fmt=tarfile.PAX_FORMAT, end=True):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w", format=fmt) as t:
        for it in items:
            if isinstance(it, tuple):
                t.addfile(tinfo(it[0], len(it[1])), io.BytesIO(it[1]))
            else:
                t.addfile(it)
    d = b.getvalue()
    return d if end else d.rstrip(b"\0")


def gz(d):
    b = io.BytesIO()
    with gzip.GzipFile(fileobj=b, mode="wb", mtime=0, compresslevel=9) as f:
        f.write(d)
    return b.getvalue()


def tgz(items, **kw):
    return gz(tar(items, **kw))
