//! The real program is told to stop: it finishes what runs, unless it is told twice, and leaves no secret in its log.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A running server process, where it listens and what it said until then.
struct Process {
    child: Child,
    address: String,
    said: String,
}

impl Process {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ferrywheel"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended before it listened: {said}")).unwrap();
            said.push_str(&line);
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.to_owned();
            }
        };
        // What it says later is read on, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, said }
    }

    fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Begins an upload that never goes on, and waits until the server works on it.
    fn begin_upload(&self, data: &Path) -> TcpStream {
        let token = std::fs::read_to_string(data.join("admin-token")).unwrap();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "PUT /api/v1/channels/staging/files/demo-1.0-py3-none-any.whl HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\
             authorization: Bearer {}\r\ncontent-length: 1000\r\n\r\n",
            token.trim()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100");
        stream
    }

    /// Waits until nobody is let in any more: the first signal has arrived.
    fn wait_until_closed(&self) {
        while TcpStream::connect(&self.address).is_ok() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_stop_folds_the_log_of_the_database_and_the_token_was_printed_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(directory.path());
    let token = std::fs::read_to_string(directory.path().join("admin-token")).unwrap();
    assert!(!process.said.contains(token.trim()) && process.said.contains("admin-token"), "{}", process.said);
    process.terminate();
    assert!(process.child.wait().unwrap().success());
    let left: Vec<_> =
        std::fs::read_dir(directory.path().join("db")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["main.sqlite"]);
}

#[test]
fn a_second_signal_does_not_wait_for_running_requests() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(directory.path());
    let _upload = process.begin_upload(directory.path());
    process.terminate();
    process.wait_until_closed();
    assert!(process.child.try_wait().unwrap().is_none(), "the first signal lets the upload go on");
    let started = Instant::now();
    process.terminate();
    assert!(process.child.wait().unwrap().success());
    assert!(started.elapsed() < Duration::from_secs(15), "a silent body alone would have been cut after 30 s");
}
