//! What every request gets, whatever handles it: an id, a line in the log, safe headers, a written-out problem, and a 500
//! instead of a dead server when a handler panics.

use std::borrow::Cow;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use axum::response::{IntoResponse as _, Response};
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;

use super::Problem;
use super::auth::CallerName;
use super::conditional::header_text;
use super::cross_origin;
use super::fields::Fields;
use super::quick::Asked;
use super::sendfile::Outbox;
use crate::model::{Clock, Kind, Timestamp};

/// The connection that a request came by. Not an extension of the request: those cost each of them four allocations.
#[derive(Clone, Default)]
pub struct Origin {
    /// Address of its other end.
    pub peer: Option<SocketAddr>,
    /// Where files are put that the system is to send.
    pub outbox: Option<Outbox>,
}

/// Names a request in the log and in every problem; also the header `X-Request-Id`.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// A problem that another layer has written out already; it is left on the answer for the log.
#[derive(Clone)]
pub struct WrittenProblem(pub Problem);

/// Makes request ids: the start of the process and a counter, so that no id comes twice.
pub struct Frame {
    started: Box<str>,
    count: AtomicU64,
    clock: Clock,
}

/// Below it, the second part of a path is the token of an upload session.
const UPLOAD2: &str = "/upload/2.0/";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers of every answer but a 304 (threats 2.3), unless the handler set its own. Nothing of ours is to be framed or
/// guessed at.
const SAFE_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("permissions-policy"), HeaderValue::from_static("")),
];

impl Frame {
    /// A frame for a server that starts now.
    pub fn new(clock: Clock) -> Self {
        Self { started: format!("{:x}", clock.now().as_microsecond()).into(), count: AtomicU64::new(0), clock }
    }

    fn next_id(&self) -> Id {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let mut text = [0; ID_BYTES];
        let mut free = text.as_mut_slice();
        // Two numbers of 64 bits and a hyphen have room.
        let _ = write!(free, "{}-{number:x}", self.started);
        let length = ID_BYTES - free.len();
        Id { text, length }
    }
}

/// Longest id: two numbers in hexadecimal digits, a sign and a hyphen.
const ID_BYTES: usize = 34;

/// A [`RequestId`] that needs no place of its own.
struct Id {
    text: [u8; ID_BYTES],
    length: usize,
}

impl Id {
    fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }

    fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// What is remembered of a request for its log line.
struct Line {
    method: Method,
    uri: Uri,
    peer: Option<SocketAddr>,
    id: Id,
    started: Instant,
    is_written: AtomicBool,
}

impl Line {
    /// Without the query: nobody knows what people put there.
    fn path(&self) -> &str {
        self.uri.path()
    }

    fn log(&self, response: &Response, problem: Option<(&'static str, &str)>) {
        self.is_written.store(true, Ordering::Relaxed);
        log(&self.entry(), response, problem);
    }

    fn entry(&self) -> Entry<'_> {
        Entry { method: &self.method, path: self.path(), peer: self.peer, id: &self.id, started: self.started }
    }
}

/// What the log says of a request.
struct Entry<'a> {
    method: &'a Method,
    path: &'a str,
    peer: Option<SocketAddr>,
    id: &'a Id,
    started: Instant,
}

impl Drop for Line {
    /// A client that goes away takes the request's task with it, whatever that was doing; 499 is what others log then.
    fn drop(&mut self) {
        if *self.is_written.get_mut() {
            return;
        }
        let elapsed_ms = elapsed_ms(self.started);
        let peer = self.peer.map(tracing::field::display);
        let (method, path, request_id) = (&self.method, &*logged_path(self.path()), self.id.as_str());
        tracing::info!(%method, path, status = 499, elapsed_ms, request_id, peer, "{method} {path} 499");
    }
}

