//! Provenance of files: which blob holds it, and from which serial on each channel shows that there is one.

use serde::{Deserialize, Serialize};

use super::db::both;
use super::rows::{from_json, parse, text, to_json};
use super::{Index, IndexError, IndexTx};
use crate::model::{Channel, ChannelName, Principal, Sha256Digest, View};
use crate::packaging::{ProjectName, Signer, Version};

statements! {
    FIND_PROVENANCE = both("SELECT v.sha256, v.signers FROM provenance v WHERE v.file_id = $1");
    /// Beside what a page says, who has signed: for people and programs that ask for it. A row in `provenance_shown`
    /// says that it came after the file.
    LIST_ATTESTED = both(concat!(
        "SELECT f.filename, f.version, f.sha256, v.sha256, v.signers FROM projects p \
         JOIN provenance v ON v.project_id = p.id JOIN files f ON f.id = v.file_id \
         JOIN memberships m ON m.project_id = v.project_id AND m.file_id = v.file_id \
         LEFT JOIN provenance_shown s \
         ON s.channel_id = m.channel_id AND s.project_id = v.project_id AND s.file_id = v.file_id \
         WHERE ", in_view!(), " AND p.name = $3 AND (s.from_serial IS NULL OR s.from_serial <= $2) \
         AND f.filename > $4 ORDER BY f.filename LIMIT $5",
    ));
    /// Every one, for verifying them anew.
    LIST_ALL = both(
        "SELECT f.id, f.filename, f.sha256, v.sha256, v.signers FROM provenance v JOIN files f ON f.id = v.file_id \
         WHERE v.file_id > $1 AND f.deleted_at IS NULL ORDER BY v.file_id LIMIT $2",
    );
    PUT_PROVENANCE = both(
        "INSERT INTO provenance (file_id, project_id, sha256, is_verified, signers, stored_at, stored_by) \
         SELECT f.id, f.project_id, CAST($2 AS TEXT), CAST($3 AS BOOLEAN), CAST($4 AS TEXT), CAST($5 AS BIGINT), \
         CAST($6 AS TEXT) FROM files f WHERE f.id = $1 \
         ON CONFLICT (file_id) DO UPDATE SET sha256 = excluded.sha256, is_verified = excluded.is_verified, \
         signers = excluded.signers, stored_at = excluded.stored_at, stored_by = excluded.stored_by",
    );
    SET_SIGNERS = both(
        "UPDATE provenance SET is_verified = $3, signers = $4 WHERE file_id = $1 AND sha256 = $2",
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredProvenance {
    /// The blob that holds the object.
    pub sha256: Sha256Digest,
    /// Who has signed each of its attestations, where a trust root of this server has verified them all.
    #[serde(default)]
    pub signers: Vec<Signer>,
}

impl StoredProvenance {
    /// One of which nothing was verified.
    pub fn unverified(sha256: Sha256Digest) -> Self {
        Self { sha256, signers: Vec::new() }
    }

    /// Whether every signature was verified here.
    pub fn is_verified(&self) -> bool {
        !self.signers.is_empty()
    }
}

/// A file of a project and its provenance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestedListing {
    /// Name of the file.
    pub filename: String,
    /// Its version.
    pub version: Version,
    /// Digest of its bytes.
    pub file_sha256: Sha256Digest,
    /// Its provenance.
    pub provenance: StoredProvenance,
}

/// A file with a provenance, whatever shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VouchedFile {
    /// Key of the file.
    pub file_id: i64,
    /// Its name.
    pub filename: String,
    /// Digest of its bytes.
    pub file_sha256: Sha256Digest,
    /// Its provenance.
    pub provenance: StoredProvenance,
}

impl Index {
    /// The provenance of a file, by the file's key.
    pub async fn find_provenance(&self, file_id: i64) -> Result<Option<StoredProvenance>, IndexError> {
        let row: Option<(String, String)> = read!(&self.db, fetch_optional, FIND_PROVENANCE, file_id)?;
        row.map(|(sha256, signers)| stored(&sha256, &signers)).transpose()
    }

    /// The project's files that this view shows with a provenance, by name from the one after `after`; at most `limit`.
    pub async fn list_attested(
        &self,
        view: &View,
        project: &ProjectName,
        after: &str,
        limit: u32,
    ) -> Result<Vec<AttestedListing>, IndexError> {
        let (channel, serial) = (view.channel_id, view.serial.0);
        let rows: Vec<(String, String, String, String, String)> =
            read!(&self.db, fetch_all, LIST_ATTESTED, channel, serial, project.as_ref(), after, i64::from(limit))?;
        let listing = |(filename, version, file_sha256, sha256, signers): (String, String, String, String, String)| {
            Ok(AttestedListing {
                filename,
                version: parse(&version, "files.version")?,
                file_sha256: parse(&file_sha256, "files.sha256")?,
                provenance: stored(&sha256, &signers)?,
            })
        };
        rows.into_iter().map(listing).collect()
    }

    /// Every file with a provenance, by key from the one after `after`; at most `limit`.
    pub async fn list_vouched(&self, after: i64, limit: u32) -> Result<Vec<VouchedFile>, IndexError> {
        let rows: Vec<(i64, String, String, String, String)> =
            read!(&self.db, fetch_all, LIST_ALL, after, i64::from(limit))?;
        let vouched = |(file_id, filename, file_sha256, sha256, signers): (i64, String, String, String, String)| {
            let file_sha256 = parse(&file_sha256, "files.sha256")?;
            Ok(VouchedFile { file_id, filename, file_sha256, provenance: stored(&sha256, &signers)? })
        };
        rows.into_iter().map(vouched).collect()
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
        let known: Option<(String, String)> = fetch!(&mut self.tx, fetch_optional, FIND_PROVENANCE, file_id)?;
        Ok(known.is_some())
    }

    async fn put_and_show(
        &mut self,
        file_id: i64,
        provenance: &StoredProvenance,
        by: &Principal,
        advanced: Option<&Channel>,
    ) -> Result<bool, IndexError> {
        let known: Option<(String, String)> = fetch!(&mut self.tx, fetch_optional, FIND_PROVENANCE, file_id)?;
        let (sha256, signers) = (provenance.sha256.to_hex(), to_json(&provenance.signers, "signers")?);
        if known.as_ref() == Some(&(sha256.clone(), signers.clone())) {
            return Ok(false);
        }
        let (now, by) = (self.clock.now().as_microsecond(), text(by.name(), "principal")?);
        execute!(&mut self.tx, PUT_PROVENANCE, file_id, sha256, provenance.is_verified(), signers, now, by)?;
        if known.is_none() {
            self.show_provenance(file_id, advanced).await?;
        }
        Ok(true)
    }

    /// Records who has signed a provenance that is here; false if another one has taken its place.
    pub async fn set_signers(
        &mut self,
        file_id: i64,
        sha256: &Sha256Digest,
        signers: &[Signer],
    ) -> Result<bool, IndexError> {
        let (is_verified, text) = (!signers.is_empty(), to_json(&signers, "signers")?);
        let done = execute!(&mut self.tx, SET_SIGNERS, file_id, sha256.to_hex(), is_verified, text)?;
        Ok(done == 1)
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

fn stored(sha256: &str, signers: &str) -> Result<StoredProvenance, IndexError> {
    Ok(StoredProvenance {
        sha256: parse(sha256, "provenance.sha256")?,
        signers: from_json(signers, "provenance.signers")?,
    })
}
