//! Upload sessions (PEP 694): one that is alive for each release of a channel, and what became of those that ended.
//!
//! To begin, to publish and to give up a session needs an audit event. What happens inside of one that is open changes no
//! meaning and needs none; those writes are in `upload_files`.

use std::collections::BTreeMap;

use super::db::{both, pair};
use super::rows::{from_json, parse, text, time};
use super::{Index, IndexError, IndexTx};
use crate::model::{
    Channel, ChannelName, NewUploadSession, Principal, SessionState, SessionToken, Timestamp, UploadSession,
};
use crate::packaging::{ProjectName, Version, release_key};

/// Columns of [`SessionRow`].
macro_rules! session_columns {
    () => {
        "s.id, s.token, c.name AS channel, s.project, s.display_name, s.version, s.state, s.created_at, s.created_by, \
         s.expires_at, s.ended_at, s.notices"
    };
}

/// A session that has not ended; the words of the index that finds it.
macro_rules! alive {
    () => {
        "s.state IN ('open', 'processing', 'error')"
    };
}

statements! {
    FIND_SESSION = both(concat!(
        "SELECT ", session_columns!(), " FROM upload_sessions s JOIN channels c ON c.id = s.channel_id WHERE s.token = $1",
    ));
    FIND_ALIVE = both(concat!(
        "SELECT ", session_columns!(), " FROM upload_sessions s JOIN channels c ON c.id = s.channel_id \
         WHERE s.project = $1 AND s.version_key = $2 AND c.name = $3 AND ", alive!(),
    ));
    /// Who began the first of the sessions that hold a name which no project has.
    FIND_RESERVATION = both(concat!(
        "SELECT s.created_by FROM upload_sessions s WHERE s.project = $1 AND ", alive!(), " AND s.expires_at > $2 \
         AND NOT EXISTS (SELECT 1 FROM projects p WHERE p.name = $1) ORDER BY s.id LIMIT 1",
    ));
    /// Of every name that is kept; the first of its sessions stands first.
    LIST_RESERVATIONS = both(concat!(
        "SELECT s.project, s.created_by FROM upload_sessions s WHERE ", alive!(), " AND s.expires_at > $1 \
         AND NOT EXISTS (SELECT 1 FROM projects p WHERE p.name = s.project) ORDER BY s.id",
    ));
    /// Keeps others from beginning a session, and from making a project, until the end of the transaction. SQLite has one
    /// writer at a time anyway.
    HOLD_SESSIONS = pair("SELECT 1", "LOCK TABLE upload_sessions IN SHARE ROW EXCLUSIVE MODE");
    /// Waits for whoever begins a session, and keeps others from it.
    HOLD_NAMES = pair("SELECT 1", "LOCK TABLE upload_sessions IN ROW EXCLUSIVE MODE");
    INSERT_SESSION = both(
        "INSERT INTO upload_sessions (token, channel_id, project, display_name, version, version_key, state, created_at, \
         created_by, expires_at, notices) \
         SELECT $1, c.id, $3, $4, $5, $6, 'open', CAST($7 AS BIGINT), $8, CAST($9 AS BIGINT), '[]' \
         FROM channels c WHERE c.name = $2 ON CONFLICT DO NOTHING RETURNING id",
    );
    /// Takes the session for whoever ends it: whoever comes later finds it ended.
    END_SESSION = both(
        "UPDATE upload_sessions SET state = $2, ended_at = CAST($3 AS BIGINT), forget_at = CAST($4 AS BIGINT) \
         WHERE id = $1 AND state IN ('open', 'error') AND expires_at > CAST($3 AS BIGINT) RETURNING id",
    );
    EXTEND_SESSION = both(
        "UPDATE upload_sessions SET expires_at = CAST($2 AS BIGINT) WHERE id = $1 AND state IN ('open', 'error') \
         AND expires_at < CAST($2 AS BIGINT) AND expires_at > CAST($3 AS BIGINT)",
    );
    LIST_EXPIRED = both(concat!(
        "SELECT s.id FROM upload_sessions s WHERE ", alive!(), " AND s.ended_at IS NULL AND s.expires_at <= $1 ORDER BY s.id",
    ));
    /// Whatever state it is in: what was to be published later has not been for a whole life.
    EXPIRE_SESSION = both(
        "UPDATE upload_sessions SET state = 'canceled', ended_at = CAST($2 AS BIGINT), forget_at = CAST($3 AS BIGINT) \
         WHERE id = $1 AND ended_at IS NULL",
    );
    FORGET_SESSIONS = both("DELETE FROM upload_sessions WHERE ended_at IS NOT NULL AND forget_at <= $1");
    COUNT_CANCELED = both("SELECT COUNT(*) FROM upload_sessions WHERE state = 'canceled' AND ended_at >= $1");
    /// Bytes that only the session has named are garbage from here on; those of published files are named by their rows.
    LET_BYTES_GO = both(
        "UPDATE upload_files SET staged = NULL, sha256 = NULL, metadata_sha256 = NULL, provenance_sha256 = NULL, \
         attestations = NULL WHERE session_id = $1",
    );
    CANCEL_FILES = both("UPDATE upload_files SET state = 'canceled' WHERE session_id = $1");
    FIND_PROJECT_KEY = both("SELECT id FROM projects WHERE name = $1");
    INSERT_EMPTY_PROJECT = both(
        "INSERT INTO projects (name, display_name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING RETURNING id",
    );
    SHOW_EMPTY_PROJECT = both(
        "INSERT INTO channel_projects (channel_id, project_id, last_serial) VALUES ($1, $2, $3)",
    );
    /// The interval by which older snapshots know since when the project is there.
    OPEN_EMPTY_PROJECT = both(
        "INSERT INTO project_status (channel_id, project_id, from_serial, status, reason) \
         VALUES ($1, $2, $3, 'active', NULL)",
    );
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    id: i64,
    token: String,
    channel: String,
    project: String,
    display_name: String,
    version: String,
    state: String,
    created_at: i64,
    created_by: String,
    expires_at: i64,
    ended_at: Option<i64>,
    notices: String,
}

