//! The server process is killed again and again while files and batches come in: what was acknowledged is there, what is there
//! is whole. `FERRYWHEEL_TEST_KILLS=1000` says how often; a plain run has 120 kills.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use ferrywheel::app::App;
use ferrywheel::config::Settings;
use ferrywheel::index::{Index, IndexLocation};
use ferrywheel::model::{Clock, Sha256Digest};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Client;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::kill_batches::{Batches, Counted};
use super::support::Wheel;

/// Data directories, each with a server of its own, killed side by side.
const LANES: u32 = 2;

/// Kills of all lanes together, where the environment does not say another number.
const USUAL_KILLS: u32 = 120;

/// Clients that upload to each server at the same time.
const CLIENTS: u32 = 3;

/// A running server process.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    /// Starts the real program and waits until it says where it listens.
    async fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ferrywheel"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env_clear()
            .env("FERRYWHEEL_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        let url = loop {
            let line =
                lines.next_line().await.unwrap().unwrap_or_else(|| panic!("it ended before it listened: {seen}"));
            if let Some((_, url)) = line.split_once("listening on ") {
                break url.to_owned();
            }
            seen.push_str(&line);
        };
        // What it says later is read on, so that it never waits for us.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, url }
    }

    /// SIGKILL, to this process only.
    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// What the clients know: every file that was ever sent, and those of which the server said that it has them.
#[derive(Default)]
struct Ledger {
    sent: BTreeMap<String, Bytes>,
    acknowledged: BTreeSet<String>,
}

/// One data directory and what was seen of it.
struct Lane {
    number: u32,
    data: PathBuf,
    ledger: Arc<Mutex<Ledger>>,
    batches: Batches,
    verified: BTreeSet<String>,
    lost: BTreeSet<String>,
    kill_count: u32,
    leftover_count: usize,
    unacknowledged_count: usize,
}

impl Lane {
    fn project(&self, client: u32) -> String {
        format!("kill-{}-{client}", self.number)
    }

    fn token(&self) -> String {
        std::fs::read_to_string(self.data.join("admin-token")).unwrap().trim().to_owned()
    }

