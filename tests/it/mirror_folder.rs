//! A folder of wheels instead of an upstream.

use std::sync::{Arc, Mutex};

use ferrywheel::mirror::{MirrorError, Progress, PullReport, pull_from_dir};
use ferrywheel::model::{ChannelName, Diagnostic as _};
use ferrywheel::resolve::preset;
use tempfile::TempDir;

use crate::mirror_pull::{parts, staging};
use crate::support::{TestServer, Wheel};

fn folder(wheels: &[Wheel]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for wheel in wheels {
        std::fs::write(folder.path().join(wheel.filename()), wheel.build()).unwrap();
    }
    folder
}

async fn pull(
    server: &TestServer,
    folder: &std::path::Path,
    requirements: &[&str],
) -> (Result<PullReport, MirrorError>, Vec<Progress>) {
    let steps: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let sink = steps.clone();
    let requirements: Vec<String> = requirements.iter().map(ToString::to_string).collect();
    let progress = Arc::new(move |step| sink.lock().unwrap().push(step));
    let target = preset("debian-12").unwrap();
    let report = pull_from_dir(&parts(server), folder, &requirements, &target, &ChannelName::staging(), progress).await;
    let steps = steps.lock().unwrap().clone();
    (report, steps)
}

#[tokio::test]
async fn what_the_requirements_lead_to_comes_in_and_nothing_else() {
    let server = TestServer::start().await;
    let folder = folder(&[
        Wheel::new("app", "1.0").requires("part>=1"),
        Wheel::new("part", "1.5"),
        Wheel::new("part", "2.0").requires_python(">=3.12"),
        Wheel::new("other", "1.0"),
    ]);
    std::fs::write(folder.path().join("broken-1.0-py3-none-any.whl"), "no zip").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "for people").unwrap();
    let (report, steps) = pull(&server, folder.path(), &["app"]).await;
    let report = report.unwrap();
    assert_eq!(report.origin, format!("the folder `{}`", folder.path().display()));
    let names: Vec<_> = staging(&server).await.into_iter().map(|file| file.stored.file.filename).collect();
    assert_eq!(names, ["app-1.0-py3-none-any.whl", "part-1.5-py3-none-any.whl"]);
    let left_out: Vec<_> = steps
        .iter()
        .filter_map(|step| match step {
            Progress::LeftOut { filename, .. } => Some(filename.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(left_out, ["broken-1.0-py3-none-any.whl"]);
    let (again, _) = pull(&server, folder.path(), &["app"]).await;
    assert!(again.unwrap().files.iter().all(|file| !file.is_new));
}

#[tokio::test]
async fn a_folder_that_lacks_something_says_what() {
    let server = TestServer::start().await;
    let folder = folder(&[Wheel::new("app", "1.0").requires("part>=1")]);
    let error = pull(&server, folder.path(), &["app"]).await.0.unwrap_err();
    assert_eq!(error.code(), "resolve/unsolvable");
    let last = error.to_string().lines().last().unwrap().to_owned();
    assert_eq!(last, format!("`part` is not in the folder `{}`.", folder.path().display()));
}

#[tokio::test]
async fn a_folder_without_wheels_and_no_folder_at_all_are_told_apart() {
    let server = TestServer::start().await;
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(pull(&server, empty.path(), &["app"]).await.0.unwrap_err().code(), "mirror/no-wheels");
    let nowhere = empty.path().join("nowhere");
    assert_eq!(pull(&server, &nowhere, &["app"]).await.0.unwrap_err().code(), "mirror/directory-unreadable");
}
