//! Who sends which file of a batch at the moment. The newest request wins: an older one is most often a connection that its
//! client has lost, and that this server has not noticed yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::blobs::PartialKey;

/// Everybody who is sending. All clones share it.
#[derive(Clone, Default)]
pub struct Senders(Arc<Mutex<HashMap<PartialKey, CancellationToken>>>);

/// The right to send one file, until it is dropped or somebody else begins to send it.
pub struct Sending {
    senders: Senders,
    key: PartialKey,
    /// The clone in the table and this one are one token; a successor has put another there.
    stop: CancellationToken,
}

impl Senders {
    /// Begins to send a file; whoever was at it is stopped.
    pub fn begin(&self, key: PartialKey) -> Sending {
        let stop = CancellationToken::new();
        if let Some(before) = self.table().insert(key, stop.clone()) {
            before.cancel();
        }
        Sending { senders: self.clone(), key, stop }
    }

    /// Stops everybody who sends a file of this group.
    pub fn stop_all(&self, group: [u8; 16]) {
        self.table().retain(|key, stop| {
            let is_meant = key.group == group;
            if is_meant {
                stop.cancel();
            }
            !is_meant
        });
    }

    fn table(&self) -> MutexGuard<'_, HashMap<PartialKey, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sending {
    /// Waits until somebody else begins to send the file.
    pub async fn lost(&self) {
        self.stop.cancelled().await;
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        // Who was stopped is in the table no more.
        if !self.stop.is_cancelled() {
            self.senders.table().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_sender_stops_the_one_before_and_leaves_nothing_behind() {
        let senders = Senders::default();
        let key = PartialKey::new([1; 16], "demo");
        let first = senders.begin(key);
        let other = senders.begin(PartialKey::new([2; 16], "demo"));
        let second = senders.begin(key);
        first.lost().await;
        assert!(!second.stop.is_cancelled() && !other.stop.is_cancelled());
        drop(first);
        assert_eq!(senders.table().len(), 2);
        drop(second);
        drop(other);
        assert!(senders.table().is_empty());
    }

    #[tokio::test]
    async fn a_group_is_stopped_together() {
        let senders = Senders::default();
        let [mine, yours] = [[1; 16], [2; 16]].map(|group| senders.begin(PartialKey::new(group, "demo")));
        senders.stop_all([1; 16]);
        mine.lost().await;
        assert!(!yours.stop.is_cancelled());
        drop(mine);
        assert_eq!(senders.table().len(), 1);
    }
}
