//! Tokens: the digest of the secret, never the secret.

use super::db::both;
use super::rows::{from_json, text, time, to_json};
use super::{Index, IndexError, IndexTx};
use crate::model::{Scope, Sha256Digest, Timestamp};

/// The last use of a token is written at most this often, in microseconds: an hour.
const TOUCH_INTERVAL: i64 = 3_600_000_000;

/// Columns of [`TokenRow`].
macro_rules! token_columns {
    () => {
        "id, name, scope, created_at, expires_at, revoked_at, last_used_at"
    };
}

statements! {
    FIND_TOKEN = both(concat!("SELECT ", token_columns!(), " FROM tokens WHERE secret_sha256 = $1"));
    LIST_TOKENS = both(concat!("SELECT ", token_columns!(), " FROM tokens ORDER BY name, id"));
    FIND_LAST_USE = both("SELECT last_used_at FROM tokens WHERE id = $1");
    TOUCH_TOKEN = both(
        "UPDATE tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
    );
    INSERT_TOKEN = both(
        "INSERT INTO tokens (name, scope, secret_sha256, created_at, expires_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING RETURNING id",
    );
    REVOKE_TOKEN = both("UPDATE tokens SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL");
}

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

impl TokenRecord {
    /// Whether a use at `now` is worth remembering: the last one is longer ago than an hour.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| now.as_microsecond() - last.as_microsecond() >= TOUCH_INTERVAL)
    }
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: i64,
    name: String,
    scope: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TryFrom<TokenRow> for TokenRecord {
    type Error = IndexError;

    fn try_from(row: TokenRow) -> Result<Self, IndexError> {
        let optional = |micros: Option<i64>, column| micros.map(|micros| time(micros, column)).transpose();
        Ok(Self {
            id: row.id,
            name: row.name,
            scope: from_json(&row.scope, "tokens.scope")?,
            created_at: time(row.created_at, "tokens.created_at")?,
            expires_at: optional(row.expires_at, "tokens.expires_at")?,
            revoked_at: optional(row.revoked_at, "tokens.revoked_at")?,
            last_used_at: optional(row.last_used_at, "tokens.last_used_at")?,
        })
    }
}

impl Index {
    /// The token with this digest of its secret, also when it has expired or was withdrawn.
    pub async fn find_token(&self, secret_sha256: &Sha256Digest) -> Result<Option<TokenRecord>, IndexError> {
        let row: Option<TokenRow> = read!(&self.db, fetch_optional, FIND_TOKEN, secret_sha256.to_hex())?;
        row.map(TokenRecord::try_from).transpose()
    }

    /// All tokens, also withdrawn ones, by name and age.
    pub async fn list_tokens(&self) -> Result<Vec<TokenRecord>, IndexError> {
        let rows: Vec<TokenRow> = read!(&self.db, fetch_all, LIST_TOKENS)?;
        super::rows::all(rows)
    }

    /// Remembers that a token was used; written at most once an hour, without an audit event: it changes no meaning.
    pub async fn touch_token(&self, id: i64, at: Timestamp) -> Result<(), IndexError> {
        let now = at.as_microsecond();
        let row: Option<(Option<i64>,)> = read!(&self.db, fetch_optional, FIND_LAST_USE, id)?;
        let is_due = row.is_some_and(|(last,)| last.is_none_or(|last| now - last >= TOUCH_INTERVAL));
        if is_due {
            note!(&self.db, TOUCH_TOKEN, id, now)?;
        }
        Ok(())
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
        let id: Option<(i64,)> = fetch!(
            &mut self.tx,
            fetch_optional,
            INSERT_TOKEN,
            text(name, "name")?,
            to_json(scope, "scope")?,
            secret_sha256.to_hex(),
            self.clock.now().as_microsecond(),
            expires_at.map(Timestamp::as_microsecond),
        )?;
        id.map(|(id,)| id).ok_or_else(|| IndexError::TokenExists { name: name.to_owned() })
    }

    /// Withdraws the token of this name; false if there is none in use.
    pub async fn revoke_token(&mut self, name: &str) -> Result<bool, IndexError> {
        let now = self.clock.now().as_microsecond();
        let revoked = execute!(&mut self.tx, REVOKE_TOKEN, text(name, "name")?, now)?;
        Ok(revoked > 0)
    }
}