impl TryFrom<SessionRow> for UploadSession {
    type Error = IndexError;

    fn try_from(row: SessionRow) -> Result<Self, IndexError> {
        Ok(Self {
            key: row.id,
            token: parse(&row.token, "upload_sessions.token")?,
            channel: parse(&row.channel, "channels.name")?,
            project: parse(&row.project, "upload_sessions.project")?,
            display_name: row.display_name,
            version: parse(&row.version, "upload_sessions.version")?,
            state: parse(&row.state, "upload_sessions.state")?,
            created_at: time(row.created_at, "upload_sessions.created_at")?,
            created_by: row.created_by,
            expires_at: time(row.expires_at, "upload_sessions.expires_at")?,
            ended_at: row.ended_at.map(|at| time(at, "upload_sessions.ended_at")).transpose()?,
            notices: from_json(&row.notices, "upload_sessions.notices")?,
        })
    }
}

impl Index {
    /// The session with this token, whatever has become of it.
    pub async fn find_upload_session(&self, token: &SessionToken) -> Result<Option<UploadSession>, IndexError> {
        let row: Option<SessionRow> = read!(&self.db, fetch_optional, FIND_SESSION, token.to_string())?;
        row.map(UploadSession::try_from).transpose()
    }

    /// Name of the principal that a session keeps this name for; `None` if there is none, or the project exists.
    pub async fn find_reservation(&self, project: &ProjectName) -> Result<Option<String>, IndexError> {
        let now = self.clock.now().as_microsecond();
        let row: Option<(String,)> = read!(&self.db, fetch_optional, FIND_RESERVATION, project.as_str(), now)?;
        Ok(row.map(|(by,)| by))
    }

    /// Gives a session that is open more time; false if it has as much, or is open no more.
    pub async fn extend_upload_session(
        &self,
        session: &UploadSession,
        expires_at: Timestamp,
    ) -> Result<bool, IndexError> {
        let (until, now) = (expires_at.as_microsecond(), self.clock.now().as_microsecond());
        note!(&self.db, EXTEND_SESSION, session.key, until, now)?;
        let now = self.find_upload_session(&session.token).await?;
        Ok(now.is_some_and(|now| now.expires_at > session.expires_at))
    }

    /// How many sessions were given up since then.
    pub async fn count_canceled_upload_sessions(&self, since: Timestamp) -> Result<i64, IndexError> {
        let (count,): (i64,) = read!(&self.db, fetch_one, COUNT_CANCELED, since.as_microsecond())?;
        Ok(count)
    }
}

impl IndexTx {
    /// Keeps others from beginning a session until the end of the transaction. Call it before anything else.
    pub async fn hold_upload_sessions(&mut self) -> Result<(), IndexError> {
        execute!(&mut self.tx, HOLD_SESSIONS).map(drop)
    }

    /// The session for a release that has not ended, expired ones too.
    pub async fn find_alive_upload_session(
        &mut self,
        channel: &ChannelName,
        project: &ProjectName,
        version: &Version,
    ) -> Result<Option<UploadSession>, IndexError> {
        let key = release_key(version);
        let row: Option<SessionRow> =
            fetch!(&mut self.tx, fetch_optional, FIND_ALIVE, project.as_str(), key.as_str(), channel.as_str())?;
        row.map(UploadSession::try_from).transpose()
    }

    /// As [`Index::find_reservation`]; the answer holds until the end of the transaction.
    pub async fn find_reservation(&mut self, project: &ProjectName) -> Result<Option<String>, IndexError> {
        execute!(&mut self.tx, HOLD_NAMES)?;
        let now = self.clock.now().as_microsecond();
        let row: Option<(String,)> = fetch!(&mut self.tx, fetch_optional, FIND_RESERVATION, project.as_str(), now)?;
        Ok(row.map(|(by,)| by))
    }

