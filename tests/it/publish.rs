//! Publishing what is staged: alone, as a batch, and many at once; on both databases.

use std::sync::Arc;

use bytes::Bytes;
use ferrywheel::blobs::{Blobs, LocalBlobs};
use ferrywheel::index::IndexError;
use ferrywheel::ingest::{
    BatchError, Declared, IngestLimits, IngestParts, Profile, PublishQueue, SentProvenance, Staged, Trust, Upload,
    UploadError, Verdict, publish, publish_all, stage,
};
use ferrywheel::model::{Change, ChannelName, Diagnostic as _, Principal, ProjectStatus, Scope, Serial};
use futures_util::stream;
use serde_json::json;

use crate::index_site::{Site, commit, name, on_both};
use crate::support::Wheel;
use crate::support::attestation::attestation;

on_both! {
    a_batch_is_shown_at_one_serial_by_one_event,
    a_batch_of_what_the_channel_has_changes_nothing,
    a_refused_batch_names_every_file_and_shows_none,
    late_provenance_in_a_batch_is_part_of_its_one_serial,
    provenance_that_became_late_is_dropped_where_its_sender_may_not_change_all,
    what_is_staged_is_invisible_and_survives_as_json,
}

/// What ingest needs over the database of a site, and a store of its own.
pub struct Store {
    pub site: Site,
    pub parts: IngestParts,
    pub staging: ChannelName,
    _directory: tempfile::TempDir,
}

impl Store {
    pub async fn over(site: Site) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let blobs: Blobs = Arc::new(LocalBlobs::open(directory.path()).unwrap());
        let (index, clock) = (site.index.clone(), site.clock.clone());
        let parts = IngestParts {
            index,
            blobs,
            limits: IngestLimits::new(1 << 20),
            clock,
            has_namespaces: true,
            queue: PublishQueue::default(),
            trust: Trust::default(),
        };
        let staging = site.channel("staging").await;
        Self { site, parts, staging, _directory: directory }
    }

    pub async fn stage(&self, wheel: &Wheel) -> Staged {
        self.stage_with(wheel, None).await
    }

    pub async fn stage_with(&self, wheel: &Wheel, provenance: Option<SentProvenance>) -> Staged {
        let upload = Upload {
            channel: self.staging.clone(),
            filename: wheel.filename(),
            declared: Declared::default(),
            profile: Profile::Strict,
            uploaded_at: None,
            yank: None,
            provenance,
        };
        stage(&self.parts, &Principal::Local, upload, stream::iter([Ok(wheel.build())])).await.unwrap()
    }

    pub async fn publish(&self, staged: &Staged) -> Result<Verdict, UploadError> {
        let published = publish(&self.parts, &Principal::Local, &self.staging, staged.clone()).await;
        published.map(|outcome| outcome.verdict)
    }

    pub async fn serial(&self) -> i64 {
        self.site.channel_now(&self.staging).await.serial.0
    }

    /// Events of the log after this many.
    pub async fn events(&self, after: i64) -> Vec<serde_json::Value> {
        let rows = self.parts.index.list_audit(after, 100).await.unwrap();
        assert_eq!(self.parts.index.verify_audit().await.unwrap().first_broken, None);
        rows.iter().map(|row| serde_json::from_str(&row.event).unwrap()).collect()
    }

    pub async fn shown(&self) -> Vec<String> {
        let lines = self.site.lines("staging").await;
        lines.into_iter().map(|line| line.filename).collect()
    }
}

pub fn attested(wheel: &Wheel) -> Option<SentProvenance> {
    let list = json!([attestation(&wheel.filename(), &wheel.build(), "publish")]);
    Some(SentProvenance::Attestations(Bytes::from(list.to_string())))
}

