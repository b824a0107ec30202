//! The state machines of Upload 2.0 (PEP 694) against a model of a few lines: two clients, and one of the older API, do what
//! a seed tells them, and every answer is compared. A failure names the seed and the steps.

use std::collections::BTreeMap;

use ferrywheel::config::{DatabaseUrl, Settings};
use ferrywheel::model::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::postgres::postgres;
use crate::support::server::Setup;
use crate::support::tokens::token_of;
use crate::support::upload2::{Client, states, text};
use crate::support::{TestServer, Wheel};

const VERSIONS: [&str; 2] = ["1.0", "2.0"];
/// Wheels of a release: more than one walk publishes, few enough that two clients meet at them.
const TAG_COUNT: usize = 8;

/// Small numbers from a seed; xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % limit as u64).unwrap()
    }
}

/// One of the wheels that there are: a release, a tag, and which of two contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    version: usize,
    tag: usize,
    content: usize,
}

impl Kind {
    fn wheel(self) -> Wheel {
        let text = format!("CONTENT = {}\n", self.content);
        Wheel::new("demo", VERSIONS[self.version])
            .tag(&format!("py3{}-none-any", self.tag))
            .file("demo/content.py", text)
    }

    fn name(self) -> String {
        self.wheel().filename()
    }
}

/// What is known of a file of a session.
#[derive(Debug)]
struct File {
    session: usize,
    kind: Kind,
    state: &'static str,
    has_bytes: bool,
    view: Value,
}

/// What is known of a session.
#[derive(Debug)]
struct Session {
    version: usize,
    state: &'static str,
    view: Value,
}

/// Everything that the server should know.
#[derive(Default)]
struct Model {
    sessions: Vec<Session>,
    files: Vec<File>,
    /// Content by file name.
    published: BTreeMap<String, usize>,
}

impl Model {
    fn is_open(&self, session: usize) -> bool {
        self.sessions[session].state == "open"
    }

    /// The file of this name that is part of the session.
    fn live(&self, session: usize, name: &str) -> Option<usize> {
        let is_it = |file: &File| file.session == session && file.kind.name() == name && file.state != "canceled";
        self.files.iter().position(is_it)
    }

    fn files_of(&self, session: usize) -> Vec<(String, String)> {
        let live = self.files.iter().filter(|file| file.session == session && file.state != "canceled");
        let mut files: Vec<_> = live.map(|file| (file.kind.name(), file.state.to_owned())).collect();
        files.sort();
        files
    }

    fn publish(&mut self, session: usize) -> u16 {
        match self.sessions[session].state {
            "published" => return 201,
            "canceled" => return 409,
            _ => {}
        }
        let mine: Vec<usize> = (0..self.files.len())
            .filter(|at| self.files[*at].session == session && self.files[*at].state != "canceled")
            .collect();
        let blocks = |at: &usize| {
            let file = &self.files[*at];
            let other = self.published.get(&file.kind.name()).is_some_and(|content| *content != file.kind.content);
            file.state != "completed" || other
        };
        if mine.iter().any(blocks) {
            return 409;
        }
        for at in mine {
            let kind = self.files[at].kind;
            self.published.insert(kind.name(), kind.content);
        }
        self.sessions[session].state = "published";
        201
    }

    fn cancel(&mut self, session: usize) -> u16 {
        if self.sessions[session].state == "published" {
            return 409;
        }
        self.sessions[session].state = "canceled";
        for file in self.files.iter_mut().filter(|file| file.session == session) {
            file.state = "canceled";
        }
        204
    }
}

/// The walk itself.
struct Walk<'a> {
    server: &'a TestServer,
    clients: [Client<'a>; 2],
    stranger: Client<'a>,
    dice: Dice,
    model: Model,
    log: Vec<String>,
}