/// Answers a GET without the routes, if it can; the headers of the answer go into the empty map.
type AtHand = Box<dyn Fn(&Asked<'_>, Option<&Outbox>, HeaderMap) -> Option<Response> + Send + Sync>;

/// The routes with the frame around them. Only what guards the routes alone is a layer: the others would cost each answer
/// that is at hand allocations of its own.
pub struct Framed {
    router: Router,
    frame: Frame,
    at_hand: AtHand,
}

impl Framed {
    /// Puts the frame around every route; what `at_hand` answers does not come to them.
    pub fn new(
        router: Router,
        frame: Frame,
        at_hand: impl Fn(&Asked<'_>, Option<&Outbox>, HeaderMap) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        let caught = CatchPanicLayer::custom(|panic| panicked(panic).into_response());
        Self { router: router.layer(caught), frame, at_hand: Box::new(at_hand) }
    }

    /// Answers a request that came by no connection.
    pub async fn answer(&self, request: Request) -> Response {
        self.answer_by(request, &Origin::default()).await
    }

    /// Answers a GET without a body, for exactly one host, if the answer is at hand; its headers go into the empty map.
    /// Tells when it was made, too.
    pub fn answer_at_hand(
        &self,
        asked: &Asked<'_>,
        origin: &Origin,
        headers: HeaderMap,
    ) -> Option<(Response, Timestamp)> {
        let started = Instant::now();
        let mut response = (self.at_hand)(asked, origin.outbox.as_ref(), headers)?;
        let id = self.frame.next_id();
        log(&Entry { method: &Method::GET, path: asked.path, peer: origin.peer, id: &id, started }, &response, None);
        dress(&mut response, &id);
        Some((response, self.frame.clock.now()))
    }

    fn at_hand(&self, request: &Request, origin: &Origin) -> Option<Response> {
        let (uri, fields) = (request.uri(), Fields::from(request.headers()));
        let asked = Asked { path: uri.path(), query: uri.query(), fields };
        let is_get = request.method() == Method::GET;
        is_get.then(|| (self.at_hand)(&asked, origin.outbox.as_ref(), HeaderMap::new())).flatten()
    }

    /// Answers a request; errors are answers too.
    pub async fn answer_by(&self, request: Request, origin: &Origin) -> Response {
        let line = Line {
            method: request.method().clone(),
            uri: request.uri().clone(),
            peer: origin.peer,
            id: self.frame.next_id(),
            started: Instant::now(),
            is_written: AtomicBool::new(false),
        };
        let at_hand = check(&request).map(|()| self.at_hand(&request, origin));
        let mut response = match at_hand {
            Ok(Some(response)) => {
                line.log(&response, None);
                response
            }
            // In a place of its own: it is large, and the connection would move it for every answer.
            Ok(None) => Box::pin(self.answer_by_route(request, origin, &line)).await,
            Err(problem) => answer(problem, None, accept_of(request.headers()).as_ref(), &line),
        };
        dress(&mut response, &line.id);
        response
    }

    async fn answer_by_route(&self, mut request: Request, origin: &Origin, line: &Line) -> Response {
        let accept = accept_of(request.headers());
        request.extensions_mut().insert(RequestId(line.id.as_str().into()));
        if let Some(outbox) = &origin.outbox {
            request.extensions_mut().insert(outbox.clone());
        }
        let mut response = self.router.clone().oneshot(request).await.into_response();
        match response.extensions_mut().remove::<Problem>() {
            Some(problem) => answer(problem, Some(response), accept.as_ref(), line),
            None => {
                let written = response.extensions_mut().remove::<WrittenProblem>();
                let problem = written.as_ref().map(|WrittenProblem(problem)| (problem.code(), problem.causes()));
                line.log(&response, problem);
                response
            }
        }
    }
}

/// The header `Accept`, its lines joined: a problem is written in the form that the client reads.
fn accept_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(header::ACCEPT).iter();
    match (lines.next(), lines.next()) {
        (Some(only), None) => Some(only.clone()),
        (None, _) => None,
        _ => HeaderValue::from_str(&header_text(headers, header::ACCEPT)?).ok(),
    }
}

/// Writes a problem out; headers that the router put beside it (`Allow`) stay.
fn answer(problem: Problem, beside: Option<Response>, accept: Option<&HeaderValue>, line: &Line) -> Response {
    let causes = problem.causes().to_owned();
    let code = problem.code();
    let accept = accept.and_then(|accept| accept.to_str().ok());
    let mut response = problem.into_answer(accept, line.id.as_str());
    let headers = response.headers_mut();
    if line.path().starts_with("/api/") && headers.contains_key(header::WWW_AUTHENTICATE) {
        // At `Basic` a browser opens a log-in window of its own over our page; pip and twine never come here.
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"ferrywheel\""));
    }
    if let Some(mut beside) = beside {
        if let Some(allow) = beside.headers_mut().remove(header::ALLOW) {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        cross_origin::keep(beside.headers_mut(), response.headers_mut());
        if let Some(name) = beside.extensions_mut().remove::<CallerName>() {
            response.extensions_mut().insert(name);
        }
    }
    line.log(&response, Some((code, &causes)));
    response
}

