//! Group commit: uploads that are finished while a transaction runs share the next one, and so its flush to disk.
//!
//! Each upload is a part of the transaction with a serial and an audit event of its own; one that is refused is taken back
//! alone. There is no timer: an upload that meets no other waits for nobody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::publish::{Written, write_late_provenance, write_one, write_plain};
use super::{Staged, UploadError, UploadOutcome};
use crate::index::{Index, IndexError, IndexTx};
use crate::model::{ChannelName, Principal};

/// Most uploads of one transaction: it keeps all other writers waiting, some tens of milliseconds with this many.
const MAX_GROUP: usize = 64;

/// What a publisher gets back.
type Answer = Result<UploadOutcome, UploadError>;

/// Uploads that wait for their transaction. All clones share them; a server has one queue.
#[derive(Clone, Default)]
pub struct PublishQueue(Arc<Mutex<Waiting<Queued>>>);

/// What waits, in the order in which it came.
struct Waiting<T> {
    queued: Vec<T>,
    /// Whether a task works it off.
    is_served: bool,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { queued: Vec::new(), is_served: false }
    }
}

impl<T> Waiting<T> {
    /// Adds one; true if nobody serves yet and the caller has to.
    fn add(&mut self, one: T) -> bool {
        self.queued.push(one);
        !std::mem::replace(&mut self.is_served, true)
    }

    /// All that wait, or as many as fit into one transaction. When nobody waits, serving has ended.
    fn next_group(&mut self) -> Option<Vec<T>> {
        let count = self.queued.len().min(MAX_GROUP);
        self.is_served = count > 0;
        self.is_served.then(|| self.queued.drain(..count).collect())
    }
}

/// One upload on its way into a transaction.
struct Queued {
    who: Principal,
    channel: ChannelName,
    staged: Staged,
    answer: oneshot::Sender<Answer>,
}

impl PublishQueue {
    /// Publishes one file and waits until that is durable. Once asked for, it is done, also if nobody waits any more.
    pub(super) async fn publish(
        &self,
        index: &Index,
        who: &Principal,
        channel: &ChannelName,
        staged: Staged,
    ) -> Answer {
        let (answer, answered) = oneshot::channel();
        let upload = Queued { who: who.clone(), channel: channel.clone(), staged, answer };
        if self.lock().add(upload) {
            tokio::spawn(serve(self.clone(), index.clone()));
        }
        answered.await.unwrap_or(Err(UploadError::Index(IndexError::Busy { source: None })))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<Queued>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes group after group until nobody waits.
async fn serve(queue: PublishQueue, index: Index) {
    loop {
        let Some(group) = queue.lock().next_group() else { return };
        // A task of its own, so that a fault in one group cannot keep all later ones waiting.
        let _ = tokio::spawn(publish_group(index.clone(), group)).await;
    }
}

async fn publish_group(index: Index, group: Vec<Queued>) {
    match write_group(&index, &group).await {
        Ok(answers) => {
            for (upload, answer) in group.into_iter().zip(answers) {
                // Whoever has gone away meanwhile needs no answer.
                let _ = upload.answer.send(answer);
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for upload in group {
                let _ = upload.answer.send(Err(IndexError::Shared(Arc::clone(&error)).into()));
            }
        }
    }
}

/// Writes all of a group and makes it durable. An error is everybody's: the transaction was lost.
async fn write_group(index: &Index, group: &[Queued]) -> Result<Vec<Answer>, IndexError> {
    if let [alone] = group
        && alone.staged.provenance.is_none()
    {
        return Ok(vec![write_alone(index, alone).await]);
    }
    let mut tx = index.begin().await?;
    let mut answers = Vec::with_capacity(group.len());
    for upload in group {
        answers.push(write_queued(&mut tx, upload).await?);
    }
    tx.commit_recorded().await?;
    Ok(answers)
}

/// As [`write_group`] for one upload, which is a change of its own and needs no parts. Dropped, its transaction leaves nothing.
async fn write_alone(index: &Index, Queued { who, channel, staged, .. }: &Queued) -> Answer {
    let mut tx = index.begin().await?;
    if let Some((outcome, event)) = write_plain(&mut tx, channel, staged).await? {
        tx.commit(who, &event).await?;
        return Ok(outcome);
    }
    let Written { mut outcome, event, .. } = write_one(&mut tx, who, channel, staged).await?;
    if let Some(event) = event {
        tx.commit(who, &event).await?;
    }
    outcome.findings.extend(staged.findings.iter().cloned());
    Ok(outcome)
}

async fn write_queued(tx: &mut IndexTx, Queued { who, channel, staged, .. }: &Queued) -> Result<Answer, IndexError> {
    match write_plain(tx, channel, staged).await {
        Ok(None) => {}
        Ok(Some((outcome, event))) => {
            tx.record(who, &event)?;
            return Ok(Ok(outcome));
        }
        // Found before anything was written.
        Err(error @ IndexError::Unstorable { .. }) => return Ok(Err(error.into())),
        Err(error) => return undo(tx, error.into()).await,
    }
    tx.begin_part().await?;
    let written = write_one(tx, who, channel, staged).await;
    let Written { mut outcome, event, file_id, is_vouched_late } = match written {
        Ok(written) => written,
        Err(error) => return undo(tx, error).await,
    };
    let recorded = event.map(|event| tx.record(who, &event)).transpose();
    match recorded {
        Ok(Some(())) => tx.keep_part().await?,
        // The channel stays at the serial it had.
        Ok(None) => tx.undo_part().await?,
        Err(error) => return undo(tx, error.into()).await,
    }
    if is_vouched_late {
        tx.begin_part().await?;
        match write_late_provenance(tx, who, file_id, staged).await {
            Ok(Some(event)) => {
                tx.record(who, &event)?;
                tx.keep_part().await?;
                // Each channel that shows the file went on by one.
                outcome.serial.0 += 1;
            }
            Ok(None) => tx.undo_part().await?,
            Err(error) => return undo(tx, error.into()).await,
        }
    }
    outcome.findings.extend(staged.findings.iter().cloned());
    Ok(Ok(outcome))
}

/// Takes back one upload. When that fails, the transaction is lost, and what the upload met is most likely why.
async fn undo(tx: &mut IndexTx, error: UploadError) -> Result<Answer, IndexError> {
    match (tx.undo_part().await, error) {
        (Ok(()), error) => Ok(Err(error)),
        (Err(_), UploadError::Index(error)) => Err(error),
        (Err(lost), _) => Err(lost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_wait_share_the_next_group_and_only_the_first_is_served_at_once() {
        let mut waiting = Waiting::default();
        assert!(waiting.add(1));
        assert_eq!(waiting.next_group(), Some(vec![1]), "it waits for nobody");
        for number in 2..5 {
            assert!(!waiting.add(number), "somebody serves");
        }
        assert_eq!(waiting.next_group(), Some(vec![2, 3, 4]));
        assert_eq!(waiting.next_group(), None);
        assert!(waiting.add(5));
    }

    #[test]
    fn a_group_has_an_end_and_the_rest_comes_next() {
        let mut waiting = Waiting::default();
        for number in 0..=MAX_GROUP {
            waiting.add(number);
        }
        assert_eq!(waiting.next_group().unwrap().len(), MAX_GROUP);
        assert_eq!(waiting.next_group(), Some(vec![MAX_GROUP]));
    }
}
