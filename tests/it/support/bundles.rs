//! A server with a small application in `blessed`, bundles of it, and the host's Python to try them with.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bytes::Bytes;
use serde_json::{Value, json};

use super::server::Setup;
use super::{TestServer, Wheel};

/// What the application prints when it is started with arguments: its words, then what a child process found.
pub const SHOUT: &str = "hello from greet 1.1: ['a', 'b c']\nchild: 1.1\n";

/// The application's program.
const PROGRAM: &str = r#"import subprocess, sys
import greet

def main():
    print("hello from greet %s: %s" % (greet.VERSION, sys.argv[1:]), flush=True)
    subprocess.check_call([sys.executable, "-c", "import greet; print('child:', greet.VERSION)"])
    return 0
"#;

/// The application, two versions of what it needs, and a wheel that fits no Python of today.
pub fn wheels() -> Vec<Wheel> {
    vec![
        Wheel::new("hello", "1.0")
            .requires("greet>=1")
            .file("hello/cli.py", PROGRAM)
            .file("hello/__main__.py", "from hello.cli import main\nraise SystemExit(main())\n")
            .script("hello", "hello.cli:main"),
        Wheel::new("greet", "1.0"),
        Wheel::new("greet", "1.1").requires_python(">=3.8").data_script("greet-raw", "#!python\nprint('raw')\n"),
        Wheel::new("other", "1.0").script("hello", "other:main"),
        Wheel::new("shadow", "1.0").file("greet/__init__.py", "VERSION = 'shadow'\n"),
        Wheel::new("future", "1.0").tag("cp399-cp399-manylinux_2_17_x86_64"),
        Wheel::new("torn", "1.0").requires("greet==2"),
    ]
}

/// A server with these wheels in `blessed`.
pub async fn shop_with(setup: Setup, wheels: &[Wheel]) -> TestServer {
    let server = TestServer::start_with(setup).await;
    for wheel in wheels {
        let answer = server.put_file("staging", &wheel.filename(), wheel.build()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let answer = server.promote("staging", "blessed").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    server
}

/// A server with [`wheels`] in `blessed`.
pub async fn shop() -> TestServer {
    shop_with(Setup::default(), &wheels()).await
}

/// The request that most tests send.
pub fn hello() -> Value {
    json!({"name": "hello", "requirements": ["hello"], "target": "debian-12", "script": "hello"})
}

/// Builds a bundle that must be buildable and downloads it: the description and the bytes.
pub async fn build(server: &TestServer, request: &Value) -> (Value, Bytes) {
    let answer = server.post_json("/api/v1/bundles", request).await;
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    let bundle = answer.json();
    let file = server.get(bundle["download"].as_str().unwrap()).await;
    assert_eq!(file.status, 200, "{}", file.text());
    (bundle, file.body)
}

/// Names and contents of a bundle's entries in order, as Python's `zipfile` sees them after it has tested them.
pub fn entries(bundle: &[u8]) -> Vec<(String, Vec<u8>)> {
    let directory = tempfile::tempdir().unwrap();
    let path = write(directory.path(), "read.pyz", bundle);
    let program = "import json, sys, zipfile\n\
                   archive = zipfile.ZipFile(sys.argv[1])\n\
                   assert archive.testzip() is None\n\
                   print(json.dumps([[i.filename, archive.read(i).hex()] for i in archive.infolist()]))\n";
    let output = Command::new("python3").args(["-c", program]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed: Vec<(String, String)> = serde_json::from_slice(&output.stdout).unwrap();
    listed.into_iter().map(|(name, content)| (name, hex::decode(content).unwrap())).collect()
}

/// Writes a file and returns its path.
pub fn write(directory: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Starts a bundle with the host's Python in an empty environment; it unpacks below `directory`.
pub fn start(directory: &Path, bundle: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    // The program itself: what PATH finds may be a shell script that an empty environment has no shell for.
    let python = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    Command::new(String::from_utf8(python.stdout).unwrap().trim())
        .arg(bundle)
        .args(arguments)
        .env_clear()
        .env("FERRYWHEEL_ROOT", directory)
        .envs(variables.iter().copied())
        .current_dir(directory)
        .output()
        .unwrap()
}
