//! Contracts of the index for what is recorded beside files: provenance, advisories, namespaces; and what is asked of one file.

use std::collections::BTreeSet;

use ferrywheel::index::{AdvisoryRecord, Index, IndexTx, NewAdvisory, StoredProvenance};
use ferrywheel::model::{
    Advisory, Change, Founding, Namespace, NewFile, Principal, ProjectStatus, ServedFile, Sha256Digest, namespaces_of,
};
use ferrywheel::packaging::Signer;
use serde_json::Value;

use crate::advisories::record;
use crate::index_site::{Site, at, code, commit, name, on_both, wheel, yanked};

on_both! {
    a_newer_form_takes_the_place_of_an_older_one_and_stamps_both_projects,
    a_file_is_served_until_it_is_deleted_and_kept_back_in_quarantine,
    a_namespace_keeps_its_time_whoever_has_it,
    a_project_was_founded_by_its_first_file,
    a_provenance_that_comes_later_is_a_change_of_each_head_and_of_no_snapshot,
    a_provenance_that_comes_with_its_file_is_shown_from_the_start,
    advisories_are_listed_page_by_page_in_the_order_of_their_ids,
    an_import_that_is_dropped_leaves_nothing_of_its_advisories,
    namespaces_that_are_dropped_or_refused_are_not_granted,
    one_advisory_may_be_about_several_projects,
    signers_are_told_where_the_provenance_shows_and_follow_no_other_object,
    the_files_of_a_version_are_those_of_the_view_with_its_marks,
    the_sweep_keeps_the_provenance_of_published_files,
    two_forms_of_one_advisory_are_not_written_at_once,
}

async fn put_provenance(tx: &mut IndexTx, file_id: i64, object: &[u8]) -> bool {
    let stored = StoredProvenance::unverified(Sha256Digest::of(object));
    tx.put_provenance(file_id, &stored, &Principal::Local).await.unwrap()
}

/// Names of demo's files with provenance in a view, and the last serial of the project there.
async fn shown(site: &Site, place: &str) -> (Vec<String>, i64) {
    let view = site.view(place).await;
    let project = "demo".parse().unwrap();
    let files = site.index.list_page(&view, &project, true).await.unwrap();
    let names = files.into_iter().filter(|file| file.has_provenance).map(|file| file.filename).collect();
    (names, site.index.find_project(&view, &project).await.unwrap().unwrap().last_serial.0)
}

async fn signers_are_told_where_the_provenance_shows_and_follow_no_other_object(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("demo", "1.0"), wheel("demo", "2.0")]).await;
    let signer = Signer {
        predicate_type: "https://example.org/one".to_owned(),
        identity: "ci@project.example".to_owned(),
        issuer: "https://ci.example".to_owned(),
        publisher: serde_json::json!({"kind": "Unknown"}),
    };
    let mut tx = site.index.begin().await.unwrap();
    for (id, object) in ids.iter().zip([b"one", b"two"]) {
        assert!(put_provenance(&mut tx, *id, object).await);
    }
    assert!(!tx.set_signers(ids[0], &Sha256Digest::of(b"other"), std::slice::from_ref(&signer)).await.unwrap());
    assert!(tx.set_signers(ids[0], &Sha256Digest::of(b"one"), std::slice::from_ref(&signer)).await.unwrap());
    commit(tx).await;
    let demo = "demo".parse().unwrap();
    let files = site.index.list_attested(&site.view("staging").await, &demo, "", 10).await.unwrap();
    let told: Vec<_> = files.iter().map(|file| (file.version.to_string(), file.provenance.signers.clone())).collect();
    assert_eq!(told, [("1.0".to_owned(), vec![signer.clone()]), ("2.0".to_owned(), vec![])]);
    for (place, after, limit, expected) in [
        ("staging@1", "", 10, &[][..]),
        ("staging", "", 1, &["demo-1.0-py3-none-any.whl"]),
        ("staging", "demo-1.0-py3-none-any.whl", 1, &["demo-2.0-py3-none-any.whl"]),
    ] {
        let files = site.index.list_attested(&site.view(place).await, &demo, after, limit).await.unwrap();
        assert_eq!(files.iter().map(|file| file.filename.as_str()).collect::<Vec<_>>(), expected, "{place}");
    }
    let hit = site.index.search(&site.view("staging").await, "demo", 1, None).await.unwrap().results.remove(0);
    assert_eq!((hit.file_count, hit.attested_count, hit.verified_count), (2, 2, 1));
    let before = site.index.search(&site.view("staging@1").await, "demo", 1, None).await.unwrap().results.remove(0);
    assert_eq!((before.attested_count, before.verified_count), (0, 0), "a snapshot stays what it was");

    let page = site.index.list_vouched(0, 1).await.unwrap();
    assert_eq!((page.len(), page[0].file_id, page[0].provenance.is_verified()), (1, ids[0], true));
    let next = site.index.list_vouched(ids[0], 10).await.unwrap();
    assert_eq!((next.len(), next[0].file_id, next[0].provenance.is_verified()), (1, ids[1], false));
    // Another object has signers of its own.
    let mut tx = site.index.begin().await.unwrap();
    assert!(put_provenance(&mut tx, ids[0], b"three").await);
    commit(tx).await;
    assert_eq!(site.index.find_provenance(ids[0]).await.unwrap().unwrap().signers, []);
}

