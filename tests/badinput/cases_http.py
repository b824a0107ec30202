"""Cases 5: raw connections, URLs and headers."""
import hashlib

import corpus
from corpus import MARK, add, gz
from ziplow import wheel


def https():
    def X(cid, what, raw, reason="http-malformed", expect="reject", status=(400,), max_responses=1, **kw):
        """{{HOST}} {{UPLOAD}} {{AUTH}} {{SIMPLE}} are replaced by the runner."""
        if isinstance(raw, str):
            raw = raw.encode("latin-1")
        add(cid, "http", what, raw, expect, reason, disk="request.http", filename="request.http",
            send=dict(kind="raw", max_responses=max_responses), status=list(status), **kw)

    P = "POST {{UPLOAD}} HTTP/1.1\r\nHost: {{HOST}}\r\n{{AUTH}}"
    G = "GET {{SIMPLE}} HTTP/1.1\r\nHost: {{HOST}}\r\n"
    smug = "GET /smuggled HTTP/1.1\r\nHost: {{HOST}}\r\n\r\n"
    X("ht-cl-te", "Content-Length and Transfer-Encoding together", P + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smug,
      ref="RFC 9112 6.1", expect="safe", status=(400, 401, 403, 411, 415, 422), note="400 and close is best; never two answers", max_responses=1)
    X("ht-cl-cl", "two different Content-Length", P + "Content-Length: 5\r\nContent-Length: 60\r\n\r\nhello" + smug)
    X("ht-cl-list", "Content-Length: 5, 60", P + "Content-Length: 5, 60\r\n\r\nhello" + smug)
    X("ht-cl-plus", "Content-Length: +5", P + "Content-Length: +5\r\n\r\nhello" + smug)
    X("ht-cl-neg", "Content-Length: -1", P + "Content-Length: -1\r\n\r\n")
    X("ht-cl-huge", "Content-Length 2**64", P + "Content-Length: 18446744073709551616\r\n\r\nx", status=(400, 413))
    X("ht-te-x", "Transfer-Encoding: xchunked", P + "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nhello" + smug, status=(400, 501))
    X("ht-te-ws", "Transfer-Encoding : chunked (space before the colon)", P + "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\nhello" + smug)
    X("ht-te-two", "chunked, identity", P + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smug, status=(400, 501))
    X("ht-chunk-size", "chunk size not hex", P + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", status=(400, 401, 403, 415))
    X("ht-chunk-huge", "chunk size of 17 hex digits", P + "Transfer-Encoding: chunked\r\n\r\n1ffffffffffffffff\r\nx", status=(400, 401, 403, 413, 415))
    X("ht-chunk-ext", "64 KiB chunk extension", P + "Transfer-Encoding: chunked\r\n\r\n5;" + "a" * 65536 + "\r\nhello\r\n0\r\n\r\n",
      expect="safe", status=(400, 401, 403, 413, 415))
    X("ht-bare-lf", "header lines end in LF only", (P + "Content-Length: 0\r\n\r\n").replace("\r\n", "\n"), expect="safe", status=(400, 401, 403, 411, 415, 422))
    X("ht-obs-fold", "folded header line", G + "X-A: a\r\n b\r\n\r\n", expect="safe", status=(200, 400))
    X("ht-nul-header", "NUL in a header value", G + "X-A: a\0b\r\n\r\n")
    X("ht-no-host", "HTTP/1.1 without Host", "GET {{SIMPLE}} HTTP/1.1\r\n\r\n", expect="safe", status=(200, 400))
    X("ht-two-host", "two Host headers", "GET {{SIMPLE}} HTTP/1.1\r\nHost: {{HOST}}\r\nHost: evil.example\r\n\r\n", expect="safe", status=(200, 400), never=["evil.example"])
    X("ht-absolute", "absolute-form target with another host", "GET http://evil.example{{SIMPLE}} HTTP/1.1\r\nHost: {{HOST}}\r\n\r\n",
      expect="safe", status=(200, 400, 404, 421), never=["evil.example"])
    X("ht-big-header", "one header of 1 MiB", G + "X-A: " + "a" * (1 << 20) + "\r\n\r\n", status=(400, 431))
    X("ht-many-headers", "10,000 headers", G + "".join("X-%d: 1\r\n" % i for i in range(10000)) + "\r\n", status=(400, 431))
    X("ht-big-uri", "URI of 1 MiB", "GET /" + "a" * (1 << 20) + " HTTP/1.1\r\nHost: {{HOST}}\r\n\r\n", status=(400, 404, 414, 431))
    X("ht-trace", "TRACE", "TRACE / HTTP/1.1\r\nHost: {{HOST}}\r\nCookie: secret=1\r\n\r\n", status=(400, 404, 405, 501), never=["secret=1"])
    X("ht-connect", "CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", status=(400, 404, 405, 501))
    X("ht-gzip-body", "gzip-encoded request body that inflates to 256 MiB", gzip_body(P), reason="unsupported-media", status=(400, 401, 413, 415))
    M = "multipart/form-data; boundary="

    def mp(body, boundary="b", head=""):
        body = body if isinstance(body, bytes) else body.encode("latin-1")
        return (P + "Content-Type: " + M + boundary + "\r\n" + head + "Content-Length: %d\r\n\r\n" % len(body)).encode("latin-1") + body
    part = lambda n, v: '--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (n, v)
    X("mp-no-boundary", "multipart without boundary", P + "Content-Type: multipart/form-data\r\nContent-Length: 5\r\n\r\nhello", "form-invalid", status=(400, 415, 422))
    X("mp-long-boundary", "boundary of 8 KiB", mp("x", "a" * 8192), "form-invalid", status=(400, 415, 422))
    X("mp-empty-boundary", "empty boundary", mp("--\r\n", '""'), "form-invalid", status=(400, 415, 422))
    X("mp-no-end", "closing boundary missing", mp(part(":action", "file_upload") + part("name", "x")[:-2]), "form-invalid", status=(400, 422))
    X("mp-many-parts", "50,000 parts", mp("".join(part("f%d" % i, "") for i in range(50000)) + "--b--\r\n"), "form-invalid", status=(400, 413, 422))
    X("mp-big-part-header", "1 MiB part header", mp('--b\r\nContent-Disposition: form-data; name="a"\r\nX-A: ' + "a" * (1 << 20) + "\r\n\r\nx\r\n--b--\r\n"),
      "form-invalid", status=(400, 413, 422))
    X("mp-preamble", "8 MiB preamble", mp("a" * (8 << 20) + "\r\n--b--\r\n"), "form-invalid", status=(400, 413, 422))
    X("mp-no-name", "part without a name", mp("--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"), "form-invalid", status=(400, 422))
    X("mp-no-disposition", "part without Content-Disposition", mp("--b\r\n\r\nx\r\n--b--\r\n"), "form-invalid", status=(400, 422))
    X("mp-te-base64", "part with Content-Transfer-Encoding: base64 (must not be decoded)", mp(
        '--b\r\nContent-Disposition: form-data; name=":action"\r\nContent-Transfer-Encoding: base64\r\n\r\nZmlsZV91cGxvYWQ=\r\n--b--\r\n'),
      "form-invalid", status=(400, 422))
    w = wheel("bi_mp_two_filenames")
    disp = ('--b\r\nContent-Disposition: form-data; name="content"; filename="bi_mp_two_filenames-1.0-py3-none-any.whl"; '
            "filename*=UTF-8''..%2f..%2ftmp%2f" + MARK + "\r\n\r\n").encode()
    fields = "".join(part(k, v) for k, v in ((":action", "file_upload"), ("protocol_version", "1"), ("metadata_version", "2.1"),
                     ("name", "bi-mp-two-filenames"), ("version", "1.0"), ("filetype", "bdist_wheel"), ("pyversion", "py3"),
                     ("sha256_digest", hashlib.sha256(w).hexdigest()))).encode()
    X("mp-two-filenames", "filename and filename* disagree", mp(fields + disp + w + b"\r\n--b--\r\n"), "filename-invalid", expect="safe",
      status=(200, 201, 400, 422), note="use filename only, or refuse; never the decoded filename*")
    X("mp-client-abort", "claims 10 MiB, sends 1 KiB, closes", (
        P + "Content-Type: " + M + "b\r\nContent-Length: 10485760\r\n\r\n").encode() + fields[:1024], "client-abort", expect="safe",
      status=(), verify=["no-temp-left"], max_responses=1)
    X("mp-expect-100", "Expect: 100-continue with 100 GiB announced: answer before the body", P +
      "Content-Type: " + M + "b\r\nExpect: 100-continue\r\nContent-Length: 107374182400\r\n\r\n", "too-large", status=(401, 403, 413, 417))
    X("au-basic-junk", "Basic credentials that are not base64", G + "Authorization: Basic !!!!\r\n\r\n", "auth-invalid", status=(200, 400, 401, 403), expect="safe")
    X("au-basic-nocolon", "Basic credentials without colon", G + "Authorization: Basic Zm9v\r\n\r\n", "auth-invalid", status=(200, 400, 401, 403), expect="safe")
    X("au-basic-long", "Basic password of 512 KiB (hash cost)", G + "Authorization: Basic " + "QUFB" * (1 << 17) + "\r\n\r\n", "auth-invalid",
      status=(400, 401, 403, 413, 431), expect="safe", verify=["under-200ms"])
    X("au-bearer-nul", "two Authorization headers", G + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", "auth-invalid",
      status=(200, 400, 401, 403), expect="safe")
    X("au-cookie-flood", "4,000 cookies", G + "Cookie: " + "; ".join("c%d=1" % i for i in range(4000)) + "\r\n\r\n", "http-malformed",
      status=(200, 400, 413, 431), expect="safe")

    def T(cid, what, target, status=(400, 404), never=("root:", MARK), headers=None, expect="safe", method="GET", **kw):
        if not cid.startswith(corpus.ARGS.only):
            return
        corpus.SEEN.add(cid)
        corpus.CASES.append(dict(id=cid, group="url", what=what, expect=expect, level=kw.pop("level", "must"),
                          send=dict(kind="request", method=method, target=target, headers=headers or {}),
                          status=list(status), never=list(never), **kw))
    for i, t in enumerate(("/{F}/..%2f..%2f..%2f..%2fetc%2fpasswd", "/{F}/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/{F}/../../../../etc/passwd",
                           "/{F}/..%252f..%252f..%252fetc%252fpasswd", "/{F}/..%c0%af..%c0%afetc/passwd", "/{F}/..%5c..%5cetc%5cpasswd",
                           "/{F}//etc/passwd", "/%2F%2F%2F%2F%2F%2F%2F..%2F..%2F..%2F..%2F..%2Fetc%2Fpasswd", "/static/../../../etc/passwd",
                           "/static/%2e%2e%2f%2e%2e%2fetc/passwd", "/{F}/x%00.whl", "/{F}/" + "a/" * 4000 + "x")):
        T("ur-trav-%02d" % i, "path traversal in a download URL", t, status=(301, 303, 308, 400, 404, 405, 414),
          ref="Nexus CVE-2024-4956" if i == 7 else "CWE-22")
    T("ur-redir-1", "open redirect through //", "//evil.example/%2f..", status=(301, 302, 307, 308, 400, 404, 405),
      never=["Location: //evil", "Location: http://evil", "Location: https://evil"], ref="CPython CVE-2021-28861")
    T("ur-redir-2", "open redirect through the missing-slash rule", "/simple//evil.example", status=(200, 301, 302, 307, 308, 400, 404),
      never=["Location: //evil", "Location: http://evil", "Location: https://evil"])
    T("ur-redir-3", "open redirect with a backslash", "/\\evil.example/..", status=(301, 302, 307, 308, 400, 404, 405),
      never=["Location: /\\evil", "Location: //evil", "Location: http://evil"])
    T("ur-redir-next", "login return address on another host", "/login?next=https://evil.example/", status=(200, 302, 303, 307, 400, 404, 405),
      never=["Location: https://evil", 'href="https://evil', 'action="https://evil'])
    T("ur-crlf", "CR LF in the path of a redirect", "/simple/x%0d%0aSet-Cookie:%20a=1%0d%0a/y", status=(301, 302, 307, 308, 400, 404),
      never=["\r\nSet-Cookie: a=1"], ref="pypiserver CVE-2019-6802")
    T("ur-xss-name", "script in a project name of a 404 page", "/simple/%3Cscript%3Ealert(1)%3C%2Fscript%3E/", status=(301, 302, 308, 400, 404),
      never=["<script>alert"])
    T("ur-xss-search", "script in the search box", "/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", status=(200, 301, 302, 303, 400, 404),
      never=["<script>alert"], ref="pypiserver #77")
    T("ur-sqli", "SQL in a project name", "/simple/x'%20OR%201=1--/", status=(301, 302, 308, 400, 404), never=["SQL", "sqlite", "syntax"])
    T("ur-like", "LIKE wildcards in search (must not scan for %%%%)", "/search?q=" + "%25" * 2000, status=(200, 301, 302, 303, 400, 404, 414), never=["panick"])
    T("ur-host", "Host header of another site", "/simple/", status=(200, 400, 401, 403, 404, 421), never=["evil.example"], headers={"Host": "evil.example"})
    T("ur-xfh", "X-Forwarded-Host from an untrusted peer", "/simple/", status=(200, 400, 401, 403, 404), never=["evil.example"],
      headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example;proto=https",
               "X-Forwarded-Prefix": "//evil.example", "X-Original-URL": "/admin", "X-Rewrite-URL": "/admin"})
    T("ur-xff", "X-Forwarded-For must not dodge the login limit", "/simple/", status=(200, 401, 403, 404), never=[], headers={"X-Forwarded-For": "127.0.0.1"})
    T("ur-accept-json", "JSON asked for: Vary must say Accept", "/simple/", status=(200, 401, 404), never=[],
      headers={"Accept": "application/vnd.pypi.simple.v1+json"}, need=["vary: accept"])
    T("ur-accept-bad", "unknown Accept: 406 or HTML, never JSON under an HTML key", "/simple/", status=(200, 401, 404, 406), never=[],
      headers={"Accept": "application/x-evil"})
    T("ur-accept-bomb", "Accept with 5,000 entries", "/simple/", status=(200, 400, 401, 404, 406, 413, 431), never=[],
      headers={"Accept": ",".join("a/b%d;q=0.%d" % (i, i % 10) for i in range(5000))})
    T("ur-range-many", "2,000 overlapping ranges", "{FILE}", status=(200, 206, 400, 404, 416), never=[],
      headers={"Range": "bytes=" + ",".join("0-" for _ in range(2000))}, verify=["body-not-over-2x"], ref="CVE-2011-3192 shape")
    T("ur-range-bad", "Range: bytes=9-1", "{FILE}", status=(200, 400, 404, 416), never=[], headers={"Range": "bytes=9-1"})
    T("ur-range-huge", "Range end 2**70", "{FILE}", status=(200, 206, 400, 404, 416), never=[], headers={"Range": "bytes=0-1180591620717411303424"})
    T("ur-etag-long", "If-None-Match of 60 KiB", "/simple/", status=(200, 304, 400, 401, 404, 413, 431), never=[], headers={"If-None-Match": '"' + "a" * 61440 + '"'})
    T("ur-cors", "evil Origin must not be echoed with credentials", "/api/v1/whoami", status=(200, 400, 401, 403, 404), never=["access-control-allow-origin: https://evil.example"],
      headers={"Origin": "https://evil.example"})
    T("ur-method", "DELETE on a blob without rights", "{FILE}", status=(401, 403, 404, 405), never=[], method="DELETE")
    T("ur-csrf", "cross-site POST with a cookie but without token", "/upload", status=(400, 401, 403, 404, 405, 415, 422), never=[], method="POST",
      headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "application/x-www-form-urlencoded", "Content-Length": "0"})


def gzip_body(P):
    body = gz(b"\0" * (256 << 20)) if not corpus.ARGS.only or "ht-gzip-body".startswith(corpus.ARGS.only) else b""
    return (P + "Content-Type: multipart/form-data; boundary=b\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)).encode() + body
