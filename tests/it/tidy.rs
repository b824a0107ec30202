//! The rules of the house that the compiler does not know: layers, caps, names, and that what exists is documented.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Command;
use ferrywheel::config::{Settings, SettingsSource};
use regex::Regex;

/// Rooms of `src/` in dependency order, each with the rooms that it may import. Every import points upwards in this list.
const LAYERS: &[(&str, &[&str])] = &[
    ("packaging", &[]),
    ("archive", &[]),
    ("model", &["packaging"]),
    ("index", &["packaging", "model"]),
    ("blobs", &["model"]),
    ("access", &["packaging", "model", "index"]),
    ("ingest", &["packaging", "archive", "model", "index", "blobs", "access"]),
    ("advisories", &["packaging", "archive", "model", "index", "blobs"]),
    ("resolve", &["packaging", "model", "index"]),
    ("channels", &["packaging", "model", "index", "resolve"]),
    ("simple", &["packaging", "model", "index", "blobs"]),
    ("export", &["packaging", "archive", "model", "index", "blobs", "resolve"]),
    ("mirror", &["packaging", "model", "index", "blobs", "ingest", "resolve"]),
    ("telemetry", &[]),
    ("config", &["model", "access", "telemetry"]),
    ("app", &["model", "index", "blobs", "access", "ingest", "simple", "config"]),
    ("http", EVERYTHING_BELOW),
    ("cli", EVERYTHING_BELOW),
];

/// Marks a room that may import every room above it.
const EVERYTHING_BELOW: &[&str] = &["*"];

/// Lines a file may have.
const MAX_FILE_LINES: usize = 500;

/// Lines ARCHITECTURE.md may have.
const MAX_ARCHITECTURE_LINES: usize = 200;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `folder` whose name ends in one of `endings`, by path from the root.
fn files(folder: &str, endings: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "node_modules" | "__pycache__") && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let from_root = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.insert(from_root, String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned());
            }
        }
    }
    found
}