async fn a_provenance_that_comes_later_is_a_change_of_each_head_and_of_no_snapshot(site: Site) {
    let (staging, blessed) = (site.channel("staging").await, site.channel("blessed").await);
    let old = site.channel("old").await;
    let id = site.publish(&staging, &[wheel("demo", "1.0")]).await[0];
    let add = [Change::Add { file_id: id, yank: None }];
    site.change(&blessed, &add).await;
    site.change(&old, &add).await;
    site.change(&old, &[Change::Remove { file_id: id }]).await;
    let mut tx = site.index.begin().await.unwrap();
    assert!(put_provenance(&mut tx, id, b"one").await);
    commit(tx).await;
    let name = vec!["demo-1.0-py3-none-any.whl".to_owned()];
    for (place, names, last_serial) in [
        ("staging@1", vec![], 1),
        ("staging@2", name.clone(), 2),
        ("staging", name.clone(), 2),
        ("blessed@1", vec![], 1),
        ("blessed", name.clone(), 2),
        ("old@1", vec![], 1),
        ("old", vec![], 2),
    ] {
        assert_eq!(shown(&site, place).await, (names, last_serial), "{place}");
    }
    // A channel that takes the file in afterwards shows it with its provenance at once, and so does one that had lost it.
    let late = site.channel("late").await;
    site.change(&late, &add).await;
    site.change(&old, &add).await;
    assert_eq!(shown(&site, "late@1").await, (name.clone(), 1));
    assert_eq!(shown(&site, "old@3").await, (name.clone(), 3));
    // An earlier view of a head that went on tells its own serial.
    site.publish(&staging, &[wheel("demo", "2.0")]).await;
    assert_eq!(shown(&site, "staging@2").await, (name, 2));
    assert_eq!(shown(&site, "staging@1").await, (vec![], 1));
    // Another object changes what its URL answers and no page; the same one nothing.
    let mut tx = site.index.begin().await.unwrap();
    assert!(put_provenance(&mut tx, id, b"two").await);
    commit(tx).await;
    assert_eq!(shown(&site, "staging").await.1, 3);
    assert_eq!(site.index.find_provenance(id).await.unwrap().unwrap().sha256, Sha256Digest::of(b"two"));
    let mut tx = site.index.begin().await.unwrap();
    assert!(!put_provenance(&mut tx, id, b"two").await);
}

async fn a_provenance_that_comes_with_its_file_is_shown_from_the_start(site: Site) {
    let staging = site.channel("staging").await;
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(&staging, None).await.unwrap();
    let id = tx.add_file(&wheel("demo", "1.0")).await.unwrap().id;
    assert!(put_provenance(&mut tx, id, b"one").await);
    tx.apply(&advanced, &[Change::Add { file_id: id, yank: None }]).await.unwrap();
    commit(tx).await;
    assert_eq!(shown(&site, "staging@1").await, (vec!["demo-1.0-py3-none-any.whl".to_owned()], 1));
    assert_eq!(site.channel_now(&staging).await.serial.0, 1);
    let unasked = site.index.list_page(&site.view("staging").await, &"demo".parse().unwrap(), false).await.unwrap();
    assert!(unasked.len() == 1 && !unasked[0].has_provenance);
    assert_eq!(site.index.find_provenance(id + 1).await.unwrap(), None);
}

