//! Tokens: the digest of the secret, never the secret.

use super::{Index, IndexError, IndexTx};
use crate::model::{Scope, Sha256Digest, Timestamp};

/// A token as the index holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Key in the index.
    pub id: i64,
    /// Name for lists and the audit log.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Timestamp>,
}

impl Index {
    /// The token with this digest of its secret, also when it has expired or was withdrawn.
    pub async fn find_token(&self, secret_sha256: &Sha256Digest) -> Result<Option<TokenRecord>, IndexError> {
        let _ = secret_sha256;
        todo!()
    }

    /// All tokens, also withdrawn ones, by name and age.
    pub async fn list_tokens(&self) -> Result<Vec<TokenRecord>, IndexError> {
        todo!()
    }

    /// Remembers that a token was used; written at most once an hour, without an audit event: it changes no meaning.
    pub async fn touch_token(&self, id: i64, at: Timestamp) -> Result<(), IndexError> {
        let _ = (id, at);
        todo!()
    }
}

impl IndexTx {
    /// Records a token and gives its key; fails with [`IndexError::TokenExists`] while one of this name is not withdrawn.
    pub async fn create_token(
        &mut self,
        name: &str,
        scope: &Scope,
        secret_sha256: &Sha256Digest,
        expires_at: Option<Timestamp>,
    ) -> Result<i64, IndexError> {
        let _ = (name, scope, secret_sha256, expires_at);
        todo!()
    }

    /// Withdraws the token of this name; false if there is none in use.
    pub async fn revoke_token(&mut self, name: &str) -> Result<bool, IndexError> {
        let _ = name;
        todo!()
    }
}
