//! Bundles that were built.

use super::db::both;
use super::rows::{count, from_json, parse, text, time, to_count, to_json};
use super::{Index, IndexError, IndexTx};
use crate::model::{BundleRecord, Sha256Digest};

statements! {
    FIND_BUNDLE = both(
        "SELECT name, lock, manifest, output_sha256, size_bytes, created_at, created_by FROM bundles WHERE id = $1",
    );
    INSERT_BUNDLE = both(
        "INSERT INTO bundles (id, name, lock, manifest, output_sha256, size_bytes, created_at, created_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
    );
}

#[derive(sqlx::FromRow)]
struct BundleRow {
    name: String,
    lock: String,
    manifest: String,
    output_sha256: String,
    size_bytes: i64,
    created_at: i64,
    created_by: String,
}

impl Index {
    /// The bundle of this id.
    pub async fn find_bundle(&self, id: &Sha256Digest) -> Result<Option<BundleRecord>, IndexError> {
        let row: Option<BundleRow> = read!(&self.db, fetch_optional, FIND_BUNDLE, id.to_hex())?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(BundleRecord {
            id: *id,
            name: parse(&row.name, "bundles.name")?,
            lock: from_json(&row.lock, "bundles.lock")?,
            manifest: row.manifest,
            output_sha256: parse(&row.output_sha256, "bundles.output_sha256")?,
            size_bytes: count(row.size_bytes, "bundles.size_bytes")?,
            created_at: time(row.created_at, "bundles.created_at")?,
            created_by: row.created_by,
        }))
    }
}

impl IndexTx {
    /// Records a bundle; false if one of this id is there, which is left as it is.
    pub async fn put_bundle(&mut self, bundle: &BundleRecord) -> Result<bool, IndexError> {
        let added = execute!(
            &mut self.tx,
            INSERT_BUNDLE,
            bundle.id.to_hex(),
            bundle.name.as_str(),
            to_json(&bundle.lock, "lock")?,
            text(&bundle.manifest, "manifest")?,
            bundle.output_sha256.to_hex(),
            to_count(bundle.size_bytes, "size_bytes")?,
            bundle.created_at.as_microsecond(),
            text(&bundle.created_by, "created_by")?,
        )?;
        Ok(added > 0)
    }
}
