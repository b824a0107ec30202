//! The contract of the index that both databases keep: channels, files, tokens, targets, bundles.

use std::collections::BTreeSet;

use ferrywheel::index::IndexError;
use ferrywheel::model::{
    BundleRecord, Change, ChannelName, ChannelRef, ChannelSummary, FileKind, Finding, Libc, Lock, LockedFile,
    Md5Digest, NewFile, Permission, ProjectStatus, Scope, Serial, Sha256Digest, SnapshotLine, Target, WheelFacts,
    snapshot_digest,
};
use ferrywheel::packaging::{Script, ScriptKind};

use crate::index_site::{Site, at, code, commit, digests, name, on_both, wheel};

on_both! {
    a_bundle_is_recorded_once,
    a_channel_is_made_once,
    a_channel_that_is_not_there_has_no_view,
    a_deleted_files_name_stays_retired,
    a_file_comes_back_as_it_was_recorded,
    a_file_with_another_spelling_of_its_name_is_the_same_wheel,
    a_look_before_a_file_is_recorded_says_what_recording_it_would,
    a_name_with_other_bytes_is_a_conflict,
    a_refused_file_leaves_the_transaction_usable,
    a_saved_target_can_be_replaced,
    a_token_is_found_by_the_digest_of_its_secret,
    a_transaction_that_is_dropped_leaves_nothing,
    an_advance_from_another_serial_is_refused,
    every_statement_is_understood,
    files_are_found_by_many_names_at_once,
    last_use_of_a_token_is_written_once_an_hour,
    lists_of_channels_count_what_the_head_holds,
    releases_are_equal_when_their_versions_are,
    text_that_one_database_cannot_hold_is_refused_by_both,
    the_sibling_of_a_file_is_the_first_other_wheel_of_its_release,
    the_sweep_keeps_what_a_row_names,
    the_same_file_again_changes_nothing,
    what_is_not_there_is_not_found,
}

async fn every_statement_is_understood(site: Site) {
    assert!(site.index.prepare_statements().await.unwrap() > 40);
}

async fn a_channel_is_made_once(site: Site) {
    let staging = site.channel("staging").await;
    let made = site.channel_now(&staging).await;
    assert_eq!((made.serial, made.created_at), (Serial(0), at("2026-01-02T03:04:05Z")));
    let mut tx = site.index.begin().await.unwrap();
    assert_eq!(code(tx.create_channel(&staging).await), "index/channel-exists");
    assert_eq!(tx.create_channel(&ChannelName::blessed()).await.unwrap().serial, Serial(0));
}

async fn a_channel_that_is_not_there_has_no_view(site: Site) {
    let staging = site.channel("staging").await;
    let open = async |text: &str| site.index.open_view(&text.parse::<ChannelRef>().unwrap()).await;
    assert_eq!(code(open("blessed").await), "index/channel-unknown");
    assert_eq!(code(open("staging@1").await), "index/snapshot-unknown");
    let mut tx = site.index.begin().await.unwrap();
    assert_eq!(code(tx.advance(&ChannelName::blessed(), None).await), "index/channel-unknown");
    assert_eq!(code(tx.advance(&ChannelName::blessed(), Some(Serial(0))).await), "index/channel-unknown");
    drop(tx);
    assert_eq!(code(site.index.list_snapshots(&ChannelName::blessed(), 9).await), "index/channel-unknown");
    assert_eq!(site.index.list_snapshots(&staging, 9).await.unwrap().len(), 1);
}

async fn an_advance_from_another_serial_is_refused(site: Site) {
    let staging = site.channel("staging").await;
    let mut tx = site.index.begin().await.unwrap();
    assert_eq!(tx.advance(&staging, Some(Serial(0))).await.unwrap().serial, Serial(1));
    commit(tx).await;
    let mut tx = site.index.begin().await.unwrap();
    let error = tx.advance(&staging, Some(Serial(0))).await.unwrap_err();
    assert!(
        matches!(&error, IndexError::ChannelMoved { expected: Serial(0), actual: Serial(1), channel } if *channel == staging),
        "{error:?}"
    );
    assert_eq!(tx.advance(&staging, None).await.unwrap().serial, Serial(2));
}

