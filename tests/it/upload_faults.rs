//! A blob store that fails at each step of an upload in turn: the error surfaces, nothing shows, a retry works.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ferrywheel::blobs::{Blobs, LocalBlobs};
use ferrywheel::index::{Index, IndexLocation};
use ferrywheel::ingest::{
    Declared, IngestLimits, IngestParts, Profile, PublishQueue, Trust, Upload, UploadError, UploadOutcome, Verdict,
    receive,
};
use ferrywheel::model::{AuditEvent, ChannelName, Clock, Diagnostic as _, Kind, Principal, Yank};
use futures_util::stream;

use super::blob_faults::{FaultyBlobs, Fuse};
use super::support::Wheel;

async fn parts_in(directory: &Path) -> IngestParts {
    let index = Index::open(&IndexLocation::Sqlite(directory.join("main.sqlite")), Clock::System).await.unwrap();
    let mut tx = index.begin().await.unwrap();
    tx.create_channel(&ChannelName::staging()).await.unwrap();
    tx.commit(&Principal::Local, &AuditEvent::ChannelCreated { channel: ChannelName::staging() }).await.unwrap();
    let blobs: Blobs = Arc::new(LocalBlobs::open(directory).unwrap());
    IngestParts {
        index,
        blobs,
        limits: IngestLimits::new(1 << 20),
        clock: Clock::System,
        has_namespaces: false,
        queue: PublishQueue::default(),
        trust: Trust::default(),
    }
}

async fn send(parts: &IngestParts, wheel: &Wheel) -> Result<UploadOutcome, UploadError> {
    let upload = Upload {
        channel: ChannelName::staging(),
        filename: wheel.filename(),
        declared: Declared::default(),
        profile: Profile::Strict,
        uploaded_at: None,
        yank: None,
        provenance: None,
    };
    let pieces: Vec<io::Result<Bytes>> =
        wheel.build().chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    receive(parts, &Principal::Local, upload, stream::iter(pieces)).await
}

#[tokio::test]
async fn an_upload_survives_a_fault_of_the_blob_store_at_every_step() {
    let directory = tempfile::tempdir().unwrap();
    let parts = parts_in(directory.path()).await;
    for step in 0.. {
        let wheel = Wheel::new("demo", &format!("1.{step}"));
        let fuse = Fuse::at(step);
        let faulty = IngestParts { blobs: FaultyBlobs::wrap(Arc::clone(&parts.blobs), fuse.clone()), ..parts.clone() };
        let outcome = send(&faulty, &wheel).await;
        if !fuse.has_blown() {
            assert!(outcome.is_ok() && step > 12, "the file and its metadata have their steps");
            break;
        }
        assert_eq!(outcome.unwrap_err().kind(), Kind::Internal, "step {step}");
        assert_eq!(parts.index.find_file(&wheel.filename()).await.unwrap(), None, "step {step}");
        let keep = parts.index.referenced_blobs().await.unwrap();
        parts.blobs.sweep(keep.clone(), "2200-01-01T00:00:00Z".parse().unwrap()).await.unwrap();
        assert_eq!(parts.blobs.list().await.unwrap(), keep.into_iter().collect::<Vec<_>>(), "step {step}");
        assert_eq!(send(&parts, &wheel).await.unwrap().verdict, Verdict::Stored, "step {step}");
    }
    let left: Vec<_> = std::fs::read_dir(directory.path().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let parts = parts_in(directory.path()).await;
    let upload = Upload {
        channel: ChannelName::staging(),
        filename: "demo-1.0-py3-none-any.whl".to_owned(),
        declared: Declared::default(),
        profile: Profile::Strict,
        uploaded_at: None,
        yank: None,
        provenance: None,
    };
    let body = stream::iter([Ok(Bytes::from(vec![0; 300_000])), Err(io::Error::other("gone"))]);
    let error = receive(&parts, &Principal::Local, upload, body).await.unwrap_err();
    assert_eq!((error.code(), error.kind()), ("ingest/body-aborted", Kind::Invalid));
    assert_eq!(parts.blobs.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_mirrored_file_keeps_upstreams_time_and_is_judged_by_what_does_harm() {
    let directory = tempfile::tempdir().unwrap();
    let parts = parts_in(directory.path()).await;
    let wheel = Wheel::new("demo", "1.0").file("demo-1.0.dist-info/INSTALLER", "pip\n");
    let strict = send(&parts, &wheel).await.unwrap_err();
    assert_eq!(strict.findings().iter().map(|found| found.rule.as_ref()).collect::<Vec<_>>(), ["WHL-16"]);
    let published = "2020-02-02T02:02:02Z".parse().unwrap();
    let upload = Upload {
        channel: ChannelName::staging(),
        filename: wheel.filename(),
        declared: Declared::default(),
        profile: Profile::Mirror,
        uploaded_at: Some(published),
        yank: Some(Yank { reason: None }),
        provenance: None,
    };
    let outcome = receive(&parts, &Principal::Local, upload, stream::iter([Ok(wheel.build())])).await.unwrap();
    assert_eq!(outcome.findings.iter().map(|found| found.is_refusal()).collect::<Vec<_>>(), [false]);
    let stored = parts.index.find_file(&wheel.filename()).await.unwrap().unwrap();
    assert_eq!(stored.file.uploaded_at, published);
    assert_eq!(stored.file.notes, outcome.findings);
    let view = parts.index.open_view(&"staging@1".parse().unwrap()).await.unwrap();
    let shown = parts.index.list_channel_files(&view).await.unwrap();
    assert_eq!(shown[0].yank, Some(Yank { reason: None }), "at no serial is it there without its mark");
}

#[tokio::test]
async fn another_spelling_of_a_published_wheel_leaves_no_blob_behind() {
    let directory = tempfile::tempdir().unwrap();
    let parts = parts_in(directory.path()).await;
    send(&parts, &Wheel::new("demo", "1.0")).await.unwrap();
    let before = parts.blobs.list().await.unwrap();
    let error = send(&parts, &Wheel::new("demo", "1.0.0")).await.unwrap_err();
    assert_eq!((error.code(), error.kind()), ("ingest/same-wheel", Kind::Conflict));
    assert_eq!(parts.blobs.list().await.unwrap(), before);
}