async fn what_is_staged_is_invisible_and_survives_as_json(site: Site) {
    let store = Store::over(site).await;
    let wheel = Wheel::new("demo", "1.0").requires("six>=1.16");
    let staged = store.stage_with(&wheel, attested(&wheel)).await;
    assert_eq!((store.serial().await, store.shown().await.len()), (0, 0));
    assert_eq!(store.parts.index.find_file(&wheel.filename()).await.unwrap(), None);
    let mut blobs: Vec<_> = staged.blobs().collect();
    blobs.sort();
    assert_eq!(store.parts.blobs.list().await.unwrap(), blobs, "the file, its metadata and its provenance");

    let kept: Staged = serde_json::from_str(&serde_json::to_string(&staged).unwrap()).unwrap();
    assert_eq!(kept, staged);
    assert_eq!(store.publish(&kept).await.unwrap(), Verdict::Stored);
    let stored = store.parts.index.find_file(&wheel.filename()).await.unwrap().unwrap();
    assert_eq!(stored.file, staged.file);
    assert_eq!(store.parts.index.find_provenance(stored.id).await.unwrap(), staged.provenance);
    assert_eq!((store.publish(&kept).await.unwrap(), store.serial().await), (Verdict::Unchanged, 1));
}

async fn a_batch_is_shown_at_one_serial_by_one_event(site: Site) {
    let store = Store::over(site).await;
    let [b, a] = [Wheel::new("b", "1.0"), Wheel::new("a", "1.0")];
    let files = [store.stage(&b).await, store.stage(&a).await];
    let outcome = publish_all(&store.parts, &Principal::Local, &store.staging, "77", &files).await.unwrap();
    assert_eq!((outcome.serial, outcome.file_count, outcome.changed_count), (Serial(1), 2, 2));
    assert_eq!(store.shown().await, [a.filename(), b.filename()]);
    assert_eq!(outcome.digest, store.parts.index.snapshot_digest(&store.site.view("staging").await).await.unwrap());
    let event = json!({
        "event": "batch.committed", "channel": "staging", "serial": 1, "batch_id": "77", "file_count": 2,
        "digest": outcome.digest.to_hex(),
    });
    assert_eq!(store.events(1).await, [event]);
}

async fn a_batch_of_what_the_channel_has_changes_nothing(site: Site) {
    let store = Store::over(site).await;
    let files = [store.stage(&Wheel::new("demo", "1.0")).await];
    let first = publish_all(&store.parts, &Principal::Local, &store.staging, "77", &files).await.unwrap();
    let second = publish_all(&store.parts, &Principal::Local, &store.staging, "78", &files).await.unwrap();
    assert_eq!((second.serial, second.file_count, second.changed_count), (first.serial, 1, 0));
    assert_eq!((store.serial().await, store.events(2).await.len()), (1, 0));
}

async fn a_refused_batch_names_every_file_and_shows_none(site: Site) {
    let store = Store::over(site).await;
    let other = |version: &str| Wheel::new("demo", version).file("other.txt", "other");
    let sound = store.stage(&Wheel::new("sound", "1.0")).await;
    // Staged before what they collide with is published.
    let conflict = store.stage(&other("1.0")).await;
    let spelling = store.stage(&other("2.0")).await;
    let deleted = store.stage(&Wheel::new("demo", "3.0")).await;
    let closed = store.stage(&Wheel::new("closed", "2.0")).await;
    for wheel in [Wheel::new("demo", "1.0"), Wheel::new("demo", "2.0.0"), Wheel::new("closed", "1.0")] {
        store.publish(&store.stage(&wheel).await).await.unwrap();
    }
    store.publish(&deleted).await.unwrap();
    let mut tx = store.parts.index.begin().await.unwrap();
    let advanced = tx.advance(&store.staging, None).await.unwrap();
    let file_id = store.parts.index.find_file(&deleted.file.filename).await.unwrap().unwrap().id;
    tx.apply(&advanced, &[Change::Remove { file_id }]).await.unwrap();
    tx.retire(&[file_id].into()).await.unwrap();
    tx.set_status(&advanced, &name("closed"), ProjectStatus::Archived, None).await.unwrap();
    commit(tx).await;

    let (serial, shown) = (store.serial().await, store.shown().await);
    let files = [sound.clone(), conflict, spelling, deleted, closed];
    let error = publish_all(&store.parts, &Principal::Local, &store.staging, "77", &files).await.unwrap_err();
    let found: Vec<_> =
        error.findings().iter().map(|one| (one.entry.as_deref().unwrap(), one.reason.as_ref())).collect();
    assert_eq!(
        found,
        [
            ("closed-2.0-py3-none-any.whl", "ingest/project-closed"),
            ("demo-1.0-py3-none-any.whl", "ingest/file-conflict"),
            ("demo-2.0-py3-none-any.whl", "ingest/same-wheel"),
            ("demo-3.0-py3-none-any.whl", "ingest/name-retired"),
        ]
    );
    assert!(matches!(error, BatchError::Refused { file_count: 5, .. }));
    assert_eq!((error.code(), store.serial().await, store.shown().await), ("batch/refused", serial, shown));
    assert_eq!(store.parts.index.find_file(&sound.file.filename).await.unwrap(), None, "the sound one neither");

    let narrow = Principal::Token {
        name: "ci".into(),
        scope: Scope { channels: "staging".parse().unwrap(), projects: "sound".parse().unwrap(), ..Scope::admin() },
    };
    let refused = publish_all(&store.parts, &narrow, &store.staging, "78", &files[..2]).await.unwrap_err();
    assert_eq!(refused.findings().len(), 1, "{refused}");
    let outcome = publish_all(&store.parts, &narrow, &store.staging, "78", &files[..1]).await.unwrap();
    assert_eq!(outcome.serial, Serial(serial + 1));
    let nowhere = "nowhere".parse().unwrap();
    let error = publish_all(&store.parts, &Principal::Local, &nowhere, "79", &files[..1]).await.unwrap_err();
    assert!(matches!(error, BatchError::Upload(UploadError::Index(IndexError::NoSuchChannel { .. }))), "{error:?}");
}