async fn a_file_comes_back_as_it_was_recorded(site: Site) {
    let staging = site.channel("staging").await;
    let facts = WheelFacts {
        scripts: vec![Script { name: "demo".into(), value: "demo:main".into(), kind: ScriptKind::Console }],
        data_scripts: vec!["demo.sh".into()],
        top_level: vec!["demo".into()],
        unpacked_size_bytes: u64::from(u32::MAX) + 1,
        entry_count: 7,
        is_native: true,
    };
    let mut digests = digests(b"demo");
    digests.md5 = Some(Md5Digest::from_bytes([7; 16]));
    digests.crc32 = u32::MAX;
    let full = NewFile {
        display_name: "De.Mo".to_owned(),
        digests,
        requires_dist: vec!["six>=1.16 ; python_version < '3'".into(), "ünï".into()],
        provides_extra: vec!["Test".into()],
        summary: Some("A \"demo\" — 'quoted'".into()),
        wheel: Some(facts),
        notes: vec![Finding::note("REC-09", "odd", "RECORD is odd.").at("demo/RECORD").with_hint("Rebuild it.")],
        ..wheel("de-mo", "1.0")
    };
    let plain = NewFile {
        filename: "de_mo-1.0.tar.gz".into(),
        identity: "de-mo/1/sdist".into(),
        kind: FileKind::Sdist,
        metadata_sha256: None,
        requires_python: None,
        ..wheel("de-mo", "1.0")
    };
    site.publish(&staging, &[full.clone(), plain.clone()]).await;
    for file in [full, plain] {
        assert_eq!(site.index.find_file(&file.filename).await.unwrap().unwrap().file, file);
    }
}

async fn the_same_file_again_changes_nothing(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("demo", "1.0")]).await;
    let mut tx = site.index.begin().await.unwrap();
    let again = NewFile { uploaded_by: "another".into(), summary: Some("other".into()), ..wheel("demo", "1.0") };
    let added = tx.add_file(&again).await.unwrap();
    assert_eq!((added.id, added.is_new), (ids[0], false));
    commit(tx).await;
    let stored = site.index.find_file("demo-1.0-py3-none-any.whl").await.unwrap().unwrap();
    assert_eq!(stored.file, wheel("demo", "1.0"));
}

async fn a_name_with_other_bytes_is_a_conflict(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("demo", "1.0")]).await;
    let other = NewFile { digests: digests(b"other"), ..wheel("demo", "1.0") };
    let mut tx = site.index.begin().await.unwrap();
    let error = tx.add_file(&other).await.unwrap_err();
    let IndexError::FileConflict { filename, published, sent } = error else { panic!("{error:?}") };
    assert_eq!(filename, "demo-1.0-py3-none-any.whl");
    assert_eq!((published, sent), (wheel("demo", "1.0").digests.sha256, other.digests.sha256));
}

async fn a_file_with_another_spelling_of_its_name_is_the_same_wheel(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("demo", "1.0")]).await;
    let other = NewFile { filename: "Demo-1.0.0-py3-none-any.whl".into(), ..wheel("demo", "1.0") };
    let mut tx = site.index.begin().await.unwrap();
    let error = tx.add_file(&other).await.unwrap_err();
    let IndexError::SameWheel { filename, published_as } = error else { panic!("{error:?}") };
    assert_eq!(
        (filename.as_str(), published_as.as_str()),
        ("Demo-1.0.0-py3-none-any.whl", "demo-1.0-py3-none-any.whl")
    );
    let elsewhere = NewFile { identity: other.identity, ..wheel("demo2", "1.0") };
    assert!(tx.add_file(&elsewhere).await.unwrap().is_new, "an identity belongs to its project");
}