    /// Every name that [`IndexTx::find_reservation`] tells of, with the principal that it is kept for.
    pub(super) async fn list_reservations(&mut self) -> Result<BTreeMap<ProjectName, String>, IndexError> {
        execute!(&mut self.tx, HOLD_NAMES)?;
        let now = self.clock.now().as_microsecond();
        let rows: Vec<(String, String)> = fetch!(&mut self.tx, fetch_all, LIST_RESERVATIONS, now)?;
        let mut reserved = BTreeMap::new();
        for (project, by) in rows {
            reserved.entry(parse(&project, "upload_sessions.project")?).or_insert(by);
        }
        Ok(reserved)
    }

    /// Begins a session; nothing if the token is taken. Fails with [`IndexError::NoSuchChannel`].
    pub async fn open_upload_session(
        &mut self,
        new: &NewUploadSession,
        by: &Principal,
    ) -> Result<Option<UploadSession>, IndexError> {
        let (now, by) = (self.clock.now(), text(by.name(), "principal")?);
        let row: Option<(i64,)> = fetch!(
            &mut self.tx,
            fetch_optional,
            INSERT_SESSION,
            new.token.to_string(),
            new.channel.as_str(),
            new.project.as_str(),
            text(&new.display_name, "name")?,
            new.version.to_string(),
            release_key(&new.version),
            now.as_microsecond(),
            by,
            new.expires_at.as_microsecond(),
        )?;
        let NewUploadSession { token, channel, project, display_name, version, expires_at } = new.clone();
        Ok(row.map(|(key,)| UploadSession {
            key,
            token,
            channel,
            project,
            display_name,
            version,
            state: SessionState::Open,
            created_at: now,
            created_by: by.to_owned(),
            expires_at,
            ended_at: None,
            notices: Vec::new(),
        }))
    }

    /// Ends a session that takes changes, and keeps others from it until the transaction ends; false if it takes none.
    ///
    /// To publish, call it first: no file comes in from then on, and each that is in can be read.
    pub async fn end_upload_session(
        &mut self,
        session: &UploadSession,
        state: SessionState,
        forget_at: Timestamp,
    ) -> Result<bool, IndexError> {
        let (now, forget_at) = (self.clock.now().as_microsecond(), forget_at.as_microsecond());
        let row: Option<(i64,)> =
            fetch!(&mut self.tx, fetch_optional, END_SESSION, session.key, state.as_str(), now, forget_at)?;
        if row.is_some() && state == SessionState::Canceled {
            self.drop_upload_files(session.key).await?;
        }
        Ok(row.is_some())
    }

    /// Lets the bytes go that a published session has held: rows of files name them now.
    pub async fn settle_upload_session(&mut self, session: &UploadSession) -> Result<(), IndexError> {
        execute!(&mut self.tx, LET_BYTES_GO, session.key).map(drop)
    }

    /// Gives up the sessions whose time is over and forgets those that ended long ago: keys of the ones, number of the others.
    pub async fn expire_upload_sessions(&mut self, forget_at: Timestamp) -> Result<(Vec<i64>, u64), IndexError> {
        let (now, forget_at) = (self.clock.now().as_microsecond(), forget_at.as_microsecond());
        let rows: Vec<(i64,)> = fetch!(&mut self.tx, fetch_all, LIST_EXPIRED, now)?;
        let canceled: Vec<i64> = rows.into_iter().map(|(key,)| key).collect();
        for key in &canceled {
            execute!(&mut self.tx, EXPIRE_SESSION, *key, now, forget_at)?;
            self.drop_upload_files(*key).await?;
        }
        let forgotten_count = execute!(&mut self.tx, FORGET_SESSIONS, now)?;
        Ok((canceled, forgotten_count))
    }

    /// Makes a project that has no file, and shows its page in the channel from the serial on that [`IndexTx::advance`] gave.
    ///
    /// False if the project is there already, in whatever channel.
    pub async fn register_project(
        &mut self,
        channel: &Channel,
        project: &ProjectName,
        display_name: &str,
    ) -> Result<bool, IndexError> {
        let known: Option<(i64,)> = fetch!(&mut self.tx, fetch_optional, FIND_PROJECT_KEY, project.as_str())?;
        if known.is_some() {
            return Ok(false);
        }
        let (display_name, now) = (text(display_name, "name")?, self.clock.now().as_microsecond());
        let made: Option<(i64,)> =
            fetch!(&mut self.tx, fetch_optional, INSERT_EMPTY_PROJECT, project.as_str(), display_name, now)?;
        let Some((key,)) = made else { return Ok(false) };
        execute!(&mut self.tx, SHOW_EMPTY_PROJECT, channel.id, key, channel.serial.0)?;
        execute!(&mut self.tx, OPEN_EMPTY_PROJECT, channel.id, key, channel.serial.0)?;
        self.touch(project);
        Ok(true)
    }

    async fn drop_upload_files(&mut self, session: i64) -> Result<(), IndexError> {
        execute!(&mut self.tx, LET_BYTES_GO, session)?;
        execute!(&mut self.tx, CANCEL_FILES, session).map(drop)
    }
}
