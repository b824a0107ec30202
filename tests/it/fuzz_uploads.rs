//! The upload form under fuzz: whatever arrives, the server answers with a reason and stores nothing that is not whole.

use bolero::TypeGenerator;
use reqwest::Method;

use super::support::mutation::{Mutation, mutate};
use super::support::server::answer;
use super::support::{TestServer, Wheel};

/// Forms in a plain run; each is a request over a socket.
const FORMS: usize = 600;

#[derive(Clone, Debug, TypeGenerator)]
struct Damage {
    mutations: [Option<Mutation>; 4],
    is_type_damaged: bool,
}

fn form() -> Vec<u8> {
    let wheel = Wheel::new("demo", "1.0");
    let mut body = Vec::new();
    for (name, value) in [(":action", "file_upload"), ("protocol_version", "1"), ("name", "demo"), ("version", "1.0")] {
        body.extend_from_slice(part(&format!("name=\"{name}\""), value.as_bytes()).as_slice());
    }
    body.extend_from_slice(&part(&format!("name=\"content\"; filename=\"{}\"", wheel.filename()), &wheel.build()));
    body.extend_from_slice(b"--boundary--\r\n");
    body
}

fn part(head: &str, value: &[u8]) -> Vec<u8> {
    let mut part = format!("--boundary\r\nContent-Disposition: form-data; {head}\r\n\r\n").into_bytes();
    part.extend_from_slice(value);
    part.extend_from_slice(b"\r\n");
    part
}

#[test]
fn multipart_forms() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(TestServer::start());
    let (form, server, handle) = (form(), std::panic::AssertUnwindSafe(&server), runtime.handle());
    let handle = std::panic::AssertUnwindSafe(handle);
    bolero::check!().with_type::<Damage>().with_iterations(FORMS).for_each(|damage| {
        let (server, handle) = (&server, &handle);
        let mutations: Vec<Mutation> = damage.mutations.iter().flatten().cloned().collect();
        let body = mutate(&form, &mutations, 64 * 1024);
        let kind = b"multipart/form-data; boundary=boundary".to_vec();
        let kind = if damage.is_type_damaged { mutate(&kind, &mutations, 200) } else { kind };
        let Ok(kind) = reqwest::header::HeaderValue::from_bytes(&kind) else { return };
        let request = server.request(Method::POST, "/legacy/").basic_auth("__token__", Some(server.token()));
        let answer = handle.block_on(answer(request.header("Content-Type", kind).body(body)));
        let status = answer.status;
        assert!(status == 200 || (400..500).contains(&status), "{status}: {}", answer.text());
        assert!(!answer.text().is_empty(), "{status} without a reason");
    });
    let page = runtime.block_on(server.get("/staging/simple/demo/"));
    let links = page.text().matches("<a ").count();
    assert!(page.status == 404 || links <= 1, "{links} files became visible from one name");
}