async fn a_look_before_a_file_is_recorded_says_what_recording_it_would(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("demo", "1.0")]).await;
    let known = site.index.find_published(&wheel("demo", "1.0")).await.unwrap().unwrap();
    assert_eq!((known.id, known.is_new), (ids[0], false));
    assert_eq!(site.index.find_published(&wheel("demo", "2.0")).await.unwrap(), None);
    let renamed = "demo-1.0-1-py3-none-any.whl";
    let same = NewFile { filename: renamed.into(), identity: "demo/1/1".into(), ..wheel("demo", "1.0") };
    let sha256 = same.digests.sha256;
    let release = (&same.project, &same.version);
    for (filename, is_published, other) in
        [("demo-1.0-py3-none-any.whl", true, None), (renamed, false, Some("demo-1.0-py3-none-any.whl"))]
    {
        let survey = site.index.survey(&staging, filename, release, &sha256).await.unwrap();
        assert_eq!((survey.is_published, survey.same_bytes.as_deref()), (is_published, other));
        assert_eq!((survey.status, survey.release_begun_at), (ProjectStatus::Active, Some(same.received_at)));
    }
    let bytes = NewFile { digests: digests(b"other"), ..wheel("demo", "1.0") };
    let spelling = NewFile { filename: "Demo-1.0.0-py3-none-any.whl".into(), ..wheel("demo", "1.0") };
    for (file, told) in [(bytes, "index/file-conflict"), (spelling, "index/same-wheel")] {
        assert_eq!(code(site.index.find_published(&file).await), told);
    }
}

async fn the_sibling_of_a_file_is_the_first_other_wheel_of_its_release(site: Site) {
    let staging = site.channel("staging").await;
    let file = |filename: &str, version: &str, kind| NewFile {
        filename: filename.into(),
        identity: filename.into(),
        version: version.parse().unwrap(),
        requires_dist: vec![filename.into()],
        kind,
        ..wheel("demo", "1.0")
    };
    let files = [
        file("demo-1.0.tar.gz", "1.0", FileKind::Sdist),
        file("demo-2.0-py3-none-any.whl", "2.0", FileKind::Wheel),
        file("demo-1.0.0-py3-none-win32.whl", "1.0.0", FileKind::Wheel),
        file("demo-1.0-py3-none-any.whl", "1.0", FileKind::Wheel),
    ];
    site.publish(&staging, &files).await;
    let found = site.index.find_sibling(&files[3]).await.unwrap().unwrap();
    assert_eq!(found.filename, "demo-1.0.0-py3-none-win32.whl");
    assert_eq!((found.requires_dist, found.requires_python), (vec![found.filename], files[2].requires_python.clone()));
    assert_eq!(site.index.find_sibling(&files[2]).await.unwrap().unwrap().filename, "demo-1.0-py3-none-any.whl");
    assert_eq!(site.index.find_sibling(&files[1]).await.unwrap(), None);
    assert_eq!(site.index.find_sibling(&wheel("other", "1.0")).await.unwrap(), None);
}

async fn a_deleted_files_name_stays_retired(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("demo", "1.0"), wheel("demo", "2.0")]).await;
    site.change(&staging, &[Change::Remove { file_id: ids[0] }]).await;
    let before = site.view("staging@1").await;
    let both = site.filenames(&before, "demo").await;
    let digest = snapshot_digest(&mut [wheel("demo", "1.0"), wheel("demo", "2.0")].map(|file| SnapshotLine {
        filename: file.filename,
        sha256: file.digests.sha256,
        is_yanked: false,
        metadata_sha256: file.metadata_sha256,
    }));
    site.tamper("UPDATE files SET deleted_at = 1 WHERE filename = 'demo-1.0-py3-none-any.whl'").await;

    assert_eq!(site.filenames(&before, "demo").await, both[1..]);
    assert_eq!(site.index.list_channel_files(&before).await.unwrap().len(), 1);
    assert_eq!(site.index.snapshot_digest(&before).await.unwrap(), digest, "a snapshot's digest does not change");
    assert_eq!(site.index.find_file(&both[0]).await.unwrap(), None);
    assert!(site.index.find_files(&both[..1]).await.unwrap().is_empty());
    let mut tx = site.index.begin().await.unwrap();
    assert_eq!(code(tx.add_file(&wheel("demo", "1.0")).await), "index/filename-retired");
    let respelt = NewFile { filename: "Demo-1.0-py3-none-any.whl".into(), ..wheel("demo", "1.0") };
    assert_eq!(code(tx.add_file(&respelt).await), "index/filename-retired");
}

async fn releases_are_equal_when_their_versions_are(site: Site) {
    let staging = site.channel("staging").await;
    let other = NewFile {
        filename: "demo-1.0.0-cp312-cp312-linux_x86_64.whl".into(),
        identity: "demo/1//cp312".into(),
        ..wheel("demo", "1.0.0")
    };
    site.publish(&staging, &[wheel("demo", "1.0"), other.clone(), wheel("demo", "1.0.post1")]).await;
    let summary = &site.index.list_channels().await.unwrap()[0];
    assert_eq!((summary.release_count, summary.file_count), (2, 3));
    let stored = site.index.find_file(&other.filename).await.unwrap().unwrap();
    assert_eq!(stored.file.version.to_string(), "1.0.0", "each file keeps its own spelling");
}