/// The room that a file of `src/` lies in.
fn room(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap();
    inside.split('/').next().unwrap().trim_end_matches(".rs")
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn imports_point_upwards_in_the_table_of_layers() {
    let names: Vec<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    let mut problems = Vec::new();
    for (at, (name, imports)) in LAYERS.iter().enumerate() {
        let later = imports.iter().filter(|import| **import != "*" && !names[..at].contains(import));
        problems
            .extend(later.map(|import| format!("the table lets `{name}` import `{import}`, which stands below it")));
    }
    let import = Regex::new(r"\bcrate::(?:\{([^}]*)\}|([a-z_]+))").unwrap();
    for (path, text) in files("src", &[".rs"]) {
        let here = room(&path);
        if matches!(here, "lib" | "main") {
            continue;
        }
        let Some(at) = names.iter().position(|name| *name == here) else {
            problems.push(format!("{path}: room `{here}` is not in the table of layers"));
            continue;
        };
        let allowed = LAYERS[at].1;
        for found in import.captures_iter(&text) {
            let listed = found.get(1).or(found.get(2)).unwrap().as_str();
            for there in listed.split(',').map(|part| part.trim().split("::").next().unwrap()) {
                let is_allowed = there == here
                    || allowed.contains(&there)
                    || (allowed == EVERYTHING_BELOW && names[..at].contains(&there));
                if !is_allowed && names.contains(&there) {
                    problems.push(format!("{path}: `{here}` may not import `{there}`"));
                }
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn foreign_crates_stay_in_their_rooms() {
    let rules: &[(&str, &[&str])] = &[
        ("sqlx", &["src/index/"]),
        ("axum", &["src/http/"]),
        ("clap", &["src/cli/"]),
        ("reqwest", &["src/mirror/upstream", "src/cli/"]),
        ("object_store", &["src/blobs/"]),
    ];
    let mut problems = Vec::new();
    for (path, text) in files("src", &[".rs"]) {
        for (name, rooms) in rules {
            let used = Regex::new(&format!(r"(?m)^[^/\n]*\b{name}::")).unwrap();
            if used.is_match(&text) && !rooms.iter().any(|room| path.starts_with(room)) {
                problems.push(format!("{path}: `{name}` belongs into {}", rooms.join(", ")));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut problems = Vec::new();
    let endings = [".rs", ".py", ".js", ".mjs", ".css", ".sql", ".sh"];
    for folder in ["src", "static", "migrations", "tests"] {
        for (path, text) in files(folder, &endings) {
            let line_count = text.lines().count();
            if line_count > MAX_FILE_LINES {
                problems.push(format!("{path}: {line_count} lines, {MAX_FILE_LINES} is the most"));
            }
            if path.ends_with(".rs") && !text.starts_with("//! ") {
                problems.push(format!("{path}: the first line does not say what lives here (`//! …`)"));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names("migrations/sqlite"), names("migrations/postgres"));
}

#[test]
fn every_path_that_the_architecture_names_exists() {
    let text = read(&root().join("ARCHITECTURE.md"));
    assert!(
        text.lines().count() <= MAX_ARCHITECTURE_LINES,
        "ARCHITECTURE.md is longer than {MAX_ARCHITECTURE_LINES} lines"
    );
    let path = Regex::new(r"`((?:src|migrations|static|tests|deploy|\.ci|\.config)/[A-Za-z0-9_./*-]*)`").unwrap();
    let mut problems = Vec::new();
    let mut count = 0;
    for found in path.captures_iter(&text) {
        count += 1;
        let named = found[1].split('*').next().unwrap();
        if !root().join(named).exists() {
            problems.push(format!("ARCHITECTURE.md names `{named}`, which does not exist"));
        }
    }
    assert!(count > 20, "ARCHITECTURE.md names only {count} paths: has the form of its code map changed?");
    assert_none(&problems);
}

/// Texts of all `<code>` elements inside headings of a manual page.
fn headings(page: &str) -> BTreeSet<String> {
    let text = read(&root().join("static/manual").join(page));
    let heading = Regex::new(r"(?s)<h[234][^>]*>(.*?)</h[234]>").unwrap();
    let code = Regex::new(r"(?s)<code>(.*?)</code>").unwrap();
    let unescape = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let inside = heading.captures_iter(&text).map(|found| found[1].to_owned()).collect::<Vec<_>>();
    inside.iter().flat_map(|text| code.captures_iter(text)).map(|found| unescape(&found[1])).collect()
}

fn assert_documented(page: &str, what: &str, names: &BTreeSet<String>) {
    let headings = headings(page);
    let missing = names.difference(&headings);
    assert_none(
        &missing.map(|name| format!("{what} `{name}` has no heading in static/manual/{page}")).collect::<Vec<_>>(),
    );
}

#[test]
fn every_error_code_has_a_heading_and_every_heading_a_code() {
    // Uploads have areas that more than one room speaks of.
    let area: Vec<&str> = LAYERS.iter().map(|(name, _)| *name).chain(["batch", "limit", "upload"]).collect();
    let code = Regex::new(&format!(r#""((?:{})/[a-z0-9-]+)""#, area.join("|"))).unwrap();
    let codes: BTreeSet<String> = files("src", &[".rs"])
        .values()
        .flat_map(|text| code.captures_iter(text).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .collect();
    assert!(codes.len() > 20, "only {} error codes were found: has their form changed?", codes.len());
    assert_documented("errors.html", "error code", &codes);
    let gone: Vec<String> = headings("errors.html").difference(&codes).cloned().collect();
    assert_none(
        &gone
            .iter()
            .map(|code| format!("static/manual/errors.html explains `{code}`, which no error has"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_setting_has_a_heading() {
    let source = read(&root().join("src/config/settings.rs"));
    let fields = source.split("pub struct Settings {").nth(1).unwrap().split("\n}").next().unwrap();
    let field = Regex::new(r"(?m)^    pub ([a-z_]+):").unwrap();
    let names: BTreeSet<String> = field.captures_iter(fields).map(|found| found[1].to_owned()).collect();
    assert!(names.contains("listen"), "the settings were not found");
    assert_documented("settings.html", "setting", &names);
}

#[test]
fn every_route_has_a_heading() {
    let routes: BTreeSet<String> =
        ferrywheel::http::ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_documented("api.html", "route", &routes);
}

#[test]
fn every_command_and_flag_has_a_heading() {
    let page = read(&root().join("static/manual/cli.html"));
    let mut problems = Vec::new();
    check_command("ferrywheel", &ferrywheel::cli::command(), &page, &mut problems);
    assert_none(&problems);
}

/// A command has a heading of the second order, its flags have headings of the third below it; flags that every client
/// command has are explained once.
fn check_command(path: &str, command: &Command, page: &str, problems: &mut Vec<String>) {
    let heading = format!("<code>{path}</code></h2>");
    let section = page.split(&heading).nth(1).map(|rest| rest.split("<h2").next().unwrap());
    let shared = page.split(r#"<h2 id="client-flags""#).nth(1).unwrap().split("<h2 ").next().unwrap();
    if section.is_none() && path != "ferrywheel" && !command.has_subcommands() {
        problems.push(format!("command `{path}` has no heading in static/manual/cli.html"));
    }
    let long_flags = command.get_arguments().filter_map(|argument| argument.get_long());
    for flag in long_flags.filter(|flag| !matches!(*flag, "help" | "version")) {
        let wanted = format!("<code>--{flag}</code></h3>");
        if !section.is_some_and(|section| section.contains(&wanted)) && !shared.contains(&wanted) {
            problems.push(format!("flag `--{flag}` of `{path}` has no heading in static/manual/cli.html"));
        }
    }
    for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
        check_command(&format!("{path} {}", child.get_name()), child, page, problems);
    }
}

#[test]
fn every_rule_of_a_finding_has_a_row() {
    let rule = Regex::new(r#""([A-Z]{3}-[0-9]{2}|(?:ZIP|TAR|SDT)-[A-Z0-9-]+)""#).unwrap();
    let page = read(&root().join("static/manual/rules.html"));
    let rules: BTreeSet<String> = files("src", &[".rs"])
        .values()
        .flat_map(|text| rule.captures_iter(text).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .collect();
    assert!(rules.contains("REC-02"), "the rules were not found: has their form changed?");
    // The start page links a finding to the row of its rule.
    let missing = rules.iter().filter(|rule| !page.contains(&format!("<tr id=\"{}\">", rule.to_lowercase())));
    assert_none(
        &missing.map(|rule| format!("rule `{rule}` has no row in static/manual/rules.html")).collect::<Vec<_>>(),
    );
}

/// Every variable that a bundle reads or sets.
fn bundle_variables() -> BTreeSet<String> {
    let variable = Regex::new(r"\b((?:FERRYWHEEL|SHIV)_[A-Z_]+[A-Z])\b").unwrap();
    let names: BTreeSet<String> = files("src/export/bootstrap", &[".py"])
        .values()
        .flat_map(|text| variable.captures_iter(text).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .collect();
    assert!(names.contains("FERRYWHEEL_ROOT"), "the bootstrap's variables were not found");
    names
}

#[test]
fn a_variable_of_a_bundle_does_not_stop_a_server() {
    let environment = bundle_variables().into_iter().map(|name| (name, "1".to_owned())).collect();
    let settings = Settings::load(&SettingsSource { environment, ..SettingsSource::default() }).unwrap();
    assert_eq!(settings, Settings::default());
}

#[test]
fn every_variable_of_the_bootstrap_is_explained() {
    let page = read(&root().join("static/manual/bundles.html"));
    let names = bundle_variables();
    let missing = names.iter().filter(|name| !page.contains(&format!("<code>{name}</code>")));
    assert_none(
        &missing.map(|name| format!("`{name}` is not explained in static/manual/bundles.html")).collect::<Vec<_>>(),
    );
}

#[test]
fn no_registry_and_no_machine_is_named() {
    // Written in pieces, so that this file does not name what it looks for.
    let hosts = ["pypi.", "pythonhosted.", "npmjs.", "deb.debian.", "crates."];
    let pattern = hosts.map(|host| format!("{}(?:org|io|com)", regex::escape(host))).join("|");
    let named = Regex::new(&format!(r"(?:{pattern})|/{}/|/{}/", "root", "farm")).unwrap();
    let mut problems = Vec::new();
    for folder in ["src", "static", "migrations", "tests", "deploy", ".ci"] {
        if !root().join(folder).exists() {
            continue;
        }
        // Every file: a script needs no ending.
        for (path, text) in files(folder, &[""]) {
            let lines = text.lines().enumerate().filter(|(_, line)| named.is_match(line));
            problems.extend(lines.map(|(at, line)| format!("{path}:{}: {}", at + 1, line.trim())));
        }
    }
    assert_none(&problems);
}