async fn the_sweep_keeps_the_provenance_of_published_files(site: Site) {
    let staging = site.channel("staging").await;
    let id = site.publish(&staging, &[wheel("demo", "1.0")]).await[0];
    let mut tx = site.index.begin().await.unwrap();
    put_provenance(&mut tx, id, b"one").await;
    commit(tx).await;
    assert!(site.index.referenced_blobs().await.unwrap().contains(&Sha256Digest::of(b"one")));
}

async fn a_newer_form_takes_the_place_of_an_older_one_and_stamps_both_projects(site: Site) {
    let index = &site.index;
    let put = async |record: Value| put_advisories(index, &[record]).await;
    let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
    let editions = async || (index.advisory_edition(&one).await.unwrap(), index.advisory_edition(&two).await.unwrap());
    assert_eq!(editions().await, (0, 0));
    put(record("A-1", "one", "1.0", "2026-08-01T12:00:00Z")).await;
    let first = editions().await;
    assert!(first.0 > 0 && first.1 == 0);
    put(record("A-1", "Two", "2.0", "2026-08-02T12:00:00.5Z")).await;
    let second = editions().await;
    assert!(second.0 > first.0 && second.1 > 0, "the project that it was about is told too: {second:?}");
    assert!(index.list_advisories(Some(&one), "", 9).await.unwrap().is_empty());
    let about_two = index.list_advisories(Some(&two), "", 9).await.unwrap();
    assert_eq!((about_two.len(), about_two[0].advisory.id.as_str()), (1, "A-1"));
    put(record("B\u{2d}2", "two", "2.0", "2026-08-02T12:00:00Z")).await;
    let after = |list: Vec<AdvisoryRecord>| list.into_iter().map(|known| known.advisory.id).collect::<Vec<_>>();
    assert_eq!(after(index.list_advisories(None, "", 1).await.unwrap()), ["A-1"]);
    assert_eq!(after(index.list_advisories(None, "A-1", 9).await.unwrap()), ["B-2"]);
    let mut tx = index.begin().await.unwrap();
    let known = tx.hold_advisories().await.unwrap();
    assert_eq!(known["A-1"], "2026-08-02T12:00:00.5Z".parse().unwrap());
    assert!(index.find_advisory("A-1").await.unwrap().unwrap().contains("\"2.0\""));
    assert_eq!(index.find_advisory("A-\0").await.unwrap(), None);
}

/// Writes these records as one import.
async fn put_advisories(index: &Index, records: &[Value]) {
    let mut tx = index.begin().await.unwrap();
    tx.hold_advisories().await.unwrap();
    tx.put_advisories(&records.iter().map(new_advisory).collect::<Vec<_>>()).await.unwrap();
    commit(tx).await;
}

fn new_advisory(record: &Value) -> NewAdvisory {
    NewAdvisory::new(&Advisory::read(record).unwrap(), record.to_string())
}

/// Ids of the advisories about a project, or of all.
async fn ids(index: &Index, project: Option<&str>, after: &str, limit: u32) -> Vec<String> {
    let project = project.map(name);
    let list = index.list_advisories(project.as_ref(), after, limit).await.unwrap();
    list.into_iter().map(|known| known.advisory.id).collect()
}

/// More of them than one statement writes.
async fn advisories_are_listed_page_by_page_in_the_order_of_their_ids(site: Site) {
    let index = &site.index;
    let about = |number: usize| if number.is_multiple_of(2) { "even" } else { "odd" };
    let all: Vec<String> = (0..1_001).map(|number| format!("A-{number:04}")).collect();
    let records = all.iter().enumerate().rev();
    let records: Vec<Value> =
        records.map(|(number, id)| record(id, about(number), "2.0", "2026-08-01T12:00:00Z")).collect();
    put_advisories(index, &records).await;
    assert_eq!(ids(index, None, "", u32::MAX).await, all);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = ids(index, Some("odd"), &after, 200).await;
        let Some(last) = page.last() else { break };
        after = last.clone();
        seen.extend(page);
    }
    assert_eq!(seen, all.iter().skip(1).step_by(2).cloned().collect::<Vec<_>>());
    assert!(ids(index, Some("unknown"), "", 9).await.is_empty());
    assert!(ids(index, None, "", 0).await.is_empty());
    assert_eq!(index.find_advisory("A-0999").await.unwrap().unwrap(), records[1].to_string(), "as it was imported");
    for unknown in ["", "a-0999", "A-9999"] {
        assert_eq!(index.find_advisory(unknown).await.unwrap(), None, "{unknown:?}");
    }
    assert_eq!(code(index.list_advisories(None, "a\0", 9).await), "index/value-unstorable");
    assert_eq!(index.begin().await.unwrap().hold_advisories().await.unwrap().len(), all.len());
}

