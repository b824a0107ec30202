//! Pulling from another index: what is fetched, what is kept, and what an index that lies can do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferrywheel::ingest::{IngestLimits, IngestParts};
use ferrywheel::mirror::{MirrorError, Progress, PullReport, UpstreamSettings, pull};
use ferrywheel::model::{ChannelFile, ChannelName, ChannelRef, Diagnostic as _, Sha256Digest, Yank};
use ferrywheel::resolve::preset;

use crate::mirror_upstream::{FakeUpstream, Offer, Reply};
use crate::support::TestServer;

pub fn parts(server: &TestServer) -> IngestParts {
    IngestParts { limits: IngestLimits::new(1 << 20), ..server.app().ingest_parts() }
}

pub async fn staging(server: &TestServer) -> Vec<ChannelFile> {
    let head = ChannelRef { name: ChannelName::staging(), serial: None };
    let view = server.app().index.open_view(&head).await.unwrap();
    server.app().index.list_channel_files(&view).await.unwrap()
}

async fn names(server: &TestServer) -> Vec<String> {
    staging(server).await.into_iter().map(|file| file.stored.file.filename).collect()
}

/// Pulls into `staging` from an index at this URL; tells the report and the steps.
async fn pull_from(
    server: &TestServer,
    url: &str,
    requirements: &[&str],
) -> (Result<PullReport, MirrorError>, Vec<Progress>) {
    let mut settings = UpstreamSettings::new(url, "the test").unwrap();
    settings.first_pause = Duration::ZERO;
    let steps: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let sink = steps.clone();
    let requirements: Vec<String> = requirements.iter().map(ToString::to_string).collect();
    let target = preset("debian-12").unwrap();
    let progress = Arc::new(move |step| sink.lock().unwrap().push(step));
    let report = pull(&parts(server), &settings, &requirements, &target, &ChannelName::staging(), progress).await;
    let steps = steps.lock().unwrap().clone();
    (report, steps)
}

pub async fn pulled(server: &TestServer, upstream: &FakeUpstream, requirements: &[&str]) -> PullReport {
    pull_from(server, &format!("{}/simple", upstream.url()), requirements).await.0.unwrap()
}

