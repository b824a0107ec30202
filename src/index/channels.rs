//! Channels: their names, their serials, the views that readers open.

use super::{Index, IndexError, IndexTx};
use crate::model::{Channel, ChannelName, ChannelRef, ChannelSummary, Serial, View};

impl Index {
    /// The channel of this name.
    pub async fn find_channel(&self, name: &ChannelName) -> Result<Option<Channel>, IndexError> {
        let _ = name;
        todo!()
    }

    /// All channels by name, each with the numbers of its head.
    pub async fn list_channels(&self) -> Result<Vec<ChannelSummary>, IndexError> {
        todo!()
    }

    /// What a reader of `wanted` looks at: the head as it is now, or that snapshot.
    ///
    /// Fails with [`IndexError::NoSuchChannel`], and with [`IndexError::NoSuchSnapshot`] for a serial not reached yet.
    pub async fn open_view(&self, wanted: &ChannelRef) -> Result<View, IndexError> {
        let _ = wanted;
        todo!()
    }
}

impl IndexTx {
    /// Makes an empty channel at serial 0; fails with [`IndexError::ChannelExists`].
    pub async fn create_channel(&mut self, name: &ChannelName) -> Result<Channel, IndexError> {
        let _ = name;
        todo!()
    }

    /// Moves the channel to its next serial, which makes a snapshot, and keeps others from moving it until the end.
    ///
    /// With `expected`, only from that serial: fails with [`IndexError::ChannelMoved`] if somebody was faster.
    /// Call it before anything that depends on the channel's content.
    pub async fn advance(&mut self, channel: &ChannelName, expected: Option<Serial>) -> Result<Channel, IndexError> {
        let _ = (channel, expected);
        todo!()
    }
}
