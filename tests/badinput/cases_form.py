"""Cases 1: file names and form fields."""
import base64

from corpus import MARK, add, esc, fname, pname, tgz
from ziplow import wheel


def names():
    def F(cid, filename, what, reason="filename-invalid", **kw):
        good = wheel(esc(cid))
        kw.setdefault("ref", "binary-distribution-format: File name convention")
        kw.setdefault("alt", ["filename-invalid", "filename-mismatch"])
        add(cid, "filename", what, good, "reject", reason, filename=filename, **kw)

    x = "x-1.0-py3-none-any.whl"
    F("fn-dotdot", "../../" + MARK + "-1.0-py3-none-any.whl", "path separators in the multipart file name")
    F("fn-backslash", "..\\..\\" + MARK + "-1.0-py3-none-any.whl", "backslash traversal in the file name")
    F("fn-absolute", "/tmp/" + MARK + "-1.0-py3-none-any.whl", "absolute path as the file name")
    F("fn-percent", "%2e%2e%2f" + MARK + "-1.0-py3-none-any.whl", "percent-encoded traversal in the file name",
      ref="pip CVE-2026-13346 (double decoding)")
    F("fn-nul", "bi_fn_nul-1.0-py3-none-any.whl\0.txt", "NUL inside the file name")
    F("fn-crlf", "bi_fn_crlf-1.0\r\nSet-Cookie: x=1\r\n-py3-none-any.whl", "CR LF inside the file name",
      ref="pypiserver CVE-2019-6802")
    F("fn-del", "bi_fn_del-1.0\x7f-py3-none-any.whl", "DEL (0x7f) inside the file name")
    F("fn-rtlo", "bi_fn_rtlo-1.0-py3-none-any\u202elhw.exe.whl", "right-to-left override inside the file name")
    F("fn-html", "bi_fn_html-1.0-py3-none-any\"><script>alert(1)<script>.whl",
      "HTML in the file name, aimed at the simple page", never=["<script>alert"])
    F("fn-query", "bi_fn_query-1.0-py3-none-any.whl?x=#sha256=00", "query and fragment characters in the file name")
    F("fn-cyrillic", "b\u0456_fn_cyrillic-1.0-py3-none-any.whl", "Cyrillic letter in the project part",
      "name-invalid")
    F("fn-fullwidth", "\uff42i_fn_fullwidth-1.0-py3-none-any.whl", "full-width letter that NFKC folds to ASCII",
      "name-invalid")
    F("fn-zwj", "bi_fn\u200d_zwj-1.0-py3-none-any.whl", "zero-width joiner in the project part", "name-invalid")
    F("fn-dotless-i", "b\u0131_fn_dotless_i-1.0-py3-none-any.whl", "dotless i: upper-casing makes it ASCII I",
      "name-invalid")
    F("fn-kelvin", "bi_fn_\u212aelvin-1.0-py3-none-any.whl", "KELVIN SIGN: lower() makes it ASCII k (regex IGNORECASE trap)",
      "name-invalid", ref="warehouse utils/project.py uses re.ASCII for this")
    F("fn-exe", "bi_fn_exe-1.0-py3-none-any.whl.exe", "extension is not .whl")
    F("fn-upper-ext", "bi_fn_upper_ext-1.0-py3-none-any.WHL", "extension in capitals (installers ignore the file)")
    F("fn-trailing-dot", "bi_fn_trailing_dot-1.0-py3-none-any.whl.", "trailing dot")
    F("fn-trailing-space", "bi_fn_trailing_space-1.0-py3-none-any.whl ", "trailing space")
    F("fn-two-parts", "bi_fn_two_parts-1.0.whl", "tags missing")
    F("fn-many-parts", "bi_fn_many_parts-1.0-1-2-py3-none-any.whl", "too many parts")
    F("fn-variant", "bi_fn_variant-1.0-py3-none-any-null.whl", "wheel variant (PEP 825), which is not enabled")
    F("fn-build-alpha", "bi_fn_build_alpha-1.0-a1-py3-none-any.whl", "build tag does not start with a digit")
    F("fn-bad-version", "bi_fn_bad_version-1.0.x-py3-none-any.whl", "version is not PEP 440", "version-invalid")
    F("fn-local-underscore", "bi_fn_local_underscore-1.0_cu1-py3-none-any.whl", "old escaping of a local version: no tool reads it since 2026",
      "version-invalid", level="should", note="an importer of old mirrors may map it to 1.0+cu1")
    F("fn-no-version", "bi_fn_no_version--py3-none-any.whl", "empty version", "version-invalid")
    F("fn-name-lead", "_bi_fn_name_lead-1.0-py3-none-any.whl", "project part starts with a separator", "name-invalid")
    F("fn-empty-tag", "bi_fn_empty_tag-1.0-py3.-none-any.whl", "empty member in a compressed tag set", "tag-invalid")
    F("fn-bad-tag", "bi_fn_bad_tag-1.0-py3-none-any!.whl", "character outside [A-Za-z0-9_.] in a tag", "tag-invalid")
    F("fn-long", "bi_fn_long-1.0-py3-none-" + "_".join(["x86_64"] * 60) + ".whl",
      "file name over 255 bytes", "filename-invalid")
    F("fn-tag-bomb", "bi_fn_tag_bomb-1.0-%s-%s-%s.whl" % (
        ".".join("py%d" % i for i in range(20)), ".".join("a%d" % i for i in range(20)),
        ".".join("l%d" % i for i in range(20))), "20x20x20 compressed tag set (8,000 tags)", "tag-invalid",
      note="limit to 1,000 expanded tags; the widest real sets seen are under 60")
    F("fn-other-name", "bi_something_else-1.0-py3-none-any.whl", "file name says another project than the form",
      "filename-mismatch")
    F("fn-other-version", "bi_fn_other_version-2.0-py3-none-any.whl", "file name says another version than the form",
      "filename-mismatch")

    def U(cid, what, reason, expect="reject", data=None, **send):
        v = send.pop("verify", None)
        kw = dict(verify=v) if v else {}
        for k in ("ref", "level", "status", "note", "alt"):
            if k in send:
                kw[k] = send.pop(k)
        add(cid, "form", what, wheel(esc(cid)) if data is None else data, expect, reason,
            send=dict(kind="upload", **send), **kw)

    U("fm-sha-wrong", "sha256_digest does not match the bytes", "digest-mismatch", fields={"sha256_digest": "0" * 64})
    U("fm-md5-wrong", "md5_digest wrong, sha256_digest right", "digest-mismatch", fields={"md5_digest": "0" * 32})
    U("fm-blake-wrong", "blake2_256_digest wrong, others right", "digest-mismatch",
      fields={"blake2_256_digest": "0" * 64})
    U("fm-sha-nothex", "sha256_digest is not hex", "form-invalid", fields={"sha256_digest": "g" * 64})
    U("fm-no-content", "no `content` part", "form-invalid", omit=["content"])
    U("fm-two-content", "two `content` parts with different bytes", "form-invalid", content_twice=True)
    U("fm-content-as-text", "`content` sent as a plain field without a file name", "form-invalid", content_plain=True)
    U("fm-no-action", "`:action` missing", "form-invalid", omit=[":action"], level="should",
      note="a server may accept; it must not guess another action")
    U("fm-action-submit", "retired action `submit`", "form-invalid", fields={":action": "submit"}, status=[400, 404, 410])
    U("fm-action-doc", "retired action `doc_upload` (devpi served such archives as HTML)", "form-invalid",
      fields={":action": "doc_upload"}, status=[400, 404, 410])
    U("fm-protocol-2", "protocol_version 2", "form-invalid", fields={"protocol_version": "2"}, level="should")
    U("fm-filetype", "filetype bdist_wininst for a .whl", "form-invalid", fields={"filetype": "bdist_wininst"})
    U("fm-filetype-sdist", "filetype sdist for a .whl", "form-invalid", fields={"filetype": "sdist"})
    U("fm-name-twice", "two `name` fields that differ (first-wins against last-wins)", "form-invalid",
      repeat=[["name", "pip"]])
    U("fm-name-other", "form name differs from METADATA and the file name", "filename-mismatch", name="pip")
    U("fm-name-unicode", "form name with Cyrillic letters", "name-invalid", name="b\u0456-fm-name-unicode")
    U("fm-name-empty", "form name empty", "form-invalid", name="", alt=["name-invalid"])
    U("fm-name-newline", "form name ends in a newline (regex $ trap)", "name-invalid", name="bi-fm-name-newline\n")
    U("fm-version-bad", "form version is not PEP 440", "version-invalid", version="not a version")
    U("fm-version-nul", "NUL in the form version (PostgreSQL text cannot hold it)", "version-invalid", version="1.0\0")
    U("fm-summary-nul", "NUL in a free-text field; must not end in a 500", "form-invalid", expect="safe",
      fields={"summary": "a\0b"}, status=[200, 201, 400, 422])
    U("fm-summary-surrogate", "field holds invalid UTF-8", "form-invalid", expect="safe",
      fields_b64={"summary": base64.b64encode(b"\xed\xa0\x80\xff").decode()},
      status=[200, 201, 400, 422])
    U("fm-meta-version", "form metadata_version 9.9", "metadata-invalid", fields={"metadata_version": "9.9"}, level="should")
    U("fm-big-field", "a 32 MiB text field", "too-large", fields_fill={"description": 32 << 20}, status=[400, 413])
    U("fm-hidden-deps", "form says no dependencies, METADATA has one; the index must serve METADATA's",
      "", expect="accept", verify=["core-metadata-equals-wheel"], ref="PyPI audit 2026 TOB-PYPI26-10",
      data=wheel(esc("fm-hidden-deps"), extra_meta="Requires-Dist: six\n"), fields={"requires_dist": ""})
    U("fm-fake-deps", "form claims a dependency METADATA lacks; the form must not win", "", expect="accept",
      verify=["core-metadata-equals-wheel"], repeat=[["requires_dist", "evil-package"]],
      ref="PyPI audit 2026 TOB-PYPI26-10")
    U("fm-attest-junk", "attestations field is not JSON", "form-invalid", expect="safe", fields={"attestations": "[{"},
      status=[200, 201, 400, 422], note="reject, or ignore if attestations are not supported; never store")
    add("fm-sdist", "form", "an sdist: stored, never put into a bundle",
        lambda: tgz([("bi_fm_sdist-1.0/PKG-INFO", b"Metadata-Version: 2.2\nName: bi-fm-sdist\nVersion: 1.0\n"), ("bi_fm_sdist-1.0/pyproject.toml", b"[build-system]\nrequires = []\n")]),
        "accept", "", level="should", filename="bi_fm_sdist-1.0.tar.gz",
        send=dict(kind="upload", fields={"filetype": "sdist", "pyversion": "source"}))
    add("fm-egg", "form", "an egg", wheel(esc("fm-egg")), "reject", "type-not-allowed",
        filename="bi_fm_egg-1.0-py3.11.egg", send=dict(kind="upload", fields={"filetype": "bdist_egg"}))
    # conflicts: `before` is sent first and must succeed
    other = wheel(esc("fm-reupload"), files={"bi_fm_reupload.py": b"OTHER = 1\n"})
    add("fm-reupload", "form", "same file name, other bytes: the first file must stay", other, "reject", "conflict",
        status=[400, 409], verify=["first-bytes-kept"], before="fm-reupload-first",
        ref="immutability; twine --skip-existing looks for 409 or 400 'already exist'")
    add("fm-reupload-first", "form", "the file that fm-reupload tries to replace", wheel(esc("fm-reupload")), "accept",
        filename=fname("fm-reupload"), send=dict(kind="upload", name=pname("fm-reupload")))
    add("fm-same-again", "form", "same file name, same bytes: a retry after a lost reply must succeed",
        wheel(esc("fm-same-again")), "accept", send=dict(kind="upload", times=2), status=[200, 201])
    add("fm-norm-collide", "form", "Bi.Fm_Reupload is the same project as bi-fm-reupload: same version and tags clash",
        wheel("Bi.Fm_Reupload", meta_name="Bi.Fm_Reupload"), "reject", "conflict", status=[400, 409],
        filename="Bi.Fm_Reupload-1.0-py3-none-any.whl", send=dict(kind="upload", name="Bi.Fm_Reupload"),
        before="fm-reupload-first", ref="simple-repository-api: normalized names", level="should")
    add("fm-version-collide", "form", "1.0.0 where 1.0 exists with the same tags: two files, one version",
        wheel(esc("fm-reupload"), "1.0.0"), "reject", "conflict", status=[400, 409], before="fm-reupload-first",
        filename="bi_fm_reupload-1.0.0-py3-none-any.whl", level="should",
        send=dict(kind="upload", name=pname("fm-reupload"), version="1.0.0"))
