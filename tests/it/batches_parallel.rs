//! Batches that several clients work on at once, on both databases: one end, one serial, no file half-way.

use ferrywheel::config::{DatabaseUrl, Settings};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::batches::{Batch, verdicts};
use crate::support::postgres::postgres;
use crate::support::server::Setup;
use crate::support::{TestServer, Wheel};

async fn on_sqlite() -> TestServer {
    TestServer::start().await
}

async fn on_postgres() -> TestServer {
    let settings = Settings { database: Some(DatabaseUrl(postgres().await)), ..Settings::default() };
    TestServer::start_with(Setup { settings, ..Setup::default() }).await
}

/// Makes two tests of each case.
macro_rules! on_both_servers {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")] async fn $case() { super::$case(super::on_sqlite().await).await; })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")] async fn $case() { super::$case(super::on_postgres().await).await; })+
        }
    };
}

on_both_servers! {
    commits_at_once_are_one_commit,
    files_come_in_parallel,
    of_a_commit_and_a_surrender_one_wins,
    a_file_that_comes_during_the_commit_is_in_or_refused,
    batches_that_share_a_file_do_not_wait_for_each_other_for_ever,
}

fn wheel(n: usize) -> Wheel {
    Wheel::new(&format!("demo-{n}"), "1.0")
}

async fn commits_at_once_are_one_commit(server: TestServer) {
    let batch = Batch::open(&server).await;
    for n in 0..3 {
        batch.put_wheel(&wheel(n)).await;
    }
    let answers = join_all((0..8).map(|_| batch.commit())).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.text()), (200, answers[0].text()));
    }
    assert_eq!(verdicts(&answers[0].json()).iter().filter(|line| line.ends_with("stored")).count(), 3);
    assert_eq!(server.serial("staging").await, 1);
}

async fn files_come_in_parallel(server: TestServer) {
    let batch = Batch::open(&server).await;
    let wheels: Vec<Wheel> = (0..20).map(wheel).collect();
    let puts = join_all(wheels.iter().map(|wheel| batch.put_wheel(wheel))).await;
    assert!(puts.iter().all(|put| put.status == 201), "{puts:?}");
    assert_eq!(batch.commit().await.json()["counts"]["stored"], 20);
}

async fn of_a_commit_and_a_surrender_one_wins(server: TestServer) {
    for n in 0..6 {
        let batch = Batch::open(&server).await;
        batch.put_wheel(&wheel(n)).await;
        let (commit, abandon) = tokio::join!(batch.commit(), batch.abandon());
        let state = batch.get("").await.json()["state"].clone();
        let path = format!("/staging/simple/demo-{n}/");
        match commit.status {
            200 => assert_eq!((abandon, &state, server.get(&path).await.status), (409, &json!("committed"), 200)),
            409 => assert_eq!((abandon, &state, server.get(&path).await.status), (204, &json!("abandoned"), 404)),
            status => panic!("{status}: {}", commit.text()),
        }
    }
}

async fn a_file_that_comes_during_the_commit_is_in_or_refused(server: TestServer) {
    for round in 0..6 {
        let batch = Batch::open(&server).await;
        batch.put_wheel(&wheel(100 * round)).await;
        let late = wheel(100 * round + 1);
        let (put, commit) = tokio::join!(batch.put_wheel(&late), batch.commit());
        assert_eq!(commit.status, 200, "{}", commit.text());
        let is_shown = server.get(&format!("/staging/simple/demo-{}/", 100 * round + 1)).await.status == 200;
        let is_told = commit.json()["counts"]["stored"] == 2;
        match put.status {
            201 => assert!(is_shown && is_told),
            409 => assert!(!is_shown && !is_told && put.json()["code"] == "batch/ended", "{}", put.text()),
            status => panic!("{status}: {}", put.text()),
        }
    }
}

async fn batches_that_share_a_file_do_not_wait_for_each_other_for_ever(server: TestServer) {
    let batches = [Batch::open(&server).await, Batch::open(&server).await];
    let other = wheel(0).file("demo_0/more.py", "x = 1\n");
    for (batch, first) in batches.iter().zip([wheel(0), other]) {
        batch.put_wheel(&first).await;
        batch.put_wheel(&wheel(1)).await;
    }
    let answers = join_all(batches.iter().map(Batch::commit)).await;
    let mut told: Vec<(u16, Value)> =
        answers.iter().map(|answer| (answer.status, answer.json()["findings"][0]["reason"].clone())).collect();
    told.sort_by_key(|(status, _)| *status);
    assert_eq!(told, [(200, json!(null)), (409, json!("ingest/file-conflict"))]);
    assert_eq!(server.serial("staging").await, 1);
}