async fn late_provenance_in_a_batch_is_part_of_its_one_serial(site: Site) {
    let store = Store::over(site).await;
    let wheel = Wheel::new("demo", "1.0");
    store.publish(&store.stage(&wheel).await).await.unwrap();
    let files = [store.stage_with(&wheel, attested(&wheel)).await, store.stage(&Wheel::new("new", "1.0")).await];
    let outcome = publish_all(&store.parts, &Principal::Local, &store.staging, "77", &files).await.unwrap();
    assert_eq!((outcome.serial, outcome.changed_count, store.serial().await), (Serial(2), 2, 2));
    let vouched = async |view: &str| {
        let view = store.site.view(view).await;
        let files = store.parts.index.list_page(&view, &name("demo"), true).await.unwrap();
        files.iter().filter(|file| file.has_provenance).count()
    };
    assert_eq!((vouched("staging@1").await, vouched("staging@2").await), (0, 1));
}

async fn provenance_that_became_late_is_dropped_where_its_sender_may_not_change_all(site: Site) {
    let store = Store::over(site).await;
    let blessed = store.site.channel("blessed").await;
    let narrow =
        Principal::Token { name: "ci".into(), scope: Scope { channels: "staging".parse().unwrap(), ..Scope::admin() } };
    let wheels = [Wheel::new("alone", "1.0"), Wheel::new("batched", "1.0")];
    let mut vouched = Vec::new();
    for wheel in &wheels {
        vouched.push(store.stage_with(wheel, attested(wheel)).await);
        // Somebody else is faster, and elsewhere.
        let bare = store.stage(wheel).await;
        publish(&store.parts, &Principal::Local, &blessed, bare).await.unwrap();
    }
    publish(&store.parts, &narrow, &store.staging, vouched[0].clone()).await.unwrap();
    publish_all(&store.parts, &narrow, &store.staging, "77", &vouched[1..]).await.unwrap();
    for wheel in &wheels {
        let stored = store.parts.index.find_file(&wheel.filename()).await.unwrap().unwrap();
        assert_eq!(store.parts.index.find_provenance(stored.id).await.unwrap(), None, "{}", wheel.filename());
    }
    assert_eq!(store.shown().await.len(), 2);
    publish(&store.parts, &Principal::Local, &store.staging, vouched[0].clone()).await.unwrap();
    let stored = store.parts.index.find_file(&wheels[0].filename()).await.unwrap().unwrap();
    assert_eq!(store.parts.index.find_provenance(stored.id).await.unwrap(), vouched[0].provenance);
}