/// Puts on the headers that every answer has.
fn dress(response: &mut Response, id: &Id) {
    let is_known = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    if is_known {
        // The router writes 0, which would be the length of what the client has (RFC 9110 section 8.6). The safe headers
        // came with what it has and still hold for that (section 15.4.5).
        headers.remove(header::CONTENT_LENGTH);
    } else {
        headers.reserve(SAFE_HEADERS.len() + 1);
        for (name, value) in SAFE_HEADERS {
            headers.entry(name).or_insert(value);
        }
    }
    if let Ok(id) = HeaderValue::from_bytes(id.as_bytes()) {
        headers.insert(REQUEST_ID, id);
    }
}

/// What no route takes: a request that does not say once whom it is for (RFC 9112 section 3.2), and an encoded body.
fn check(request: &Request) -> Result<(), Problem> {
    let host_count = request.headers().get_all(header::HOST).iter().count();
    let needs_host = request.version() == Version::HTTP_11;
    if host_count > 1 || (needs_host && host_count == 0) {
        return Err(Problem::new(Kind::Invalid, "http/host-invalid", "a request has exactly one `Host` header"));
    }
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        let detail = "a request body with a `Content-Encoding` is not read here";
        return Err(
            Problem::new(Kind::UnsupportedMedia, "http/body-encoded", detail).with_hint("Send the body as it is.")
        );
    }
    Ok(())
}

/// What a panic becomes; its text goes to the log only.
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Problem {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    Problem::internal(format!("a handler panicked: {text}"))
}

/// In whole microseconds: more digits would only pretend.
fn elapsed_ms(started: Instant) -> f64 {
    started.elapsed().as_micros() as f64 / 1000.0
}

/// A path without the token of an upload session: that is a key, and stands in the session's URLs.
fn logged_path(path: &str) -> Cow<'_, str> {
    let Some(rest) = path.strip_prefix(UPLOAD2) else { return path.into() };
    let mut segments: Vec<&str> = rest.split('/').collect();
    if let Some(token) = segments.get_mut(1) {
        *token = "…";
    }
    format!("{UPLOAD2}{}", segments.join("/")).into()
}

