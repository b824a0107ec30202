//! Target environments that were saved by name.

use super::{Index, IndexError, IndexTx};
use crate::model::Target;

impl Index {
    /// The saved target of this name.
    pub async fn find_target(&self, name: &str) -> Result<Option<Target>, IndexError> {
        let _ = name;
        todo!()
    }

    /// All saved targets, by name.
    pub async fn list_targets(&self) -> Result<Vec<Target>, IndexError> {
        todo!()
    }
}

impl IndexTx {
    /// Saves a target under its name, in place of an earlier one; false if it was there exactly so.
    pub async fn put_target(&mut self, target: &Target) -> Result<bool, IndexError> {
        let _ = target;
        todo!()
    }
}
