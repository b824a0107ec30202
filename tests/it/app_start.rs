//! Starting in a directory that was used before: what must never be taken for leftovers.

use ferrywheel::app::App;
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