impl<'a> Walk<'a> {
    fn client(&mut self) -> Client<'a> {
        self.clients[self.dice.below(2)]
    }

    fn kind(&mut self) -> Kind {
        Kind { version: self.dice.below(2), tag: self.dice.below(TAG_COUNT), content: self.dice.below(2) }
    }

    /// A file, most often one that is pending.
    fn pick_file(&mut self) -> Option<usize> {
        let any = self.pick(self.model.files.len());
        let pending = self.model.files.iter().rposition(|file| file.state == "pending");
        if self.dice.below(4) == 0 { any } else { pending.or(any) }
    }

    /// A session, most often one that is open.
    fn pick_session(&mut self) -> Option<usize> {
        let any = self.pick(self.model.sessions.len());
        let open: Vec<usize> = (0..self.model.sessions.len()).filter(|at| self.model.is_open(*at)).collect();
        match self.dice.below(4) {
            0 => any,
            _ => open.get(self.dice.below(open.len().max(1))).copied().or(any),
        }
    }

    /// The newest are taken more often: the others have ended.
    fn pick(&mut self, count: usize) -> Option<usize> {
        let back = self.dice.below(4).min(count.checked_sub(1)?);
        Some(count - 1 - back)
    }

    fn expect(&mut self, what: String, found: u16, expected: u16) {
        self.log.push(format!("{what}: {found}"));
        let steps = self.log.join("\n");
        assert_eq!(found, expected, "the last of these steps\n{steps}");
    }

    async fn step(&mut self) {
        match self.dice.below(40) {
            0..=3 => self.open().await,
            4..=13 => self.begin().await,
            14..=20 => self.send().await,
            21..=27 => self.complete().await,
            28..=30 => self.delete_file().await,
            31 | 32 => self.publish().await,
            33 => self.cancel().await,
            34 => self.older_api().await,
            35 => self.strange().await,
            _ => self.look().await,
        }
    }

    async fn open(&mut self) {
        let version = self.dice.below(2);
        let client = self.client();
        let there = self.model.sessions.iter().find(|it| it.version == version && it.state == "open");
        let there = there.map(|it| text(&it.view["links"]["session"]).to_owned());
        let answer = client.open("Demo", VERSIONS[version]).await;
        let expected = if there.is_some() { 409 } else { 201 };
        self.expect(format!("open {}", VERSIONS[version]), answer.status, expected);
        if let Some(there) = there {
            assert_eq!(answer.header("location"), there);
            return;
        }
        let view = answer.json();
        assert_eq!(answer.header("location"), text(&view["links"]["session"]));
        assert!(self.model.sessions.iter().all(|old| old.view["session-token"] != view["session-token"]));
        self.model.sessions.push(Session { version, state: "open", view });
    }

    async fn begin(&mut self) {
        let Some(session) = self.pick_session() else { return };
        let kind = Kind { version: self.model.sessions[session].version, ..self.kind() };
        let (client, name) = (self.client(), kind.name());
        let there = self.model.live(session, &name);
        let is_free = self.model.is_open(session) && !self.model.published.contains_key(&name);
        let makes_way = there.is_none_or(|at| self.model.files[at].state == "completed");
        let expected = if is_free && makes_way { 202 } else { 409 };
        let view = self.model.sessions[session].view.clone();
        let answer = client.begin(&view, &name, &kind.wheel().build()).await;
        self.expect(format!("begin {kind:?} in {session}"), answer.status, expected);
        if expected == 202 {
            assert!(!answer.header("retry-after").is_empty());
            if let Some(at) = there {
                self.model.files[at].state = "canceled";
            }
            let view = answer.json();
            self.model.files.push(File { session, kind, state: "pending", has_bytes: false, view });
        }
        self.compare(session).await;
    }

    async fn send(&mut self) {
        let Some(at) = self.pick_file() else { return };
        let (client, is_whole) = (self.client(), self.dice.below(4) > 0);
        let File { session, kind, state, ref view, .. } = self.model.files[at];
        let mut bytes = kind.wheel().build().to_vec();
        if !is_whole {
            bytes[40] ^= 1;
        }
        let published = self.model.published.get(&kind.name());
        let takes = self.model.is_open(session) && state == "pending";
        let expected = match published {
            _ if !takes => 409,
            _ if !is_whole => 400,
            Some(content) if *content != kind.content => 409,
            _ => 204,
        };
        let answer = client.send(&view.clone(), bytes).await;
        self.expect(format!("send {kind:?} as {at}, whole: {is_whole}"), answer.status, expected);
        if takes {
            self.model.files[at].has_bytes = expected == 204;
        }
        self.compare(session).await;
    }

    async fn complete(&mut self) {
        let Some(at) = self.pick_file() else { return };
        let client = self.client();
        let File { session, state, has_bytes, ref view, .. } = self.model.files[at];
        let takes = self.model.is_open(session) && state == "pending";
        let (expected, after) = match (state, takes) {
            ("completed", _) => (201, "completed"),
            (_, false) => (409, state),
            (_, true) if has_bytes => (201, "completed"),
            (_, true) => (400, "error"),
        };
        let answer = client.complete(&view.clone()).await;
        self.expect(format!("complete {at}"), answer.status, expected);
        self.model.files[at].state = after;
        self.compare(session).await;
    }

    async fn delete_file(&mut self) {
        let Some(at) = self.pick(self.model.files.len()) else { return };
        let client = self.client();
        let File { session, state, ref view, .. } = self.model.files[at];
        let url = text(&view["links"]["file-upload-session"]).to_owned();
        let expected = if state == "canceled" || self.model.is_open(session) { 204 } else { 409 };
        let answer = client.delete(&url).await;
        self.expect(format!("delete {at}"), answer.status, expected);
        if expected == 204 {
            self.model.files[at].state = "canceled";
        }
        let told = client.get(&url).await.json();
        assert_eq!(text(&told["status"]), self.model.files[at].state);
        self.compare(session).await;
    }

    async fn publish(&mut self) {
        let Some(session) = self.pick_session() else { return };
        let (client, view) = (self.client(), self.model.sessions[session].view.clone());
        let expected = self.model.publish(session);
        let answer = client.publish(&view).await;
        self.expect(format!("publish {session}"), answer.status, expected);
        self.compare(session).await;
        self.compare_channel().await;
    }

    async fn cancel(&mut self) {
        let Some(session) = self.pick_session() else { return };
        let (client, view) = (self.client(), self.model.sessions[session].view.clone());
        let expected = self.model.cancel(session);
        let answer = client.delete(text(&view["links"]["session"])).await;
        self.expect(format!("cancel {session}"), answer.status, expected);
        self.compare(session).await;
    }

    /// The older API knows nothing of sessions: a session that is open keeps no file name.
    async fn older_api(&mut self) {
        let kind = self.kind();
        let expected = match self.model.published.get(&kind.name()) {
            Some(content) if *content != kind.content => 409,
            _ => 200,
        };
        let answer = self.server.put_file("staging", &kind.name(), kind.wheel().build()).await;
        self.expect(format!("older API {kind:?}"), answer.status, expected);
        self.model.published.entry(kind.name()).or_insert(kind.content);
        self.compare_channel().await;
    }

    /// Who may not upload to the project learns nothing of what is there.
    async fn strange(&mut self) {
        let opened = self.stranger.open("demo", VERSIONS[self.dice.below(2)]).await;
        assert_eq!(opened.header("location"), "");
        self.expect("a stranger opens".to_owned(), opened.status, 403);
        let Some(session) = self.pick_session() else { return };
        let view = self.model.sessions[session].view.clone();
        let url = text(&view["links"]["session"]);
        for method in [Method::GET, Method::DELETE] {
            let answer = self.stranger.call(method, url, None).await;
            self.expect("a stranger asks".to_owned(), answer.status, 403);
        }
        let answer = self.stranger.publish(&view).await;
        self.expect("a stranger publishes".to_owned(), answer.status, 403);
        let begun = self.stranger.begin(&view, &Kind { version: 0, tag: 0, content: 0 }.name(), b"x").await;
        self.expect("a stranger begins a file".to_owned(), begun.status, 403);
        self.compare(session).await;
    }

    /// What is staged, for whoever has the URL.
    async fn look(&mut self) {
        let Some(session) = self.pick_session() else { return };
        let stage = text(&self.model.sessions[session].view["links"]["stage"]).to_owned();
        let url = format!("{stage}demo/").replace(&self.server.url(), "");
        let completed: Vec<String> =
            self.model.files_of(session).into_iter().filter(|(_, state)| state == "completed").map(|it| it.0).collect();
        let expected = if self.model.is_open(session) && !completed.is_empty() { 200 } else { 404 };
        let answer = self.server.send(Method::GET, &url, &[("accept", "application/vnd.pypi.simple.v1+json")]).await;
        self.expect(format!("look at {session}"), answer.status, expected);
        if expected == 200 {
            assert_eq!(filenames(&answer.json()), completed);
        }
        let body = json!({"extend-for": 1});
        let url = text(&self.model.sessions[session].view["links"]["extend"]).to_owned();
        let answer = self.client().call(Method::POST, &url, Some(body)).await;
        self.expect(format!("extend {session}"), answer.status, 200);
    }

    /// The session as the server tells it is that of the model.
    async fn compare(&mut self, session: usize) {
        let url = text(&self.model.sessions[session].view["links"]["session"]).to_owned();
        let answer = self.client().get(&url).await;
        let expected = (self.model.sessions[session].state.to_owned(), self.model.files_of(session));
        assert_eq!(states(&answer.json()), expected, "after\n{}", self.log.join("\n"));
    }

    async fn compare_channel(&mut self) {
        let accept = [("accept", "application/vnd.pypi.simple.v1+json")];
        let page = self.server.send(Method::GET, "/staging/simple/demo/", &accept).await.json();
        let mut expected: Vec<String> = self.model.published.keys().cloned().collect();
        expected.push("demo-0.1-py3-none-any.whl".to_owned());
        expected.sort();
        let mut found = filenames(&page);
        found.sort();
        assert_eq!(found, expected, "after\n{}", self.log.join("\n"));
    }
}

