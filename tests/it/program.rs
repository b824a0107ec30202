//! The program itself, as a process: how it starts, what it says, what it leaves behind.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Output};

fn ferrywheel(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrywheel"));
    command.args(arguments).env_clear();
    command
}

fn text(output: &Output) -> (&str, &str) {
    (std::str::from_utf8(&output.stdout).unwrap(), std::str::from_utf8(&output.stderr).unwrap())
}

#[test]
fn a_program_that_has_ended_leaves_one_whole_database_file() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let made = ferrywheel(&["admin", "token", "create", "ci", "--allow", "upload", "--json", "--data", data]).output();
    let made = made.unwrap();
    let (stdout, stderr) = text(&made);
    assert!(made.status.success(), "{stderr}");
    let token: serde_json::Value = serde_json::from_str(stdout).unwrap();
    assert_eq!(token["name"], "ci");
    assert!(token["token"].as_str().unwrap().starts_with("fw_"));
    let names = std::fs::read_dir(directory.path().join("db")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["main.sqlite"]);
}

#[test]
fn a_variable_that_is_not_text_is_no_reason_not_to_start() {
    let listed = ferrywheel(&["target", "list"]).env("ODD", OsStr::from_bytes(b"\xff")).output().unwrap();
    assert!(listed.status.success(), "{}", text(&listed).1);
}

#[test]
fn a_server_that_is_away_is_told_with_the_cause_and_the_next_step() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("http://{free}");
    // A proxy that would be asked instead does not exist either, and is not named in the answer.
    let away = ferrywheel(&["lock", "demo", "--target", "debian-12", "--server", &server])
        .env("HTTP_PROXY", "http://proxy.invalid:1")
        .env("http_proxy", "http://proxy.invalid:1")
        .output()
        .unwrap();
    let (_, stderr) = text(&away);
    assert_eq!(away.status.code(), Some(3), "{stderr}");
    assert!(stderr.starts_with(&format!("error: `{server}/` does not answer: Connection refused")), "{stderr}");
    assert!(stderr.contains("hint: Start it with `ferrywheel serve`"), "{stderr}");
}

#[test]
fn a_directory_that_is_to_be_imported_is_no_server_that_is_away() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let output = ferrywheel(&["advisories", "import", &path, "--server", "http://127.0.0.1:9"]).output().unwrap();
    let (_, stderr) = text(&output);
    assert!(stderr.starts_with(&format!("error: `{path}` cannot be read: ")), "{stderr}");
    assert_eq!(output.status.code(), Some(2));
}

/// The failure that a command tells with `--json`: the last line on stderr.
fn failure_of(command: &mut Command) -> (Option<i32>, serde_json::Value) {
    let output = command.output().unwrap();
    let (stdout, stderr) = text(&output);
    assert!(!output.status.success(), "{stdout}{stderr}");
    let last = stderr.lines().last().unwrap_or_default();
    let told = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    (output.status.code(), told)
}

fn assert_tells(command: &mut Command, exit: i32, code: &str, message: &str) {
    let (status, told) = failure_of(command);
    assert_eq!((status, &told["exit_code"], &told["code"]), (Some(exit), &exit.into(), &code.into()), "{told}");
    assert!(told["message"].as_str().unwrap().contains(message), "{told}");
    assert!(!told["hint"].as_str().unwrap().is_empty() && told["findings"].is_array(), "{told}");
}

#[test]
fn failures_are_json_where_json_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("http://{free}");
    for (arguments, exit, code, message) in [
        (&["--json"][..], 2, "cli/usage", "requires a subcommand"),
        (&["--json", "admin"], 2, "cli/usage", "names no command"),
        (&["--json", "fly"], 2, "cli/usage", "unrecognized subcommand 'fly'"),
        (&["upload", "/nowhere", "--json"], 2, "cli/usage", "`/nowhere` cannot be read"),
        (&["promote", "staging", "staging", "--json"], 2, "cli/usage", "cannot be promoted into itself"),
        (
            &["lock", "demo", "--target", "debian-12", "--json", "--server", &server],
            3,
            "cli/unreachable",
            "does not answer",
        ),
        (&["target", "show", "debian-99", "--json"], 1, "resolve/target-unknown", "debian-99"),
        (&["admin", "token", "revoke", "nobody", "--data", data, "--json"], 1, "cli/refused", "no live token"),
        (&["serve", "--json", "--config", "/nowhere"], 2, "config/file-unreadable", "/nowhere"),
    ] {
        assert_tells(&mut ferrywheel(arguments), exit, code, message);
    }
    let mut serve = ferrywheel(&["serve", "--json", "--data", data]);
    let many = "`max_connections` is `many`; a whole number from 0 on is expected";
    assert_tells(serve.env("FERRYWHEEL_MAX_CONNECTIONS", "many"), 2, "config/setting-invalid", many);
    let commands = ferrywheel::cli::command();
    for command in commands.get_subcommands() {
        let mut wrong = ferrywheel(&[command.get_name(), "--json", "--no-such-flag"]);
        assert_tells(&mut wrong, 2, "cli/usage", "--no-such-flag");
    }
}
