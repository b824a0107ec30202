//! Starting in a directory that was used before: what must never be taken for leftovers.

use bytes::Bytes;
use ferrywheel::app::App;
use ferrywheel::blobs::put;
use ferrywheel::config::Settings;
use ferrywheel::model::{Clock, Diagnostic as _};
use rand::SeedableRng as _;

use super::support::server::Setup;
use super::support::{TestServer, Wheel};

#[tokio::test]
async fn a_new_index_beside_stored_files_stops_the_start_and_removes_nothing() {
    let server = TestServer::start().await;
    let wheel = Wheel::new("demo", "1.0");
    assert_eq!(server.put_file("blessed", &wheel.filename(), wheel.build()).await.status, 200);
    let directory = server.stop().await;
    let (database, aside) = (directory.path().join("db"), directory.path().join("aside"));
    std::fs::rename(&database, &aside).unwrap();

    for _ in 0..2 {
        let settings = Settings { data: directory.path().to_owned(), ..Settings::default() };
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let error = App::open(settings, Clock::System, &mut rng).await.err().unwrap();
        assert_eq!(error.code(), "app/index-lost");
    }

    std::fs::remove_dir_all(&database).unwrap();
    std::fs::rename(&aside, &database).unwrap();
    let server = TestServer::start_in(directory, Setup::default()).await;
    assert_eq!(server.get("/simple/demo/").await.status, 200);
    let file = server.app().index.find_file(&wheel.filename()).await.unwrap().unwrap().file;
    assert_eq!(server.app().blobs.stat(&file.digests.sha256).await.unwrap(), Some(file.digests.size_bytes));
}

#[tokio::test]
async fn a_sweep_beside_requests_removes_what_an_earlier_process_left_and_nothing_newer() {
    let server = TestServer::start().await;
    let wheel = Wheel::new("demo", "1.0");
    assert_eq!(server.put_file("blessed", &wheel.filename(), wheel.build()).await.status, 200);
    let left = put(&*server.app().blobs, Bytes::from_static(b"left")).await.unwrap();
    let directory = server.stop().await;
    std::fs::write(directory.path().join("tmp/.tmpX.part"), b"half an upload").unwrap();

    let server = TestServer::start_in(directory, Setup::default()).await;
    assert!(!server.app().settings.data.join("tmp/.tmpX.part").exists());
    let newer = put(&*server.app().blobs, Bytes::from_static(b"newer")).await.unwrap();
    let swept = server.app().sweep().await.unwrap();
    assert_eq!((swept.orphan_count, swept.orphan_size_bytes), (1, 4));
    let blobs = &server.app().blobs;
    assert_eq!((blobs.stat(&left).await.unwrap(), blobs.stat(&newer).await.unwrap()), (None, Some(5)));
    let file = server.app().index.find_file(&wheel.filename()).await.unwrap().unwrap().file;
    assert_eq!(blobs.stat(&file.digests.sha256).await.unwrap(), Some(file.digests.size_bytes));
}