async fn refused(server: &TestServer, upstream: &FakeUpstream, requirements: &[&str]) -> MirrorError {
    pull_from(server, &format!("{}/simple", upstream.url()), requirements).await.0.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_chosen_is_downloaded_and_it_keeps_its_time() {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
    upstream.offers(&[
        Offer::new("app", "1.0", &["part>=1"]),
        Offer::new("app", "2.0", &["part>=2", "nothere; sys_platform == 'win32'"]),
        Offer::new("part", "1.0", &[]),
        Offer::new("part", "2.5", &[]),
        Offer::new("part", "3.0rc1", &[]),
    ]);
    let (report, steps) = pull_from(&server, &format!("{}/simple", upstream.url()), &["app"]).await;
    let report = report.unwrap();
    assert_eq!(names(&server).await, ["app-2.0-py3-none-any.whl", "part-2.5-py3-none-any.whl"]);
    let downloads: Vec<_> = upstream.paths().into_iter().filter(|path| path.ends_with(".whl")).collect();
    assert_eq!(downloads, ["/files/app-2.0-py3-none-any.whl", "/files/part-2.5-py3-none-any.whl"]);
    assert!(report.files.iter().all(|file| file.is_new));
    let size_bytes: u64 = report.files.iter().map(|file| file.size_bytes).sum();
    assert_eq!(report.received_bytes, size_bytes);
    assert!(steps.contains(&Progress::Planned { file_count: 2, size_bytes, present_count: 0 }), "{steps:?}");
    for file in staging(&server).await {
        assert_eq!(file.stored.file.uploaded_at, "2026-01-02T03:04:05.000006Z".parse().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_pull_downloads_nothing_and_fills_another_channel() {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
    upstream.offers(&[Offer::new("app", "1.0", &["part"]), Offer::new("part", "1.0", &[])]);
    pulled(&server, &upstream, &["app"]).await;
    let serial = server.serial("staging").await;
    let asked = upstream.asked().len();
    let report = pulled(&server, &upstream, &["app"]).await;
    assert!(report.files.iter().all(|file| !file.is_new) && report.received_bytes == 0, "{report:?}");
    assert_eq!(server.serial("staging").await, serial);
    assert!(upstream.asked()[asked..].iter().all(|asked| !asked.path.ends_with(".whl")));
    let mut settings = UpstreamSettings::new(&format!("{}/simple/", upstream.url()), "the test").unwrap();
    settings.first_pause = Duration::ZERO;
    let (target, blessed) = (preset("debian-12").unwrap(), ChannelName::blessed());
    let again = pull(&parts(&server), &settings, &["app".to_owned()], &target, &blessed, Arc::new(|_| {})).await;
    assert_eq!(again.unwrap().received_bytes, 0);
    assert_eq!(server.serial("blessed").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_speaks_html_only_is_enough() {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
    upstream.offers_in_html(&[Offer::new("app", "1.0", &["part"])]);
    upstream.offers_in_html(&[Offer::new("part", "1.0", &[]), Offer::new("part", "0.9", &[])]);
    pulled(&server, &upstream, &["app"]).await;
    assert_eq!(names(&server).await, ["app-1.0-py3-none-any.whl", "part-1.0-py3-none-any.whl"]);
    assert!(!upstream.paths().iter().any(|path| path.ends_with(".metadata")), "none was promised");
    let mut downloads: Vec<_> = upstream.asked().into_iter().map(|asked| asked.path).collect();
    downloads.retain(|path| path.ends_with(".whl"));
    downloads.sort();
    assert_eq!(
        downloads,
        ["/files/app-1.0-py3-none-any.whl", "/files/part-1.0-py3-none-any.whl"],
        "each was opened for its metadata and not fetched again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_is_promised_and_missing_is_read_from_the_wheel() {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
    let app = Offer::new("app", "1.0", &["part"]);
    upstream.offers(&[app.clone(), Offer::new("part", "1.0", &[])]);
    upstream.says(&format!("{}.metadata", app.path()), &[Reply::status(404)]);
    pulled(&server, &upstream, &["app"]).await;
    assert_eq!(names(&server).await, ["app-1.0-py3-none-any.whl", "part-1.0-py3-none-any.whl"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_with_another_digest_makes_only_that_version_unusable() {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
    let lying = |offer: &mut Offer| offer.metadata_sha256 = Some(Sha256Digest::of(b"other"));
    upstream.offers(&[Offer::new("app", "1.0", &[]), Offer::new("app", "2.0", &[]).with(lying)]);
    pulled(&server, &upstream, &["app"]).await;
    assert_eq!(names(&server).await, ["app-1.0-py3-none-any.whl"]);
    let error = refused(&server, &upstream, &["app==2.0"]).await;
    assert_eq!(error.code(), "resolve/unsolvable");
    let place = format!("the upstream index `{}/simple/`", upstream.url());
    assert_eq!(
        error.to_string(),
        format!(
            "No set of wheels in {place} satisfies `app==2.0` for the target `debian-12`.\n`app` 2.0 cannot be used: the \
             metadata that is served beside `app-2.0-py3-none-any.whl` has another digest."
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_another_digest_leaves_nothing() {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
    let app = Offer::new("app", "1.0", &[]).with(|offer| offer.sha256 = Some(Sha256Digest::of(b"other")));
    upstream.offers(std::slice::from_ref(&app));
    let error = refused(&server, &upstream, &["app"]).await;
    assert_eq!(error.code(), "mirror/file-damaged");
    let expected = format!(
        "`app-1.0-py3-none-any.whl` arrived from upstream damaged or changed: its digest is not {}",
        Sha256Digest::of(b"other")
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!((server.serial("staging").await, names(&server).await.len()), (0, 0));
    assert_eq!(upstream.asked().iter().filter(|asked| asked.path == app.path()).count(), 4, "it was tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_length_is_refused() {
    for (announced, reason) in [(10, "it is longer than 10 bytes"), (900_000, "it ended after")] {
        let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
        upstream.offers(&[Offer::new("app", "1.0", &[]).with(|offer| offer.size_bytes = Some(announced))]);
        let error = refused(&server, &upstream, &["app"]).await;
        assert_eq!(error.code(), "mirror/file-damaged");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(server.serial("staging").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_and_a_server_that_is_busy_are_tried_again() {
    for has_metadata in [true, false] {
        let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
        let app = Offer::new("app", "1.0", &[]);
        upstream.offers(std::slice::from_ref(&app));
        let whole = Reply::ok("application/octet-stream", app.bytes());
        upstream.says(&app.path(), &[whole.clone().cut(20), Reply::status(503), Reply::status(502), whole]);
        let page = Reply::ok("application/vnd.pypi.simple.v1+json", page_without_size(&app, has_metadata));
        upstream.says("/simple/app/", &[Reply::status(503), Reply::status(429), page.clone().cut(30), page]);
        let (report, steps) = pull_from(&server, &format!("{}/simple", upstream.url()), &["app"]).await;
        report.unwrap();
        assert_eq!(names(&server).await, ["app-1.0-py3-none-any.whl"]);
        let again = steps.iter().any(|step| matches!(step, Progress::Again { .. }));
        assert_eq!(again, has_metadata, "a wheel that was opened before is not fetched again: {steps:?}");
    }
}

fn page_without_size(offer: &Offer, has_metadata: bool) -> String {
    let (sha256, filename, path) = (Sha256Digest::of(&offer.bytes()), offer.filename(), offer.path());
    format!(
        r#"{{"files":[{{"filename":"{filename}","url":"../..{path}","hashes":{{"sha256":"{sha256}"}},
        "core-metadata":{has_metadata}}}]}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_go_to_the_index_and_to_no_other_origin() {
    let (server, upstream, files) =
        (TestServer::start().await, FakeUpstream::start().await, FakeUpstream::start().await);
    let app = Offer::new("app", "1.0", &[]);
    upstream.offers(std::slice::from_ref(&app));
    files.offers(std::slice::from_ref(&app));
    upstream.says(&app.path(), &[Reply::redirect(&format!("{}{}", files.url(), app.path()))]);
    let url = upstream.url().replace("http://", "http://ann:s%40cret@");
    pull_from(&server, &format!("{url}/simple/"), &["app"]).await.0.unwrap();
    assert_eq!(names(&server).await, ["app-1.0-py3-none-any.whl"]);
    // `ann:s@cret` in Base64.
    let sent = Some("Basic YW5uOnNAY3JldA==".to_owned());
    assert!(upstream.asked().iter().all(|asked| asked.authorization == sent), "{:?}", upstream.asked());
    assert_eq!(files.asked().len(), 1);
    assert_eq!(files.asked()[0].authorization, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_end() {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
    upstream.says("/simple/app/", &[Reply::redirect("/simple/app/")]);
    let error = refused(&server, &upstream, &["app"]).await;
    assert_eq!(error.code(), "mirror/answer-invalid");
    assert!(error.to_string().ends_with("it redirects more than 3 times"), "{error}");
    for location in ["ftp://127.0.0.1/", "http://", "file:///etc/passwd"] {
        upstream.says("/simple/app/", &[Reply::redirect(location)]);
        assert_eq!(refused(&server, &upstream, &["app"]).await.code(), "mirror/answer-invalid", "{location}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_does_not_answer_leads_to_the_folder_of_wheels() {
    let server = TestServer::start().await;
    let closed = FakeUpstream::start().await.url();
    let (report, _) = pull_from(&server, &format!("{closed}/simple"), &["app"]).await;
    let error = report.unwrap_err();
    assert_eq!(error.code(), "mirror/unreachable");
    assert!(error.to_string().starts_with(&format!("the upstream index did not answer: `{closed}/simple/app/`: ")));
    assert!(error.hint().unwrap().contains("`ferrywheel quickstart --from DIR`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_no_pages_are_refused_with_their_reason() {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
    for (reply, code, text) in [
        (Reply::status(401), "mirror/status", "answered 401"),
        (Reply::ok("text/plain", "hello"), "mirror/answer-invalid", "its type is `text/plain`"),
        (Reply::ok("application/json", "{"), "mirror/answer-invalid", "EOF"),
        (Reply::ok("application/json", r#"{"files":[{}]}"#), "mirror/answer-invalid", "filename"),
    ] {
        upstream.says("/simple/app/", &[reply]);
        let error = refused(&server, &upstream, &["app"]).await;
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains(text), "{error}");
    }
    upstream.says("/simple/app/", &[Reply::status(404)]);
    let error = refused(&server, &upstream, &["app"]).await;
    assert!(error.to_string().contains("`app` is not in the upstream index"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yanked_file_that_is_pinned_keeps_its_mark() {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
    upstream.offers(&[
        Offer::new("app", "1.0", &[]).with(|offer| offer.yanked = Some("broken".to_owned())),
        Offer::new("app", "0.9", &[]),
    ]);
    pulled(&server, &upstream, &["app"]).await;
    pulled(&server, &upstream, &["app==1.0"]).await;
    let marks: Vec<_> = staging(&server).await.into_iter().map(|file| (file.stored.file.filename, file.yank)).collect();
    let yank = Yank { reason: Some("broken".to_owned()) };
    assert_eq!(
        marks,
        [("app-0.9-py3-none-any.whl".to_owned(), None), ("app-1.0-py3-none-any.whl".to_owned(), Some(yank))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_here_with_other_bytes_is_never_replaced() {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
    let ours = crate::support::Wheel::new("app", "1.0").file("app/ours.py", "OURS = True\n");
    server.put_file("staging", &ours.filename(), ours.build()).await;
    upstream.offers(&[Offer::new("app", "1.0", &[])]);
    let error = refused(&server, &upstream, &["app"]).await;
    assert_eq!(error.code(), "mirror/file-conflict");
    assert_eq!(staging(&server).await[0].stored.file.digests.sha256, Sha256Digest::of(&ours.build()));
}
