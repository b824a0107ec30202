//! The history of a channel and the addresses of its snapshots, on both databases.

use ferrywheel::model::{Change, ChangeCursor, ChannelAddress, PastAction, Serial, Yank};

use crate::index_site::{Site, code, on_both, wheel, yanked};

on_both! {
    an_index_has_a_name_of_its_own,
    a_day_is_its_last_snapshot,
    a_digest_is_found_by_its_beginning_once_it_is_known,
    a_history_tells_each_kind_of_change_once,
    a_history_is_complete_wherever_it_is_cut,
    a_status_is_told_before_the_files_of_its_serial,
    the_recent_serial_leaves_fewer_changes_than_asked,
}

/// A channel that went through everything; gives the number of its serials.
async fn busy_channel(site: &Site) -> i64 {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("a", "1.0"), wheel("a", "2.0"), wheel("b", "1.0")]).await; // 1
    let mark = |file_id, yank: Option<Yank>| Change::Mark { file_id, yank };
    site.change(&staging, &[mark(ids[0], yanked("bad")), Change::Remove { file_id: ids[2] }]).await; // 2
    site.change(&staging, &[mark(ids[0], yanked("worse"))]).await; // 3
    site.change(&staging, &[mark(ids[0], None), mark(ids[1], yanked("old"))]).await; // 4
    site.change(&staging, &[Change::Add { file_id: ids[2], yank: yanked("back") }]).await; // 5
    site.change(&staging, &ids.iter().map(|file_id| Change::Remove { file_id: *file_id }).collect::<Vec<_>>()).await; // 6
    6
}

async fn history(site: &Site, since: &str, limit: u32) -> Vec<(String, String)> {
    let channel = site.channel_now(&"staging".parse().unwrap()).await;
    let changes = site.index.list_changes(&channel, since.parse().unwrap(), limit).await.unwrap();
    let tell = |action: &PastAction| match action {
        PastAction::Added(file, mark) => format!("+{}{}", file.filename, if mark.is_some() { " yanked" } else { "" }),
        PastAction::Yanked(file, yank) => format!("!{} {}", file.filename, yank.reason.as_deref().unwrap()),
        PastAction::Unyanked(file) => format!("?{}", file.filename),
        PastAction::Removed(file) => format!("-{}", file.filename),
        PastAction::Status(status, reason) => format!("{status:?} {reason:?}"),
    };
    let short = |text: String| text.replace("-py3-none-any.whl", "");
    changes.iter().map(|change| (change.cursor.to_string(), short(tell(&change.action)))).collect()
}

async fn a_history_tells_each_kind_of_change_once(site: Site) {
    busy_channel(&site).await;
    let told = history(&site, "0", 100).await;
    let expected = [
        ("1.f1", "+a-1.0"),
        ("1.f2", "+a-2.0"),
        ("1.f3", "+b-1.0"),
        ("2.f1", "!a-1.0 bad"),
        ("2.f3", "-b-1.0"),
        ("3.f1", "!a-1.0 worse"),
        ("4.f1", "?a-1.0"),
        ("4.f2", "!a-2.0 old"),
        ("5.f3", "+b-1.0 yanked"),
        ("6.f1", "-a-1.0"),
        ("6.f2", "-a-2.0"),
        ("6.f3", "-b-1.0"),
    ];
    assert_eq!(told, expected.map(|(cursor, text)| (cursor.to_owned(), text.to_owned())));
}

async fn a_history_is_complete_wherever_it_is_cut(site: Site) {
    busy_channel(&site).await;
    let all = history(&site, "0", 100).await;
    for limit in 1..=5 {
        let (mut since, mut told) = ("0".to_owned(), Vec::new());
        loop {
            let part = history(&site, &since, limit).await;
            let Some((cursor, _)) = part.last() else { break };
            assert!(part.len() <= limit as usize);
            since.clone_from(cursor);
            told.extend(part);
        }
        assert_eq!(told, all, "{limit} at a time");
    }
    for serial in 0..=6_i64 {
        let rest = history(&site, &serial.to_string(), 100).await;
        let expected: Vec<_> =
            all.iter().filter(|(cursor, _)| cursor.parse::<ChangeCursor>().unwrap().serial > Serial(serial)).collect();
        assert_eq!(rest.iter().collect::<Vec<_>>(), expected, "after {serial}");
    }
}

async fn a_status_is_told_before_the_files_of_its_serial(site: Site) {
    let staging = site.channel("staging").await;
    for version in ["1.0", "2.0", "3.0"] {
        site.publish(&staging, &[wheel("a", version)]).await;
    }
    site.tamper(
        "INSERT INTO project_status (channel_id, project_id, from_serial, to_serial, status, reason) \
         VALUES (1, 1, 2, 3, 'archived', 'moved on')",
    )
    .await;
    let told: Vec<String> = history(&site, "1", 100).await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(told, ["Archived Some(\"moved on\")", "+a-2.0", "Active None", "+a-3.0"]);
    assert_eq!(history(&site, "2.p1", 1).await[0].1, "+a-2.0");
    assert_eq!(history(&site, "2.f2", 1).await[0].0, "3.p1");
}