    /// Starts the server, lets all clients upload, kills it somewhere in the middle.
    async fn round(&mut self, round: u32, rng: &mut StdRng) {
        let process = Process::start(&self.data).await;
        self.check(&process).await;
        self.batches.settle(&process.url, &self.token()).await;
        let batches = self.batches.clone().send_until_it_dies(
            process.url.clone(),
            self.token(),
            self.number,
            round,
            StdRng::seed_from_u64(rng.random()),
        );
        let batches = tokio::spawn(batches);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (url, token, ledger) = (process.url.clone(), self.token(), Arc::clone(&self.ledger));
                let (project, rng) = (self.project(client), StdRng::seed_from_u64(rng.random()));
                tokio::spawn(upload_until_it_dies(url, token, ledger, project, round, rng))
            })
            .collect();
        // The moment of death is what this test is about; nothing could be awaited instead.
        let moment = tokio::time::sleep(Duration::from_micros(rng.random_range(0..200_000)));
        if round.is_multiple_of(2) {
            moment.await;
        } else {
            // Into a commit, if one is sent in time.
            tokio::select! {
                () = self.batches.commit_is_asked() => {
                    tokio::time::sleep(Duration::from_micros(rng.random_range(0..20_000))).await;
                }
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
        process.kill().await;
        self.kill_count += 1;
        for client in clients.into_iter().chain([batches]) {
            client.await.unwrap();
        }
        self.leftover_count += names_in(&self.data.join("tmp")).len();
    }

    /// After a start: acknowledged files are listed, listed ones are whole and known, nothing is left over.
    async fn check(&mut self, process: &Process) {
        let client = client();
        let mut listed = BTreeMap::new();
        let mut blobs = BTreeSet::new();
        for number in 0..CLIENTS {
            for file in list_files(&client, &process.url, &self.project(number)).await {
                blobs.insert(file["hashes"]["sha256"].as_str().unwrap().to_owned());
                blobs.insert(file["core-metadata"]["sha256"].as_str().unwrap().to_owned());
                listed.insert(file["filename"].as_str().unwrap().to_owned(), file);
            }
        }
        let (sent, acknowledged) = {
            let ledger = self.ledger.lock().unwrap();
            (ledger.sent.clone(), ledger.acknowledged.clone())
        };
        self.lost.extend(acknowledged.iter().filter(|filename| !listed.contains_key(*filename)).cloned());
        for (filename, file) in &listed {
            let bytes = sent.get(filename).unwrap_or_else(|| panic!("`{filename}` is listed, but was never sent"));
            assert_eq!(file["hashes"]["sha256"], Sha256Digest::of(bytes).to_hex(), "{filename}");
            if self.verified.insert(filename.clone()) {
                assert!(fetch(&client, &process.url, file).await == bytes, "`{filename}` is not served whole");
                self.unacknowledged_count += usize::from(!acknowledged.contains(filename));
            }
        }
        assert_eq!(names_in(&self.data.join("tmp")), [""; 0], "a pending file outlived the start");
        assert!(blobs.is_subset(&blobs_in(&self.data)), "the index names no blob that is not there");
        let location = IndexLocation::Sqlite(self.data.join("db").join("main.sqlite"));
        let index = Index::open(&location, Clock::System).await.unwrap();
        let verdict = index.verify_audit().await.unwrap();
        assert_eq!(verdict.first_broken, None);
        assert!(verdict.row_count >= listed.len() as i64);
        index.close().await;
    }

    /// At the end: every file once more, and what was cut off can simply be sent again.
    async fn finish(&mut self) {
        let process = Process::start(&self.data).await;
        self.verified.clear();
        self.check(&process).await;
        self.batches.settle(&process.url, &self.token()).await;
        let (sent, known) = {
            let ledger = self.ledger.lock().unwrap();
            (ledger.sent.clone(), ledger.acknowledged.clone())
        };
        for (filename, bytes) in sent.iter().filter(|(filename, _)| !known.contains(*filename)) {
            let status = upload(&client(), &process.url, &self.token(), filename, bytes.clone()).await;
            assert_eq!(status.unwrap(), 200, "{filename}");
            self.ledger.lock().unwrap().acknowledged.insert(filename.clone());
        }
        self.check(&process).await;
        process.kill().await;
        self.check_leftovers().await;
    }

    /// After a sweep: the blobs are exactly those that the index names. Servers sweep while they serve, so that none of
    /// the kills before was late enough for it.
    async fn check_leftovers(&self) {
        let settings = Settings { data: self.data.clone(), ..Settings::default() };
        let app = App::open(settings, Clock::System, &mut StdRng::seed_from_u64(1)).await.unwrap();
        app.sweep().await.unwrap();
        let named = app.index.referenced_blobs().await.unwrap();
        assert_eq!(blobs_in(&self.data), named.iter().map(Sha256Digest::to_hex).collect());
        app.close().await;
    }
}

/// One client for all: making one reads every root certificate of the machine.
///
/// Its patience ends before the test's: of a connection whose server was killed it may never hear again.
pub fn client() -> Client {
    static CLIENT: LazyLock<Client> =
        LazyLock::new(|| Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap());
    CLIENT.clone()
}

async fn upload(client: &Client, url: &str, token: &str, filename: &str, bytes: Bytes) -> reqwest::Result<u16> {
    let request = client.put(format!("{url}/api/v1/channels/staging/files/{filename}"));
    Ok(request.bearer_auth(token).body(bytes).send().await?.status().as_u16())
}

/// One file after the other, small and large, until the server is gone.
async fn upload_until_it_dies(
    url: String,
    token: String,
    ledger: Arc<Mutex<Ledger>>,
    project: String,
    round: u32,
    mut rng: StdRng,
) {
    let client = client();
    for number in 0.. {
        let mut noise = vec![0; rng.random_range(0..300_000)];
        rng.fill(&mut noise[..]);
        let wheel = Wheel::new(&project, &format!("{round}.{number}")).file("noise.bin", noise);
        let (filename, bytes) = (wheel.filename(), wheel.build());
        ledger.lock().unwrap().sent.insert(filename.clone(), bytes.clone());
        match upload(&client, &url, &token, &filename, bytes).await {
            Ok(200) => ledger.lock().unwrap().acknowledged.insert(filename),
            Ok(status) => panic!("`{filename}` was answered with {status}"),
            Err(_) => return,
        };
    }
}

