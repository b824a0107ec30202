//! Pages that are made of what is kept in memory are the pages that would be made anew, byte for byte.

use std::collections::BTreeSet;
use std::io::Read as _;

use ferrywheel::index::StoredProvenance;
use ferrywheel::model::{Change, ChannelName, ChannelRef, Principal, ProjectStatus, Sha256Digest};
use ferrywheel::simple::{Base, Encoding, Form, Format, NameRules, PageBody, PageCache};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::index_site::{Site, commit, name, on_both, wheel, yanked};

on_both!(pages_of_a_large_project_and_lists_are_those_that_would_be_made_anew);

/// Files at the begin: more than a page is read anew for, and several pieces.
const FILES: u32 = 700;

const ROUNDS: u32 = 40;

const FORMATS: [Format; 2] = [Format::Json, Format::Html];

fn pages() -> PageCache {
    PageCache::new(32 << 20, NameRules::default()).naming_provenance(Some(&"https://wheels.example/".parse().unwrap()))
}

fn text_of(page: &PageBody) -> Vec<u8> {
    let bytes = page.pieces.concat();
    let mut text = Vec::new();
    match page.encoding {
        Encoding::Identity => text = bytes,
        Encoding::Gzip => drop(flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut text).unwrap()),
        Encoding::Zstd => drop(zstd::Decoder::new(&*bytes).unwrap().read_to_end(&mut text).unwrap()),
    }
    text
}

/// What happens to a channel and the files of its large project.
struct Story {
    site: Site,
    staging: ChannelName,
    rng: StdRng,
    /// Keys of all files that were not deleted.
    files: Vec<i64>,
    next_version: u32,
}

impl Story {
    async fn go_on(&mut self) {
        let file_id = self.files[self.rng.random_range(0..self.files.len())];
        match self.rng.random_range(0..9) {
            0..=2 => self.publish().await,
            3 => self.change(Change::Mark { file_id, yank: yanked("broken") }).await,
            4 => self.change(Change::Mark { file_id, yank: None }).await,
            5 => self.change(Change::Remove { file_id }).await,
            6 => self.change(Change::Add { file_id, yank: None }).await,
            7 => self.attest(file_id).await,
            _ => self.delete(file_id).await,
        }
    }

    async fn publish(&mut self) {
        // Between the others, not behind them, and another project now and then.
        let version = format!("{}.{}", self.next_version * 7919 % FILES, self.next_version);
        self.next_version += 1;
        self.files.extend(self.site.publish(&self.staging, &[wheel("big", &version)]).await);
        let other = format!("other{}", self.next_version % 11);
        self.site.publish(&self.staging, &[wheel(&other, &version)]).await;
    }

    async fn change(&self, change: Change) {
        self.site.change(&self.staging, &[change]).await;
    }

    async fn attest(&self, file_id: i64) {
        let provenance = StoredProvenance::unverified(Sha256Digest::of(&file_id.to_be_bytes()));
        let mut tx = self.site.index.begin().await.unwrap();
        tx.put_provenance(file_id, &provenance, &Principal::Local).await.unwrap();
        commit(tx).await;
    }

    async fn delete(&mut self, file_id: i64) {
        self.change(Change::Remove { file_id }).await;
        let mut tx = self.site.index.begin().await.unwrap();
        tx.retire(&BTreeSet::from([file_id])).await.unwrap();
        commit(tx).await;
        self.files.retain(|known| *known != file_id);
    }

    async fn set_status(&self, status: ProjectStatus) {
        let mut tx = self.site.index.begin().await.unwrap();
        let channel = tx.advance(&self.staging, None).await.unwrap();
        tx.set_status(&channel, &name("big"), status, None).await.unwrap();
        commit(tx).await;
    }

    /// Asks in one form, and in all that the page has when `is_thorough`.
    async fn compare(&self, kept: &PageCache, is_thorough: bool) {
        let anew = pages();
        let index = &self.site.index;
        let wanted = ChannelRef { name: self.staging.clone(), serial: None };
        for format in FORMATS {
            let mut texts = BTreeSet::new();
            for encoding in
                [Encoding::Gzip, Encoding::Identity, Encoding::Zstd].into_iter().take(if is_thorough { 3 } else { 1 })
            {
                let form = Form { format, encoding, base: Base::Default };
                let pairs = [
                    (
                        kept.project(index, &wanted, &name("big"), form).await,
                        anew.project(index, &wanted, &name("big"), form).await,
                    ),
                    (kept.root(index, &wanted, form).await, anew.root(index, &wanted, form).await),
                ];
                let [(page, expected), (list, expected_list)] =
                    pairs.map(|(left, right)| (left.unwrap(), right.unwrap()));
                assert!(page.pieces.concat() == expected.pieces.concat() && page.etag == expected.etag, "{form:?}");
                assert!(
                    list.pieces.concat() == expected_list.pieces.concat() && list.etag == expected_list.etag,
                    "{form:?}"
                );
                texts.insert(text_of(&page));
            }
            assert_eq!(texts.len(), 1, "{format:?}: the encodings say the same");
        }
    }
}

async fn pages_of_a_large_project_and_lists_are_those_that_would_be_made_anew(site: Site) {
    let staging = site.channel("staging").await;
    let wheels: Vec<_> = (0..FILES).map(|number| wheel("big", &format!("{number}.0"))).collect();
    let files = site.publish(&staging, &wheels).await;
    let mut story = Story { site, staging, rng: StdRng::seed_from_u64(6), files, next_version: 1 };
    let kept = pages();
    for round in 0..ROUNDS {
        story.compare(&kept, round % 8 == 0).await;
        for _ in 0..=story.rng.random_range(0..3) {
            story.go_on().await;
        }
    }
    for status in [ProjectStatus::Quarantined, ProjectStatus::Active] {
        story.set_status(status).await;
        story.publish().await;
        story.compare(&kept, true).await;
    }
}