async fn a_refused_file_leaves_the_transaction_usable(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("demo", "1.0")]).await;
    let mut tx = site.index.begin().await.unwrap();
    assert!(tx.add_file(&NewFile { digests: digests(b"other"), ..wheel("demo", "1.0") }).await.is_err());
    let advanced = tx.advance(&staging, None).await.unwrap();
    let added = tx.add_file(&wheel("demo", "2.0")).await.unwrap();
    tx.apply(&advanced, &[Change::Add { file_id: added.id, yank: None }]).await.unwrap();
    commit(tx).await;
    assert_eq!(site.filenames(&site.view("staging").await, "demo").await.len(), 2);
}

async fn a_transaction_that_is_dropped_leaves_nothing(site: Site) {
    let staging = site.channel("staging").await;
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(&staging, None).await.unwrap();
    let added = tx.add_file(&wheel("demo", "1.0")).await.unwrap();
    tx.apply(&advanced, &[Change::Add { file_id: added.id, yank: None }]).await.unwrap();
    tx.create_token("ci", &Scope::admin(), &Sha256Digest::of(b"secret"), None).await.unwrap();
    tx.put_target(&target("here", "3.12.1")).await.unwrap();
    drop(tx);

    assert_eq!(site.channel_now(&staging).await.serial, Serial(0));
    assert_eq!(site.index.find_file("demo-1.0-py3-none-any.whl").await.unwrap(), None);
    assert_eq!(site.index.list_snapshots(&staging, 9).await.unwrap().len(), 1);
    assert!(site.index.list_tokens().await.unwrap().is_empty());
    assert!(site.index.list_targets().await.unwrap().is_empty());
    assert_eq!(site.index.list_audit(0, 9).await.unwrap().len(), 1, "only the event of the channel");
}

async fn files_are_found_by_many_names_at_once(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("b", "1.0"), wheel("a", "1.0"), wheel("c", "1.0")]).await;
    let ask = ["c-1.0-py3-none-any.whl", "a-1.0-py3-none-any.whl", "zz.whl", "quo'te\"\\", "n\0l", ""];
    let found = site.index.find_files(&ask.map(str::to_owned)).await.unwrap();
    let names: Vec<&str> = found.iter().map(|stored| stored.file.filename.as_str()).collect();
    assert_eq!(names, ["a-1.0-py3-none-any.whl", "c-1.0-py3-none-any.whl"]);
    assert!(site.index.find_files(&[]).await.unwrap().is_empty());
}

async fn lists_of_channels_count_what_the_head_holds(site: Site) {
    let (staging, _) = (site.channel("staging").await, site.channel("blessed").await);
    let ids = site.publish(&staging, &[wheel("a", "1.0"), wheel("a", "2.0"), wheel("b", "1.0")]).await;
    site.change(&staging, &[Change::Remove { file_id: ids[0] }]).await;
    let size_bytes = (wheel("a", "2.0").digests.size_bytes + wheel("b", "1.0").digests.size_bytes) as i64;
    let empty = ChannelSummary {
        name: ChannelName::blessed(),
        serial: Serial(0),
        project_count: 0,
        release_count: 0,
        file_count: 0,
        size_bytes: 0,
    };
    let full = ChannelSummary {
        name: staging,
        serial: Serial(2),
        project_count: 2,
        release_count: 2,
        file_count: 2,
        size_bytes,
    };
    assert_eq!(site.index.list_channels().await.unwrap(), [empty, full.clone()]);
    site.publish(&full.name, &[wheel("c", "1.0")]).await;
    let now = &site.index.list_channels().await.unwrap()[1];
    assert_eq!((now.serial, now.project_count, now.file_count), (Serial(3), 3, 3));
}

