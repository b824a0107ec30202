//! Provenance of files: which blob holds it, and from which serial on each channel shows that there is one.

use serde::{Deserialize, Serialize};

use super::db::both;
use super::rows::{parse, text};
use super::{Index, IndexError, IndexTx};
use crate::model::{Channel, ChannelName, Principal, Sha256Digest};

statements! {
    FIND_PROVENANCE = both("SELECT v.sha256, v.is_verified FROM provenance v WHERE v.file_id = $1");
    PUT_PROVENANCE = both(
        "INSERT INTO provenance (file_id, project_id, sha256, is_verified, stored_at, stored_by) \
         SELECT f.id, f.project_id, CAST($2 AS TEXT), CAST($3 AS BOOLEAN), CAST($4 AS BIGINT), CAST($5 AS TEXT) FROM files f WHERE f.id = $1 \
         ON CONFLICT (file_id) DO UPDATE SET sha256 = excluded.sha256, is_verified = excluded.is_verified, \
         stored_at = excluded.stored_at, stored_by = excluded.stored_by",
    );
    /// Channels that the file was ever in, in the one order in which everybody locks them.
    LIST_CHANNELS_OF_FILE = both(
        "SELECT c.name, EXISTS (SELECT 1 FROM memberships h \
         WHERE h.channel_id = c.id AND h.project_id = f.project_id AND h.file_id = f.id AND h.to_serial IS NULL) AS in_head \
         FROM files f, channels c WHERE f.id = $1 AND EXISTS (SELECT 1 FROM memberships m \
         WHERE m.channel_id = c.id AND m.project_id = f.project_id AND m.file_id = f.id) ORDER BY c.name",
    );
    SHOW_FROM = both(
        "INSERT INTO provenance_shown (channel_id, project_id, file_id, from_serial) \
         SELECT c.id, f.project_id, f.id, c.serial + CAST($3 AS BIGINT) FROM files f, channels c WHERE c.name = $1 AND f.id = $2",
    );
    SET_LAST_SERIAL = both(
        "UPDATE channel_projects SET last_serial = $3 \
         WHERE channel_id = $1 AND project_id = (SELECT f.project_id FROM files f WHERE f.id = $2)",
    );
    FIND_PROJECT_OF_FILE = both(
        "SELECT p.name FROM files f JOIN projects p ON p.id = f.project_id WHERE f.id = $1",
    );
}

/// Where the provenance of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredProvenance {
    /// The blob that holds the object.
    pub sha256: Sha256Digest,
    /// Whether its signatures were checked here.
    pub is_verified: bool,
}

impl Index {
    /// The provenance of a file, by the file's key.
    pub async fn find_provenance(&self, file_id: i64) -> Result<Option<StoredProvenance>, IndexError> {
        let row: Option<(String, bool)> = read!(&self.db, fetch_optional, FIND_PROVENANCE, file_id)?;
        let stored = |(sha256, is_verified): (String, bool)| {
            Ok(StoredProvenance { sha256: parse(&sha256, "provenance.sha256")?, is_verified })
        };
        row.map(stored).transpose()
    }
}

impl IndexTx {
    /// Records where the provenance of a file is; its blob is durable. Says whether anything changed.
    ///
    /// The first one of a file that channels show already is a change of each of them: their heads go on by one serial, and
    /// snapshots stay what they were. Call it before the file is added to its first channel where both come at once. Another
    /// one later changes what its URL answers, and no page.
    pub async fn put_provenance(
        &mut self,
        file_id: i64,
        provenance: &StoredProvenance,
        by: &Principal,
    ) -> Result<bool, IndexError> {
        self.put_and_show(file_id, provenance, by, None).await
    }

    /// As [`IndexTx::put_provenance`], in the course of a change of one channel, which has gone on already.
    pub async fn put_provenance_at(
        &mut self,
        file_id: i64,
        provenance: &StoredProvenance,
        by: &Principal,
        advanced: &Channel,
    ) -> Result<bool, IndexError> {
        self.put_and_show(file_id, provenance, by, Some(advanced)).await
    }

    /// Whether the file has a provenance.
    pub async fn has_provenance(&mut self, file_id: i64) -> Result<bool, IndexError> {
        let known: Option<(String, bool)> = fetch!(&mut self.tx, fetch_optional, FIND_PROVENANCE, file_id)?;
        Ok(known.is_some())
    }

    async fn put_and_show(
        &mut self,
        file_id: i64,
        provenance: &StoredProvenance,
        by: &Principal,
        advanced: Option<&Channel>,
    ) -> Result<bool, IndexError> {
        let known: Option<(String, bool)> = fetch!(&mut self.tx, fetch_optional, FIND_PROVENANCE, file_id)?;
        let sha256 = provenance.sha256.to_hex();
        if known.as_ref() == Some(&(sha256.clone(), provenance.is_verified)) {
            return Ok(false);
        }
        let (now, by) = (self.clock.now().as_microsecond(), text(by.name(), "principal")?);
        execute!(&mut self.tx, PUT_PROVENANCE, file_id, sha256, provenance.is_verified, now, by)?;
        if known.is_none() {
            self.show_provenance(file_id, advanced).await?;
        }
        Ok(true)
    }

    async fn show_provenance(&mut self, file_id: i64, at: Option<&Channel>) -> Result<(), IndexError> {
        let channels: Vec<(String, bool)> = fetch!(&mut self.tx, fetch_all, LIST_CHANNELS_OF_FILE, file_id)?;
        for (name, in_head) in &channels {
            let mut ahead = 1_i64;
            let gone_on = at.filter(|channel| channel.name.as_str() == name);
            if *in_head {
                let advanced = match gone_on {
                    Some(channel) => channel.clone(),
                    None => self.advance(&parse::<ChannelName>(name, "channels.name")?, None).await?,
                };
                execute!(&mut self.tx, SET_LAST_SERIAL, advanced.id, file_id, advanced.serial.0)?;
            }
            if *in_head || gone_on.is_some() {
                ahead = 0;
            }
            execute!(&mut self.tx, SHOW_FROM, name.as_str(), file_id, ahead)?;
        }
        if !channels.is_empty() {
            let (project,): (String,) = fetch!(&mut self.tx, fetch_one, FIND_PROJECT_OF_FILE, file_id)?;
            self.touch(&parse(&project, "projects.name")?);
        }
        Ok(())
    }
}
