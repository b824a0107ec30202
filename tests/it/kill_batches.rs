//! Batches while the server is killed: each is there whole or not at all, and one whose commit was answered is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::try_join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::{Client, Method, RequestBuilder};
use tokio::sync::Notify;

use super::kill::{client, fetch, list_files};
use super::support::Wheel;

/// Files of each batch, over two projects.
const FILES: usize = 4;

/// How far a client came with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    /// Files were sent, all with success.
    Filled,
    /// The commit was sent; nobody knows what became of it.
    Asked,
    /// The commit was answered with success.
    Acknowledged,
}

/// One batch as its client knows it.
struct Sent {
    id: String,
    projects: [String; 2],
    files: BTreeMap<String, Bytes>,
    reached: Reached,
}

/// What was counted in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Batches whose commit was answered, now or after a restart.
    pub acknowledged: usize,
    /// Of those whose commit was cut off, the ones that were there whole.
    pub kept_without_answer: usize,
    /// Acknowledged ones of which a file was missing.
    pub lost: usize,
    /// Batches of which some files showed and others did not.
    pub half_visible: usize,
}

/// The batches of one server. Clones share them.
#[derive(Clone, Default)]
pub struct Batches {
    open: Arc<Mutex<Vec<Sent>>>,
    counted: Arc<Mutex<Counted>>,
    asked: Arc<Notify>,
}

impl Batches {
    /// What was counted so far.
    pub fn counted(&self) -> Counted {
        *self.counted.lock().unwrap()
    }

    /// Waits until a commit is about to be sent.
    pub async fn commit_is_asked(&self) {
        self.asked.notified().await;
    }

    /// Fills and commits one batch after the other until the server is gone.
    pub async fn send_until_it_dies(self, url: String, token: String, lane: u32, round: u32, mut rng: StdRng) {
        for number in 0.. {
            let name = format!("batch-{lane}-{round}-{number}");
            if self.send_one(&url, &token, &name, StdRng::seed_from_u64(rng.random())).await.is_err() {
                return;
            }
        }
    }

    async fn send_one(&self, url: &str, token: &str, name: &str, mut rng: StdRng) -> reqwest::Result<()> {
        let client = client();
        let request = |method: Method, path: &str| client.request(method, format!("{url}{path}")).bearer_auth(token);
        let opened = request(Method::POST, "/api/v1/batches").json(&serde_json::json!({"channel": "staging"}));
        let id = body_of(opened, 201).await?["id"].as_str().unwrap().to_owned();
        let projects = [format!("{name}-a"), format!("{name}-b")];
        let mut files = BTreeMap::new();
        for number in 0..FILES {
            let mut noise = vec![0; rng.random_range(0..40_000)];
            rng.fill(&mut noise[..]);
            let wheel = Wheel::new(&projects[number % 2], &format!("{number}")).file("noise.bin", noise);
            files.insert(wheel.filename(), wheel.build());
        }
        try_join_all(files.iter().map(async |(filename, bytes)| {
            let path = format!("/api/v1/batches/{id}/files/{filename}");
            body_of(request(Method::PUT, &path).body(bytes.clone()), 201).await
        }))
        .await?;
        let place = {
            let mut open = self.open.lock().unwrap();
            // Now and then it is left to the next start.
            let reached = if rng.random_bool(0.9) { Reached::Asked } else { Reached::Filled };
            open.push(Sent { id: id.clone(), projects, files, reached });
            open.len() - 1
        };
        if self.open.lock().unwrap()[place].reached == Reached::Asked {
            self.asked.notify_one();
            body_of(request(Method::POST, &format!("/api/v1/batches/{id}/commit")), 200).await?;
            self.open.lock().unwrap()[place].reached = Reached::Acknowledged;
        }
        Ok(())
    }

    /// After a start: all or nothing of each batch shows. What was cut off is committed now, and then all of it shows.
    pub async fn settle(&self, url: &str, token: &str) {
        let client = client();
        let batches = std::mem::take(&mut *self.open.lock().unwrap());
        for batch in batches {
            let shown = self.shown(&client, url, &batch).await;
            {
                let mut counted = self.counted.lock().unwrap();
                counted.half_visible += usize::from(shown > 0 && shown < FILES);
                counted.lost += usize::from(batch.reached == Reached::Acknowledged && shown < FILES);
                counted.kept_without_answer += usize::from(batch.reached == Reached::Asked && shown == FILES);
            }
            if batch.reached == Reached::Filled {
                assert_eq!(shown, 0, "nobody asked for it");
            }
            // Repeating a commit is answered as the first time.
            let commit = client.post(format!("{url}/api/v1/batches/{}/commit", batch.id)).bearer_auth(token);
            let answer = body_of(commit, 200).await.unwrap();
            assert_eq!(answer["state"], "committed", "{answer}");
            assert_eq!(self.shown(&client, url, &batch).await, FILES);
            self.counted.lock().unwrap().acknowledged += 1;
        }
    }

    /// Files of the batch that pages show, each of them whole.
    async fn shown(&self, client: &Client, url: &str, batch: &Sent) -> usize {
        let mut count = 0;
        for project in &batch.projects {
            for file in list_files(client, url, project).await {
                let bytes = &batch.files[file["filename"].as_str().unwrap()];
                assert!(fetch(client, url, &file).await == bytes, "{file} is not served whole");
                count += 1;
            }
        }
        count
    }
}

async fn body_of(request: RequestBuilder, expected: u16) -> reqwest::Result<serde_json::Value> {
    let answer = request.send().await?;
    let (status, body) = (answer.status(), answer.bytes().await?);
    assert_eq!(status, expected, "{}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body).unwrap())
}