fn filenames(page: &Value) -> Vec<String> {
    page["files"].as_array().unwrap().iter().map(|file| text(&file["filename"]).to_owned()).collect()
}

async fn walk(settings: Settings, seed: u64, step_count: usize) {
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    let first = Wheel::new("demo", "0.1");
    assert_eq!(server.put_file("staging", &first.filename(), first.build()).await.status, 200);
    let upload = [Permission::Upload];
    let token = token_of(&server, "second", &upload, "staging", "demo").await;
    let strange = token_of(&server, "stranger", &upload, "staging", "other").await;
    let client = |token| Client { server: &server, token };
    let mut walk = Walk {
        server: &server,
        clients: [client(server.token()), client(&token)],
        stranger: client(&strange),
        dice: Dice(seed),
        model: Model::default(),
        log: vec![format!("seed {seed}")],
    };
    for _ in 0..step_count {
        walk.step().await;
    }
    // A walk that never came far has shown nothing.
    assert!(
        walk.model.sessions.len() > 2 && walk.model.files.len() > 15 && !walk.model.published.is_empty(),
        "{}",
        walk.log.join("\n")
    );
}

#[tokio::test]
async fn two_clients_find_what_the_tables_say_on_sqlite() {
    for seed in [0x5eed_0001, 0x5eed_0002, 0x5eed_0003, 0x5eed_0004] {
        walk(Settings::default(), seed, 300).await;
    }
}

#[tokio::test]
async fn two_clients_find_what_the_tables_say_on_postgres() {
    for seed in [0x5eed_0005, 0x5eed_0006] {
        let settings = Settings { database: Some(DatabaseUrl(postgres().await)), ..Settings::default() };
        walk(settings, seed, 250).await;
    }
}