async fn one_advisory_may_be_about_several_projects(site: Site) {
    let index = &site.index;
    let edition = async |project: &str| index.advisory_edition(&name(project)).await.unwrap();
    let mut both = record("A-1", "One", "2.0", "2026-08-01T12:00:00Z");
    let other = record("A-1", "two", "3.0", "2026-08-01T12:00:00Z")["affected"][0].clone();
    both["affected"].as_array_mut().unwrap().push(other);
    put_advisories(index, &[both, record("A-2", "two", "2.0", "2026-08-01T12:00:00Z")]).await;
    assert_eq!(ids(index, Some("one"), "", 9).await, ["A-1"]);
    assert_eq!(ids(index, Some("two"), "", 9).await, ["A-1", "A-2"]);
    assert_eq!(edition("three").await, 0);
    // What is said of one anew is no news of those that only another advisory is about.
    let before = (edition("one").await, edition("two").await);
    put_advisories(index, &[record("A-2", "two", "2.1", "2026-08-02T12:00:00Z")]).await;
    let after = (edition("one").await, edition("two").await);
    assert!(after.0 == before.0 && after.1 > before.1, "{before:?} {after:?}");
    assert_eq!(ids(index, Some("two"), "", 9).await, ["A-1", "A-2"]);
}

async fn an_import_that_is_dropped_leaves_nothing_of_its_advisories(site: Site) {
    let index = &site.index;
    put_advisories(index, &[record("A-1", "demo", "2.0", "2026-08-01T12:00:00Z")]).await;
    let before = (index.find_advisory("A-1").await.unwrap(), index.advisory_edition(&name("demo")).await.unwrap());
    let mut tx = index.begin().await.unwrap();
    tx.hold_advisories().await.unwrap();
    let forms = ["A-1", "A-2"].map(|id| new_advisory(&record(id, "demo", "3.0", "2026-08-02T12:00:00Z")));
    tx.put_advisories(&forms).await.unwrap();
    assert_eq!(tx.hold_advisories().await.unwrap().len(), 2, "the import itself sees them");
    drop(tx);
    let after = (index.find_advisory("A-1").await.unwrap(), index.advisory_edition(&name("demo")).await.unwrap());
    assert_eq!(before, after);
    assert_eq!(ids(index, Some("demo"), "", 9).await, ["A-1"]);
}

async fn two_forms_of_one_advisory_are_not_written_at_once(site: Site) {
    let mut tx = site.index.begin().await.unwrap();
    let form = |fixed| new_advisory(&record("A-1", "demo", fixed, "2026-08-01T12:00:00Z"));
    assert_eq!(code(tx.put_advisories(&[form("1.0"), form("2.0")]).await), "index/damaged");
    let unstorable = NewAdvisory { record: "{\"a\":\"\0\"}".into(), ..form("1.0") };
    assert_eq!(code(tx.put_advisories(&[unstorable]).await), "index/value-unstorable");
    tx.put_advisories(&[]).await.unwrap();
    assert!(tx.hold_advisories().await.unwrap().is_empty());
}

fn namespace(text: &str, owner: &str, principals: &[&str], granted_at: &str) -> Namespace {
    let principals = principals.iter().map(|principal| (*principal).to_owned()).collect();
    Namespace { name: name(text), owner: owner.to_owned(), principals, granted_at: at(granted_at) }
}

async fn grant(site: &Site, namespace: &Namespace) {
    let mut tx = site.index.begin().await.unwrap();
    tx.hold_namespaces().await.unwrap();
    tx.set_namespace(namespace).await.unwrap();
    commit(tx).await;
}

