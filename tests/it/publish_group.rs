//! Uploads that meet: one transaction for all of them, and yet to each its own serial, event and error.

use std::future::Future;
use std::pin::Pin;

use ferrywheel::ingest::{Staged, UploadError, UploadOutcome, Verdict, publish};
use ferrywheel::model::{Diagnostic as _, Kind, Principal};
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use crate::index_site::{Site, on_both};
use crate::publish::{Store, attested};
use crate::publish_faults::Fault;
use crate::support::Wheel;

on_both! {
    a_refused_upload_leaves_those_that_share_its_transaction,
    an_upload_whose_client_went_away_harms_nobody,
    of_uploads_of_one_name_that_meet_one_wins,
    uploads_that_meet_have_a_serial_and_an_event_each,
}

type Answer = Result<UploadOutcome, UploadError>;

/// An upload that waits for its turn. As long as the test awaits nothing, all that are made meet.
type Waiting<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

fn waiting<'a>(store: &'a Store, staged: &Staged) -> Waiting<'a> {
    let mut publishing: Waiting = Box::pin(publish(&store.parts, &Principal::Local, &store.staging, staged.clone()));
    assert!((&mut publishing).now_or_never().is_none(), "its bytes are durable, its rows are not");
    publishing
}

/// Each with its serial, or its code.
fn told(answers: Vec<Answer>) -> Vec<String> {
    let tell = |answer: Answer| match answer {
        Ok(outcome) => format!("{:?} {}", outcome.verdict, outcome.serial),
        Err(error) => error.code().to_owned(),
    };
    answers.into_iter().map(tell).collect()
}

async fn stage_some(store: &Store, project: &str, count: usize) -> Vec<Staged> {
    let mut staged = Vec::new();
    for number in 0..count {
        staged.push(store.stage(&Wheel::new(project, &format!("1.{number}"))).await);
    }
    staged
}

async fn uploads_that_meet_have_a_serial_and_an_event_each(site: Site) {
    let store = Store::over(site).await;
    let staged = stage_some(&store, "demo", 5).await;
    let answers = join_all(staged.iter().map(|staged| waiting(&store, staged))).await;
    assert_eq!(told(answers), ["Stored 1", "Stored 2", "Stored 3", "Stored 4", "Stored 5"]);
    for (number, event) in store.events(1).await.into_iter().enumerate() {
        assert_eq!(event["event"], "file.uploaded");
        assert_eq!(
            (&event["serial"], &event["filename"]),
            (&(number + 1).into(), &staged[number].file.filename.as_str().into())
        );
        let view = format!("staging@{}", number + 1);
        assert_eq!(store.site.lines(&view).await.len(), number + 1);
    }
}

async fn of_uploads_of_one_name_that_meet_one_wins(site: Site) {
    let store = Store::over(site).await;
    let [one, other] = [Wheel::new("demo", "1.0"), Wheel::new("demo", "1.0").file("other.txt", "other")];
    let (one, other) = (store.stage(&one).await, store.stage(&other).await);
    let spelling = store.stage(&Wheel::new("demo", "1.0.0")).await;
    let all = [&one, &other, &one, &spelling, &other];
    let answers = join_all(all.map(|staged| waiting(&store, staged))).await;
    let (conflict, spelling) = ("ingest/file-conflict", "ingest/same-wheel");
    assert_eq!(told(answers), ["Stored 1", conflict, "Unchanged 1", spelling, conflict]);
    assert_eq!((store.serial().await, store.events(1).await.len()), (1, 1));
}

async fn a_refused_upload_leaves_those_that_share_its_transaction(site: Site) {
    let store = Store::over(site).await;
    let staged = stage_some(&store, "demo", 3).await;
    // What staging could not foresee: a statement that the database refuses.
    let fault = Fault::of_file(&store.site, &staged[1].file.filename).await;
    let answers = join_all(staged.iter().map(|staged| waiting(&store, staged))).await;
    assert_eq!(told(answers), ["Stored 1", "index/failed", "Stored 2"]);
    assert_eq!((store.serial().await, store.events(1).await.len()), (2, 2));
    fault.clear(&store.site).await;
    assert_eq!(store.publish(&staged[1]).await.unwrap(), Verdict::Stored);
    assert_eq!(store.shown().await.len(), 3);
}

async fn an_upload_whose_client_went_away_harms_nobody(site: Site) {
    let store = Store::over(site).await;
    let staged = stage_some(&store, "demo", 4).await;
    let mut uploads: Vec<Waiting> = staged.iter().map(|staged| waiting(&store, staged)).collect();
    // The first one, for which the transaction is begun, and one that only waits.
    drop(uploads.remove(2));
    drop(uploads.remove(0));
    assert_eq!(told(join_all(uploads).await), ["Stored 2", "Stored 4"]);
    assert_eq!(store.shown().await.len(), 4, "what was sent whole is there, and may be sent again");
    assert_eq!(store.publish(&staged[0]).await.unwrap(), Verdict::Unchanged);
}

#[tokio::test]
async fn when_the_transaction_is_lost_each_of_its_uploads_fails_and_may_be_repeated() {
    let store = Store::over(Site::sqlite().await).await;
    let mut staged = stage_some(&store, "demo", 2).await;
    let wheel = Wheel::new("vouched", "1.0");
    staged.push(store.stage_with(&wheel, attested(&wheel)).await);
    // As at a full disk: SQLite takes back the whole transaction by itself.
    let fault = Fault::rolling_back(&store.site, &staged[1].file.filename).await;
    let answers = join_all(staged.iter().map(|staged| waiting(&store, staged))).await;
    for answer in answers {
        assert_eq!(answer.unwrap_err().kind(), Kind::Internal);
    }
    assert_eq!((store.serial().await, store.shown().await.len(), store.events(1).await.len()), (0, 0, 0));
    fault.clear(&store.site).await;
    let answers = join_all(staged.iter().map(|staged| waiting(&store, staged))).await;
    assert_eq!(told(answers), ["Stored 1", "Stored 2", "Stored 3"]);
}
