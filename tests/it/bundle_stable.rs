//! The same lock on the same version of the server gives the same bytes: at another hour, on another host, in another order.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use ferrywheel::model::{Clock, Timestamp};
use reqwest::Client;
use serde_json::json;

use crate::support::bundles::{build, hello, shop_with, wheels};
use crate::support::server::{Setup, answer};

#[tokio::test]
async fn two_servers_an_hour_apart_build_equal_bytes() {
    let noon: Timestamp = "2026-01-02T12:00:00Z".parse().unwrap();
    let clock = Clock::manual(noon);
    let one = shop_with(Setup { clock: clock.clone(), ..Setup::default() }, &wheels()).await;
    let (first, bytes) = build(&one, &hello()).await;
    clock.advance(Duration::from_secs(3600));
    let mut reversed = wheels();
    reversed.reverse();
    let other = shop_with(Setup { clock, ..Setup::default() }, &reversed).await;
    let (second, same_bytes) = build(&other, &hello()).await;
    assert_ne!(first["created_at"], second["created_at"], "the second was built later, not found");
    assert_eq!((&first["id"], &first["sha256"]), (&second["id"], &second["sha256"]));
    assert!(bytes == same_bytes);
}

#[tokio::test]
async fn requirements_in_another_order_and_spelling_build_equal_bytes() {
    let server = shop_with(Setup::default(), &wheels()).await;
    let mut request = hello();
    request["requirements"] = json!(["hello", "greet >= 1"]);
    let (one, _) = build(&server, &request).await;
    request["requirements"] = json!(["Greet>=1", "Hello"]);
    let (other, _) = build(&server, &request).await;
    assert_eq!(one["id"], other["id"]);
}

#[tokio::test]
async fn another_name_or_start_is_another_bundle() {
    let server = shop_with(Setup::default(), &wheels()).await;
    let (base, _) = build(&server, &hello()).await;
    for (key, value) in [("name", json!("other")), ("script", json!("greet-raw")), ("target", json!("debian-13"))] {
        let mut request = hello();
        request[key] = value;
        let (changed, _) = build(&server, &request).await;
        assert_ne!(base["id"], changed["id"], "{key}");
    }
}

/// The built program, started by a shell that sets the process up as the test wants it.
struct Program {
    process: Child,
    url: String,
    directory: tempfile::TempDir,
}

impl Program {
    /// Starts it with this umask, time zone, locale and a working directory of its own.
    fn start(umask: &str, zone: &str, locale: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = format!("umask {umask}; exec \"$0\" serve --data data --listen 127.0.0.1:0");
        let mut process = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_ferrywheel")])
            .env_clear()
            .env("TZ", zone)
            .env("LC_ALL", locale)
            .current_dir(directory.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(process.stderr.take().unwrap());
        let mut said = String::new();
        let url = loop {
            let begin = said.len();
            assert_ne!(errors.read_line(&mut said).unwrap(), 0, "the server ended: {said}");
            if let Some(url) = said[begin..].trim().strip_prefix("listening on ") {
                break url.to_owned();
            }
        };
        // What it says from now on must be read, or it would wait for a reader.
        std::thread::spawn(move || errors.read_to_end(&mut Vec::new()));
        Self { process, url, directory }
    }

    /// Gives every stored blob the times of another day, one that differs between two programs.
    fn age_blobs(&self) {
        let then = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + u64::from(self.process.id()));
        let mut folders = vec![self.directory.path().join("data/blobs/sha256")];
        let mut aged_count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let times = std::fs::FileTimes::new().set_accessed(then).set_modified(then);
                    std::fs::File::open(&path).unwrap().set_times(times).unwrap();
                    aged_count += 1;
                }
            }
        }
        assert!(aged_count >= wheels().len(), "only {aged_count} blobs were found");
    }

    /// Fills it, builds the bundle and returns its bytes.
    async fn bundle(&self) -> Bytes {
        let token = std::fs::read_to_string(self.directory.path().join("data/admin-token")).unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let at = |path: &str| format!("{}{path}", self.url);
        for wheel in wheels() {
            let path = at(&format!("/api/v1/channels/blessed/files/{}", wheel.filename()));
            let stored = answer(client.put(path).bearer_auth(token.trim()).body(wheel.build())).await;
            assert_eq!(stored.status, 200, "{}", stored.text());
        }
        self.age_blobs();
        let built = answer(client.post(at("/api/v1/bundles")).bearer_auth(token.trim()).json(&hello())).await;
        assert_eq!(built.status, 201, "{}", built.text());
        answer(client.get(at(built.json()["download"].as_str().unwrap()))).await.body
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Only this process of ours; it may have ended already, and then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn umask_time_zone_locale_working_directory_and_file_times_do_not_enter() {
    let one = Program::start("022", "UTC", "C").bundle().await;
    let other = Program::start("077", "Pacific/Kiritimati", "C.UTF-8").bundle().await;
    assert!(one.starts_with(b"#!/usr/bin/env python3\n"));
    assert!(one == other);
}
