//! Bundles that were built.

use super::{Index, IndexError, IndexTx};
use crate::model::{BundleRecord, Sha256Digest};

impl Index {
    /// The bundle of this id.
    pub async fn find_bundle(&self, id: &Sha256Digest) -> Result<Option<BundleRecord>, IndexError> {
        let _ = id;
        todo!()
    }
}

impl IndexTx {
    /// Records a bundle; false if one of this id is there, which is left as it is.
    pub async fn put_bundle(&mut self, bundle: &BundleRecord) -> Result<bool, IndexError> {
        let _ = bundle;
        todo!()
    }
}
