//! Memberships: from which serial to which serial a file is part of a channel, with its yank mark there.

use super::{IndexError, IndexTx};
use crate::model::{Change, Channel, ChannelName};

impl IndexTx {
    /// Makes `changes`, in order, part of the serial that [`IndexTx::advance`] gave; counts the files that really changed.
    ///
    /// Adding a file that is there sets its yank mark; marking or removing one that is not there does nothing.
    /// Fails with [`IndexError::NoSuchFile`] when a key names no file.
    pub async fn apply(&mut self, channel: &Channel, changes: &[Change]) -> Result<u64, IndexError> {
        let _ = (channel, changes);
        todo!()
    }

    /// Whether the file is in the channel's head; false for an unknown channel.
    pub async fn contains(&mut self, channel: &ChannelName, file_id: i64) -> Result<bool, IndexError> {
        let _ = (channel, file_id);
        todo!()
    }
}