async fn the_recent_serial_leaves_fewer_changes_than_asked(site: Site) {
    let head = busy_channel(&site).await;
    let channel = site.channel_now(&"staging".parse().unwrap()).await;
    for count in 1..=20 {
        let recent = site.index.find_recent_serial(&channel, count).await.unwrap();
        let rest = history(&site, &recent.to_string(), 100).await;
        assert!(rest.len() < count as usize && recent.0 <= head, "{count}: {recent}");
    }
    assert_eq!(site.index.find_recent_serial(&channel, 100).await.unwrap(), Serial(0));
}

async fn find(site: &Site, text: &str) -> Result<String, &'static str> {
    let found = site.index.find_ref(&text.parse::<ChannelAddress>().unwrap()).await;
    match found {
        Ok(found) => Ok(found.to_string()),
        refused => Err(code(refused)),
    }
}

async fn a_day_is_its_last_snapshot(site: Site) {
    // The clock of a site stands at 2026-01-02T03:04:05Z.
    let staging = site.channel("staging").await; // 0 on the 2nd
    site.publish(&staging, &[wheel("a", "1.0")]).await; // 1 on the 2nd
    site.wait_hours(20); // 23:04:05
    site.publish(&staging, &[wheel("a", "2.0")]).await; // 2 on the 2nd
    site.wait_hours(48);
    site.publish(&staging, &[wheel("a", "3.0")]).await; // 3 on the 4th
    for (day, found) in [
        ("2026-01-01", Err("index/snapshot-unknown")),
        ("2026-01-02", Ok("staging@2")),
        ("2026-01-03", Ok("staging@2")),
        ("2026-01-04", Ok("staging@3")),
        ("2026-01-05", Err("index/snapshot-unknown")),
        ("9999-12-31", Err("index/snapshot-unknown")),
        ("0001-01-01", Err("index/snapshot-unknown")),
    ] {
        assert_eq!(find(&site, &format!("staging@{day}")).await, found.map(str::to_owned), "{day}");
    }
    // A clock that was set back does not hide what was made since.
    site.publish(&staging, &[wheel("a", "4.0")]).await;
    assert_eq!(find(&site, "staging@2026-01-04").await.as_deref(), Ok("staging@4"));
    assert_eq!(find(&site, "nowhere@2026-01-02").await, Err("index/channel-unknown"));
    assert_eq!(find(&site, "staging").await.as_deref(), Ok("staging"));
    assert_eq!(find(&site, "staging@99").await.as_deref(), Ok("staging@99"), "a serial is judged where it is opened");
}

async fn a_digest_is_found_by_its_beginning_once_it_is_known(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("a", "1.0")]).await; // 1
    site.publish(&staging, &[wheel("b", "1.0")]).await; // 2
    let digest = |digest: ferrywheel::model::Sha256Digest| digest.to_hex();
    let head = ferrywheel::model::snapshot_digest(&mut site.lines("staging").await);
    assert_eq!(find(&site, &format!("staging@sha256:{}", &digest(head)[..8])).await.as_deref(), Ok("staging@2"));
    let first = ferrywheel::model::snapshot_digest(&mut site.lines("staging@1").await);
    let first = format!("staging@sha256:{}", digest(first));
    assert_eq!(find(&site, &first).await, Err("index/snapshot-unknown"), "nobody has asked for it yet");
    site.index.snapshot_digest(&site.view("staging@1").await).await.unwrap();
    assert_eq!(find(&site, &first).await.as_deref(), Ok("staging@1"));
    // Equal contents have one digest; the first of them is meant.
    site.change(&staging, &[Change::Mark { file_id: ids[0], yank: yanked("bad") }]).await; // 3
    site.change(&staging, &[Change::Mark { file_id: ids[0], yank: None }]).await; // 4
    assert_eq!(site.index.snapshot_digest(&site.view("staging").await).await.unwrap(), head);
    assert_eq!(find(&site, &format!("staging@sha256:{}", digest(head))).await.as_deref(), Ok("staging@2"));
    site.tamper(&format!("UPDATE snapshots SET digest = '01234567{}' WHERE serial = 1", "a".repeat(56))).await;
    site.tamper(&format!("UPDATE snapshots SET digest = '01234567{}' WHERE serial = 3", "b".repeat(56))).await;
    assert_eq!(find(&site, "staging@sha256:01234567").await, Err("index/snapshot-ambiguous"));
    assert_eq!(find(&site, "staging@sha256:01234567b").await.as_deref(), Ok("staging@3"));
    assert_eq!(find(&site, "staging@sha256:01234568").await, Err("index/snapshot-unknown"));
}

async fn an_index_has_a_name_of_its_own(site: Site) {
    let name = site.index.instance().await.unwrap();
    assert!(name.len() == 32 && name == site.index.instance().await.unwrap(), "{name}");
    assert_ne!(name, Site::sqlite().await.index.instance().await.unwrap());
}