async fn the_sweep_keeps_what_a_row_names(site: Site) {
    let staging = site.channel("staging").await;
    let files = [wheel("a", "1.0"), NewFile { metadata_sha256: None, ..wheel("b", "1.0") }];
    let ids = site.publish(&staging, &files).await;
    site.change(&staging, &[Change::Remove { file_id: ids[0] }]).await;
    let (open, meta) = (Sha256Digest::of(b"open"), Sha256Digest::of(b"meta"));
    let id = "0".repeat(32);
    let columns = "id, public_id, channel_id, state, created_at, created_by, expires_at";
    site.tamper(&format!("INSERT INTO batches ({columns}) VALUES (1, '{id}', 1, 'open', 0, '', 0)")).await;
    let columns = "batch_id, filename, verdict, sha256, metadata_sha256, received_at, report";
    let values = format!("1, 'x.whl', 'accepted', '{open}', '{meta}', 0, '{{}}'");
    site.tamper(&format!("INSERT INTO batch_files ({columns}) VALUES ({values})")).await;
    let expected: BTreeSet<Sha256Digest> =
        [files[0].digests.sha256, files[0].metadata_sha256.unwrap(), files[1].digests.sha256, open, meta].into();
    assert_eq!(site.index.referenced_blobs().await.unwrap(), expected);
}

async fn text_that_one_database_cannot_hold_is_refused_by_both(site: Site) {
    let mut tx = site.index.begin().await.unwrap();
    for file in [
        NewFile { filename: "de\0mo.whl".into(), ..wheel("demo", "1.0") },
        NewFile { summary: Some("a\0b".into()), ..wheel("demo", "1.0") },
        NewFile { requires_python: Some("\0".into()), ..wheel("demo", "1.0") },
        NewFile { display_name: "\0".into(), ..wheel("demo", "1.0") },
        NewFile { uploaded_by: "\0".into(), ..wheel("demo", "1.0") },
    ] {
        assert_eq!(code(tx.add_file(&file).await), "index/value-unstorable");
    }
    assert_eq!(
        code(tx.create_token("a\0", &Scope::admin(), &Sha256Digest::of(b""), None).await),
        "index/value-unstorable"
    );
    let lists = NewFile { requires_dist: vec!["a\0b".into()], ..wheel("demo", "1.0") };
    tx.add_file(&lists).await.unwrap();
    commit(tx).await;
    assert_eq!(site.index.find_file(&lists.filename).await.unwrap().unwrap().file, lists);
}

async fn what_is_not_there_is_not_found(site: Site) {
    let staging = site.channel("staging").await;
    let view = site.view("staging").await;
    assert_eq!(site.index.find_channel(&ChannelName::blessed()).await.unwrap(), None);
    assert_eq!(site.index.find_project(&view, &name("demo")).await.unwrap(), None);
    assert_eq!(site.index.find_file("demo\0").await.unwrap(), None);
    assert_eq!(site.index.find_bundle(&Sha256Digest::of(b"")).await.unwrap(), None);
    assert_eq!(site.index.find_token(&Sha256Digest::of(b"")).await.unwrap(), None);
    assert_eq!(site.index.find_target("\0").await.unwrap(), None);
    assert!(site.index.list_projects(&view).await.unwrap().is_empty());
    assert!(site.index.list_files(&view, &name("demo")).await.unwrap().is_empty());
    assert!(site.index.list_channel_files(&view).await.unwrap().is_empty());
    let mut tx = site.index.begin().await.unwrap();
    assert!(!tx.contains(&staging, 1).await.unwrap());
    assert!(!tx.contains(&ChannelName::blessed(), 1).await.unwrap());
    assert!(!tx.revoke_token("ci").await.unwrap());
}

async fn a_token_is_found_by_the_digest_of_its_secret(site: Site) {
    let secret = Sha256Digest::of(b"secret");
    let scope = Scope { permissions: vec![Permission::Upload], channels: "staging".into(), projects: "acme-*".into() };
    let expires_at = Some(at("2027-01-01T00:00:00Z"));
    let mut tx = site.index.begin().await.unwrap();
    let id = tx.create_token("ci", &scope, &secret, expires_at).await.unwrap();
    assert_eq!(code(tx.create_token("ci", &scope, &Sha256Digest::of(b"2"), None).await), "index/token-exists");
    commit(tx).await;
    let token = site.index.find_token(&secret).await.unwrap().unwrap();
    assert_eq!((token.id, token.name.as_str(), &token.scope, token.expires_at), (id, "ci", &scope, expires_at));
    assert_eq!((token.revoked_at, token.last_used_at, token.created_at), (None, None, site.clock.now()));

    site.wait_hours(1);
    let mut tx = site.index.begin().await.unwrap();
    assert!(tx.revoke_token("ci").await.unwrap());
    assert!(!tx.revoke_token("ci").await.unwrap());
    tx.create_token("ci", &Scope::admin(), &Sha256Digest::of(b"new"), None).await.unwrap();
    commit(tx).await;
    let tokens = site.index.list_tokens().await.unwrap();
    assert_eq!(tokens.iter().map(|token| token.revoked_at).collect::<Vec<_>>(), [Some(site.clock.now()), None]);
    assert_eq!(site.index.find_token(&secret).await.unwrap().unwrap(), tokens[0]);
}