/// One line per request: no query, no header, no body, so no token can be in it.
fn log(entry: &Entry<'_>, response: &Response, problem: Option<(&'static str, &str)>) {
    let status = response.status();
    let caller = response.extensions().get::<CallerName>().map(|name| name.0.as_str());
    let caller = caller.unwrap_or("anonymous");
    let peer = entry.peer.map(tracing::field::display);
    let (code, causes) = problem.unzip();
    let (method, path, request_id) = (entry.method, &*logged_path(entry.path), entry.id.as_str());
    let status_code = status.as_u16();
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        tracing::error!(
            %method, path, status = status_code, elapsed_ms = elapsed_ms(entry.started), request_id, caller, peer, code,
            causes, "{method} {path} {status_code}"
        );
    } else {
        tracing::info!(
            %method, path, status = status_code, elapsed_ms = elapsed_ms(entry.started), request_id, caller, peer, code,
            causes, "{method} {path} {status_code}"
        );
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;

    use super::*;

    /// Where the log of a test goes.
    #[derive(Clone, Default)]
    struct Written(Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        /// Logs of this thread go here until the guard is dropped.
        fn listen(&self) -> tracing::subscriber::DefaultGuard {
            let writer = self.clone();
            let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
            tracing::subscriber::set_default(subscriber)
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[tokio::test]
    async fn a_request_whose_client_went_away_is_in_the_log_too() {
        let written = Written::default();
        let _log = written.listen();
        let router = Router::new().route("/slow", get(std::future::pending::<&'static str>));
        let server = Framed::new(router, Frame::new(Clock::manual(Timestamp::UNIX_EPOCH)), |_, _, _| None);
        let request = Request::builder().uri("/slow").header("host", "a").body(Body::empty()).unwrap();
        let answer = server.answer(request);
        // Polled once and dropped, as the connection does.
        assert!(answer.now_or_never().is_none());
        let log = written.text();
        assert!(log.lines().count() == 1 && log.contains("GET /slow 499"), "{log}");
    }

    #[tokio::test]
    async fn a_request_is_one_line_in_the_log_and_no_secret_is_in_it() {
        let written = Written::default();
        let _log = written.listen();
        let page = async || Problem::new(Kind::NotFound, "http/no-such-page", "nothing is here");
        let router = Router::new().route("/page", get(page));
        let server = Framed::new(router, Frame::new(Clock::manual(Timestamp::UNIX_EPOCH)), |_, _, _| None);
        let request = Request::builder()
            .uri("/page?token=secret-1")
            .header("host", "a")
            .header("authorization", "Bearer secret-2")
            .header("cookie", "secret-3")
            .body(Body::from("secret-4"))
            .unwrap();
        let origin = Origin { peer: Some(([127, 0, 0, 1], 4711).into()), outbox: None };
        server.answer_by(request, &origin).await;
        let log = written.text();
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(!log.contains("secret"), "{log}");
        for part in ["GET /page 404", "request_id=\"0-0\"", "peer=127.0.0.1:4711", "code=\"http/no-such-page\""] {
            assert!(log.contains(part), "{part} is not in {log}");
        }
    }

    #[tokio::test]
    async fn the_token_of_an_upload_session_is_not_in_the_log() {
        let written = Written::default();
        let _log = written.listen();
        let server = Framed::new(Router::new(), Frame::new(Clock::manual(Timestamp::UNIX_EPOCH)), |_, _, _| None);
        for path in ["/upload/2.0/sessions/secret", "/upload/2.0/stage/secret/simple/demo/", "/upload/2.0/"] {
            let request = Request::builder().uri(path).header("host", "a").body(Body::empty()).unwrap();
            server.answer(request).await;
        }
        let log = written.text();
        assert!(!log.contains("secret") && log.contains("/upload/2.0/stage/…/simple/demo/"), "{log}");
    }

    async fn text_of(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_a_500_that_tells_the_client_nothing_and_the_server_goes_on() {
        let router = Router::new()
            .route("/bad", get(async || -> &'static str { panic!("secret of the insides") }))
            .route("/good", get(async || "good"));
        let server = Framed::new(router, Frame::new(Clock::manual(Timestamp::UNIX_EPOCH)), |_, _, _| None);
        let ask = async |path: &str| {
            let request = Request::builder().uri(path).header("host", "a").body(Body::empty()).unwrap();
            server.answer(request).await
        };
        let bad = ask("/bad").await;
        assert_eq!(bad.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(bad.headers()["x-request-id"], "0-0");
        let text = text_of(bad).await;
        assert!(text.contains("http/internal") && text.contains("0-0") && !text.contains("secret"), "{text}");
        let good = ask("/good").await;
        assert_eq!(good.headers()["x-request-id"], "0-1");
        assert_eq!(text_of(good).await, "good");
    }
}
