//! Files that a proxy in front sends: our answer has the headers and names the blob, the proxy adds the bytes.
//!
//! Who may have a file, its tag, HEAD, 304 and 416 stay ours. Ranges are cut by the proxy, which has the bytes.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

use super::download::Offer;
use crate::app::App;
use crate::config::SendFilesBy;
use crate::model::Sha256Digest;

/// Where nginx has to map the folder of blobs to, out of reach for clients; no route of ours begins with it.
const INTERNAL_PREFIX: &str = "/-/blobs";

const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");

const X_SENDFILE: HeaderName = HeaderName::from_static("x-sendfile");

/// The answer that has a proxy send the whole offer or a range of it; `None` when the bytes are ours to send.
pub fn handed_over(app: &App, digest: &Sha256Digest, offer: &Offer<'_>) -> Option<Response> {
    let (name, place) = match app.settings.send_files_by {
        SendFilesBy::Server => return None,
        SendFilesBy::XAccelRedirect => (X_ACCEL_REDIRECT, below_prefix(digest)),
        SendFilesBy::XSendfile => (X_SENDFILE, escaped(app.blobs.path_of(digest)?.as_os_str().as_encoded_bytes())),
    };
    let mut response = offer.whole(Body::empty());
    let headers = response.headers_mut();
    // The length of what we send is that of nothing; the proxy knows the length of the file.
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(name, HeaderValue::from_str(&place).ok()?);
    Some(response)
}

fn below_prefix(digest: &Sha256Digest) -> String {
    let hex = digest.to_hex();
    format!("{INTERNAL_PREFIX}/{}/{}/{hex}", &hex[..2], &hex[2..4])
}

/// A path as `mod_xsendfile` reads it, which decodes percent signs; a header holds no other bytes either.
fn escaped(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for &byte in path {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_bytes_behind_percent_signs() {
        assert_eq!(escaped(b"/srv/a b%/\xc3\xa9/ab"), "/srv/a%20b%25/%C3%A9/ab");
    }
}