async fn last_use_of_a_token_is_written_once_an_hour(site: Site) {
    let secret = Sha256Digest::of(b"secret");
    let mut tx = site.index.begin().await.unwrap();
    let id = tx.create_token("ci", &Scope::admin(), &secret, None).await.unwrap();
    commit(tx).await;
    let mut seen = Vec::new();
    for moment in ["2026-02-01T10:00:00Z", "2026-02-01T10:59:59Z", "2026-02-01T11:00:00Z", "2026-02-01T09:00:00Z"] {
        site.index.touch_token(id, at(moment)).await.unwrap();
        seen.push(site.index.find_token(&secret).await.unwrap().unwrap().last_used_at.unwrap().to_string());
    }
    let (first, second) = ("2026-02-01T10:00:00Z", "2026-02-01T11:00:00Z");
    assert_eq!(seen, [first, first, second, second]);
    site.index.touch_token(id + 1, at("2026-02-01T10:00:00Z")).await.unwrap();
}

fn target(name: &str, python: &str) -> Target {
    Target {
        name: name.to_owned(),
        implementation: "cpython".to_owned(),
        python_full_version: python.to_owned(),
        arch: "x86_64".to_owned(),
        os: "linux".to_owned(),
        libc: Some(Libc { name: "glibc".to_owned(), version: (2, 36) }),
        platform_release: String::new(),
        platform_version: String::new(),
        tags: None,
    }
}

async fn a_saved_target_can_be_replaced(site: Site) {
    let mut tx = site.index.begin().await.unwrap();
    assert!(tx.put_target(&target("rack", "3.11.2")).await.unwrap());
    assert!(!tx.put_target(&target("rack", "3.11.2")).await.unwrap());
    assert!(tx.put_target(&target("rack", "3.12.0")).await.unwrap());
    assert!(tx.put_target(&target("Lab", "3.12.0")).await.unwrap());
    commit(tx).await;
    assert_eq!(site.index.find_target("rack").await.unwrap(), Some(target("rack", "3.12.0")));
    assert_eq!(site.index.list_targets().await.unwrap(), [target("Lab", "3.12.0"), target("rack", "3.12.0")]);
}

async fn a_bundle_is_recorded_once(site: Site) {
    let file = LockedFile {
        project: name("demo"),
        version: "1.0".parse().unwrap(),
        filename: "demo-1.0-py3-none-any.whl".into(),
        sha256: Sha256Digest::of(b"demo"),
        size_bytes: 12,
        uploaded_at: at("2025-12-01T00:00:00Z"),
        requires_python: None,
        dependencies: vec![name("six")],
    };
    let bundle = BundleRecord {
        id: Sha256Digest::of(b"{}"),
        name: "hello".parse().unwrap(),
        lock: Lock {
            channel: ChannelName::blessed(),
            serial: Serial(3),
            target: "debian-12".into(),
            requirements: vec!["demo".into()],
            files: vec![file],
        },
        manifest: "{}".into(),
        output_sha256: Sha256Digest::of(b"zip"),
        size_bytes: 5_000_000_000,
        created_at: site.clock.now(),
        created_by: "ci".into(),
    };
    let mut tx = site.index.begin().await.unwrap();
    assert!(tx.put_bundle(&bundle).await.unwrap());
    assert!(!tx.put_bundle(&BundleRecord { created_by: "another".into(), ..bundle.clone() }).await.unwrap());
    commit(tx).await;
    assert_eq!(site.index.find_bundle(&bundle.id).await.unwrap(), Some(bundle));
}