async fn a_namespace_keeps_its_time_whoever_has_it(site: Site) {
    let index = &site.index;
    assert!(index.list_namespaces().await.unwrap().is_empty());
    let wide = namespace("foo", "Acme \"ü\"", &["ci", "bob"], "2026-02-01T10:00:00.000001Z");
    let deep = namespace("Foo.Bar", "Acme", &[], "2026-02-02T10:00:00Z");
    grant(&site, &deep).await;
    let listed = index.list_namespaces().await.unwrap();
    assert_eq!(&listed[..], std::slice::from_ref(&deep), "what was kept from before is stale");
    grant(&site, &wide).await;
    assert_eq!(index.list_namespaces().await.unwrap()[..], [wide.clone(), deep.clone()]);
    grant(&site, &namespace("foo", "Other", &["eve"], "2027-01-01T00:00:00Z")).await;
    let handed =
        Namespace { granted_at: wide.granted_at, ..namespace("foo", "Other", &["eve"], "2027-01-01T00:00:00Z") };
    assert_eq!(index.list_namespaces().await.unwrap()[..], [handed.clone(), deep.clone()]);

    let mut tx = index.begin().await.unwrap();
    assert_eq!(tx.hold_namespaces().await.unwrap(), [handed, deep.clone()]);
    assert!(tx.delete_namespace(&name("foo")).await.unwrap());
    assert!(!tx.delete_namespace(&name("foo")).await.unwrap());
    assert!(!tx.delete_namespace(&name("fo")).await.unwrap());
    commit(tx).await;
    assert_eq!(index.list_namespaces().await.unwrap()[..], [deep]);
    // Granted anew, it begins anew.
    let anew = namespace("foo", "Other", &["eve"], "2027-01-01T00:00:00Z");
    grant(&site, &anew).await;
    assert_eq!(index.list_namespaces().await.unwrap()[0], anew);
}

async fn namespaces_that_are_dropped_or_refused_are_not_granted(site: Site) {
    let granted = namespace("foo", "Acme", &["ci"], "2026-02-01T10:00:00Z");
    grant(&site, &granted).await;
    let mut tx = site.index.begin().await.unwrap();
    let refused = tx.set_namespace(&namespace("bar", "A\0", &[], "2026-02-01T10:00:00Z")).await;
    assert_eq!(code(refused), "index/value-unstorable");
    drop(tx);
    let mut tx = site.index.begin().await.unwrap();
    tx.set_namespace(&namespace("bar", "Acme", &[], "2026-02-01T10:00:00Z")).await.unwrap();
    assert!(tx.delete_namespace(&granted.name).await.unwrap());
    drop(tx);
    assert_eq!(site.index.list_namespaces().await.unwrap()[..], [granted]);
}

async fn a_project_was_founded_by_its_first_file(site: Site) {
    let staging = site.channel("staging").await;
    let founding = async |project: &str| site.index.find_founding(&name(project)).await.unwrap();
    assert_eq!(founding("foo-new").await, None);
    let by = |version: &str, who: &str| NewFile { uploaded_by: who.to_owned(), ..wheel("Foo.New", version) };
    let founded_at = site.clock.now();
    let ids = site.publish(&staging, &[by("2.0", "ci")]).await;
    site.wait_hours(2);
    site.publish(&staging, &[by("1.0", "eve"), NewFile { uploaded_by: "eve".to_owned(), ..wheel("foonew", "1.0") }])
        .await;
    let first = Some(Founding { created_at: founded_at, founder: "ci".to_owned() });
    assert_eq!(founding("foo-new").await, first, "not the lowest version, the first to come");
    assert_eq!(founding("foo").await, None, "not the project whose name begins so");
    // That its first file was deleted does not make a project younger.
    let mut tx = site.index.begin().await.unwrap();
    tx.retire(&BTreeSet::from([ids[0]])).await.unwrap();
    commit(tx).await;
    assert_eq!(founding("foo-new").await, first);

    grant(&site, &namespace("foo", "Acme", &["ci"], "2026-02-01T10:00:00Z")).await;
    let all = site.index.list_namespaces().await.unwrap();
    let told = async |project: &str| {
        let around = namespaces_of(&all, &name(project), founding(project).await.as_ref());
        around.into_iter().map(|around| (around.name.to_string(), around.owned)).collect::<Vec<_>>()
    };
    assert_eq!(told("foo-new").await, [("foo".to_owned(), true)], "from before the grant, by its own token");
    assert_eq!(told("foonew").await, []);
}

