//! From an `Authorization` header to a principal.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;

use super::tokens::secret_digest;
use crate::index::{Index, IndexError};
use crate::model::{Diagnostic, Kind, Permission, Principal, Timestamp};

/// How long a request waits for the note that its token was used, which is worth no more.
const TOUCH_PATIENCE: Duration = Duration::from_millis(200);

/// Why somebody may not do something.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A credential is needed and none was sent.
    #[error("this needs a token")]
    Missing,
    /// The header cannot be read.
    #[error("the `Authorization` header is not one of `Basic`, `Bearer` or `Token` with a token")]
    Malformed,
    /// No such token.
    #[error("the token is not known here")]
    Unknown,
    /// The token's time is over.
    #[error("the token has expired or was revoked")]
    Ended,
    /// A valid token that does not allow this.
    #[error("the token `{name}` does not allow `{permission}` here")]
    NotAllowed {
        /// Name of the token.
        name: String,
        /// What was needed.
        permission: Permission,
    },
    /// A token that reaches a part asks for what concerns the whole.
    #[error("{what}, and the token `{name}` does not reach all of them")]
    Limited {
        /// Name of the token.
        name: String,
        /// What was asked for, and whom it concerns, as the beginning of a sentence.
        what: &'static str,
    },
    /// The index did not answer.
    #[error("the token could not be checked")]
    Index(#[source] IndexError),
}

impl Diagnostic for AccessError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing => "access/token-missing",
            Self::Malformed => "access/authorization-malformed",
            Self::Unknown => "access/token-unknown",
            Self::Ended => "access/token-ended",
            Self::NotAllowed { .. } => "access/not-allowed",
            Self::Limited { .. } => "access/token-limited",
            Self::Index(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Missing | Self::Malformed | Self::Unknown | Self::Ended => Kind::Unauthenticated,
            Self::NotAllowed { .. } | Self::Limited { .. } => Kind::Forbidden,
            Self::Index(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NotAllowed { .. } | Self::Limited { .. } => Some("An administrator can make a token that does.".into()),
            Self::Index(error) => error.hint(),
            _ => Some(
                "Send the token as the password of user `__token__`, or as `Authorization: Bearer`. The first token is in \
                 the file `admin-token` of the data directory."
                    .into(),
            ),
        }
    }
}

/// Finds out who is asking.
///
/// No header is [`Principal::Anonymous`]; a header with anything but a live token is an error, also where anonymous
/// requests are allowed, so that a wrong token never reads as "package missing" (standards FIL-12).
pub async fn authenticate(
    index: &Index,
    now: Timestamp,
    authorization: Option<&str>,
) -> Result<Principal, AccessError> {
    let Some(header) = authorization else { return Ok(Principal::Anonymous) };
    let token = token_in(header).ok_or(AccessError::Malformed)?;
    let found = index.find_token(&secret_digest(&token)).await.map_err(AccessError::Index)?;
    let record = found.ok_or(AccessError::Unknown)?;
    if record.revoked_at.is_some() || record.expires_at.is_some_and(|end| end <= now) {
        return Err(AccessError::Ended);
    }
    // On a full disk, or behind a long change, reading is to go on.
    if record.is_due(now)
        && let Ok(Err(error)) = tokio::time::timeout(TOUCH_PATIENCE, index.touch_token(record.id, now)).await
    {
        tracing::warn!(error = %error, "the last use of token `{}` was not noted", record.name);
    }
    Ok(Principal::Token { name: record.name, scope: record.scope })
}

/// The token in an `Authorization` header: the password of `Basic` with any user name, or what follows `Bearer` or `Token`.
///
/// White space around it is dropped, because tokens are pasted from files (standards UPL-04).
fn token_in(header: &str) -> Option<String> {
    let (scheme, value) = header.trim().split_once([' ', '\t'])?;
    let value = value.trim();
    let token = match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "token" => value.to_owned(),
        "basic" => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(value).ok()?;
            // Any user name will do, also one in the Latin-1 of older clients.
            let colon = decoded.iter().position(|byte| *byte == b':')?;
            std::str::from_utf8(&decoded[colon + 1..]).ok()?.trim().to_owned()
        }
        _ => return None,
    };
    (!token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(pair: &str) -> String {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    }

    #[test]
    fn ok_every_form_that_clients_send() {
        for header in [
            "Bearer fw_1".to_owned(),
            "bearer  fw_1 ".to_owned(),
            "Token fw_1".to_owned(),
            "Bearer\tfw_1".to_owned(),
            basic("__token__:fw_1"),
            basic("anybody:fw_1"),
            basic("__token__: fw_1\n"),
        ] {
            assert_eq!(token_in(&header).as_deref(), Some("fw_1"), "{header}");
        }
    }

    #[test]
    fn ok_a_user_name_in_latin_1() {
        let pair = base64::engine::general_purpose::STANDARD.encode(b"j\xfcrgen:fw_1");
        assert_eq!(token_in(&format!("Basic {pair}")).as_deref(), Some("fw_1"));
    }

    #[test]
    fn err_what_is_no_token() {
        for header in ["", "Bearer", "Bearer ", "Digest x", "Basic !!!", &basic("no-colon"), &basic("user:")] {
            assert_eq!(token_in(header), None, "{header}");
        }
    }
}