pub async fn list_files(client: &Client, url: &str, project: &str) -> Vec<serde_json::Value> {
    let page = client.get(format!("{url}/staging/simple/{project}/"));
    let page = page.header("Accept", "application/vnd.pypi.simple.v1+json").send().await.unwrap();
    if page.status() == 404 {
        return Vec::new();
    }
    let mut page: serde_json::Value = serde_json::from_slice(&page.bytes().await.unwrap()).unwrap();
    page["files"].as_array_mut().unwrap().drain(..).collect()
}

pub async fn fetch(client: &Client, url: &str, file: &serde_json::Value) -> Bytes {
    let page = url::Url::parse(&format!("{url}/staging/simple/any/")).unwrap();
    let answer = client.get(page.join(file["url"].as_str().unwrap()).unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap()
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Digests of all stored blobs, read from the directory itself.
fn blobs_in(data: &Path) -> BTreeSet<String> {
    let root = data.join("blobs").join("sha256");
    let mut digests = BTreeSet::new();
    for first in names_in(&root) {
        for second in names_in(&root.join(&first)) {
            digests.extend(names_in(&root.join(&first).join(second)));
        }
    }
    digests
}

async fn run_lane(number: u32, seed: u64, kills: u32) -> Lane {
    let directory = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(seed + u64::from(number));
    let mut lane = Lane {
        number,
        data: directory.path().to_owned(),
        ledger: Arc::default(),
        batches: Batches::default(),
        lost: BTreeSet::new(),
        verified: BTreeSet::new(),
        kill_count: 0,
        leftover_count: 0,
        unacknowledged_count: 0,
    };
    for round in 0..kills {
        lane.round(round, &mut rng).await;
    }
    lane.finish().await;
    lane
}

#[expect(clippy::disallowed_methods, reason = "a person says how long this is to take; nothing of the product is set")]
fn kill_count() -> u32 {
    std::env::var("FERRYWHEEL_TEST_KILLS").map_or(USUAL_KILLS, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_files_and_batches_survive_every_kill_and_nothing_half_done_does() {
    let (seed, kills) = (u64::from(std::process::id()), kill_count().div_ceil(LANES));
    println!("seed {seed}");
    let lanes: Vec<_> = (0..LANES).map(|number| tokio::spawn(run_lane(number, seed, kills))).collect();
    let (mut kill_count, mut acknowledged_count, mut lost) = (0, 0, BTreeSet::new());
    let mut batches = Vec::new();
    for lane in lanes {
        let lane = lane.await.unwrap();
        let ledger = lane.ledger.lock().unwrap();
        kill_count += lane.kill_count;
        acknowledged_count += ledger.acknowledged.len();
        println!(
            "lane {}: {} kills, {} files sent, {} pending files left by kills, {} files kept whose answer was lost",
            lane.number,
            lane.kill_count,
            ledger.sent.len(),
            lane.leftover_count,
            lane.unacknowledged_count,
        );
        assert!(lane.leftover_count > 0, "no kill hit an upload: the test has lost its point");
        lost.extend(lane.lost.iter().cloned());
        batches.push(lane.batches.counted());
    }
    let sum = |part: fn(&Counted) -> usize| batches.iter().map(part).sum::<usize>();
    let (committed, kept) = (sum(|one| one.acknowledged), sum(|one| one.kept_without_answer));
    let (lost_batches, half_visible) = (sum(|one| one.lost), sum(|one| one.half_visible));
    println!("{kill_count} kills, {acknowledged_count} files acknowledged, {} lost", lost.len());
    println!(
        "{committed} batches committed ({kept} kept whose answer was lost), {lost_batches} lost, {half_visible} half visible"
    );
    assert!(committed > 0, "no batch was committed: the test has lost its point");
    assert_eq!((lost, lost_batches, half_visible), (BTreeSet::new(), 0, 0));
    assert_eq!(kill_count, kills * LANES);
}