async fn a_file_is_served_until_it_is_deleted_and_kept_back_in_quarantine(site: Site) {
    const DEMO: &str = "demo-1.0-py3-none-any.whl";
    let staging = site.channel("staging").await;
    let index = &site.index;
    for unknown in [DEMO, "", "demo\0", "DEMO-1.0-py3-none-any.whl"] {
        assert_eq!(index.find_served(unknown).await.unwrap(), None, "{unknown:?}");
    }
    let ids = site.publish(&staging, &[wheel("demo", "1.0")]).await;
    let row = wheel("demo", "1.0");
    let served = |is_withheld: bool| ServedFile {
        project: name("demo"),
        sha256: row.digests.sha256,
        size_bytes: row.digests.size_bytes,
        metadata_sha256: row.metadata_sha256,
        is_withheld,
    };
    // Asked twice, so that what memory keeps is compared too.
    let is_withheld = async || {
        let mut told = Vec::new();
        for _ in 0..2 {
            let found = index.find_served(DEMO).await.unwrap().map(|found| ServedFile::clone(&found));
            assert!(found.iter().all(|found| *found == served(found.is_withheld)), "{found:?}");
            told.push(found.map(|found| found.is_withheld));
            let at_hand = index.served_at_hand(DEMO).map(|kept| Some(kept.is_withheld));
            assert!(at_hand.is_none_or(|kept| kept == told[0]));
        }
        assert_eq!(told[0], told[1]);
        told[0]
    };
    assert_eq!(is_withheld().await, Some(false));
    for (status, withheld) in
        [(ProjectStatus::Archived, false), (ProjectStatus::Quarantined, true), (ProjectStatus::Active, false)]
    {
        let mut tx = index.begin().await.unwrap();
        let advanced = tx.advance(&staging, None).await.unwrap();
        assert!(tx.set_status(&advanced, &name("demo"), status, None).await.unwrap());
        commit(tx).await;
        assert_eq!(is_withheld().await, Some(withheld), "{status}");
    }
    site.change(&staging, &[Change::Remove { file_id: ids[0] }]).await;
    assert_eq!(is_withheld().await, Some(false), "snapshots from before show it");
    let mut tx = index.begin().await.unwrap();
    assert_eq!(tx.retire(&BTreeSet::from([ids[0]])).await.unwrap(), 1);
    commit(tx).await;
    assert_eq!(is_withheld().await, None);
}

async fn the_files_of_a_version_are_those_of_the_view_with_its_marks(site: Site) {
    let (staging, _) = (site.channel("staging").await, site.channel("blessed").await);
    let longer = NewFile {
        filename: "demo-1.0.0-cp312-cp312-linux_x86_64.whl".into(),
        identity: "demo/1//cp312".into(),
        ..wheel("demo", "1.0.0")
    };
    let files = [wheel("demo", "1.0"), longer.clone(), wheel("demo", "1.0.post1"), wheel("other", "1.0")];
    let ids = site.publish(&staging, &files).await; // 1
    site.change(&staging, &[Change::Mark { file_id: ids[0], yank: yanked("bad") }]).await; // 2
    site.change(&staging, &[Change::Remove { file_id: ids[1] }]).await; // 3
    let of = async |place: &str, project: &str, version: &str| {
        let view = site.view(place).await;
        let files = site.index.list_files_of_version(&view, &name(project), &version.parse().unwrap()).await.unwrap();
        let whole = site.index.list_files(&view, &name(project)).await.unwrap();
        assert!(files.iter().all(|file| whole.contains(file)), "told as the whole project is");
        files.into_iter().map(|file| (file.stored.file.filename, file.yank)).collect::<Vec<_>>()
    };
    let short = "demo-1.0-py3-none-any.whl".to_owned();
    for version in ["1.0", "1", "1.0.0", "0!1.00"] {
        let both = [(short.clone(), None), (longer.filename.clone(), None)];
        assert_eq!(of("staging@1", "demo", version).await, both, "{version}");
        assert_eq!(of("staging", "demo", version).await, [(short.clone(), yanked("bad"))], "{version}");
    }
    assert_eq!(of("staging@2", "demo", "1.0").await[0].1, yanked("bad"));
    assert_eq!(of("staging", "demo", "1.0-1").await.len(), 1, "a post release is another version");
    for (place, project, version) in [
        ("staging", "demo", "2.0"),
        ("staging", "demo", "1.0+cpu"),
        ("staging", "nope", "1.0"),
        ("blessed", "demo", "1.0"),
    ] {
        assert_eq!(of(place, project, version).await, [], "{place} {project} {version}");
    }
    let mut tx = site.index.begin().await.unwrap();
    tx.retire(&BTreeSet::from([ids[1]])).await.unwrap();
    commit(tx).await;
    assert_eq!(of("staging@1", "demo", "1.0").await, [(short, None)], "a deleted file is in no view");
}
