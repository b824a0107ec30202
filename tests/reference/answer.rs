//! Answers questions about the rules of `packaging`, one JSON line in, one out, so that another reader of the same
//! specifications can be compared with ours. `run.py` beside it asks; nothing here knows the right answer.
#![expect(clippy::unwrap_used, reason = "a program of the tests says so by panicking")]

use std::io::{BufRead as _, Write as _};

use ferrywheel::packaging::{
    ExtraName, MarkerValues, ProjectName, Requirement, VersionOrUrl, VersionSpecifiers, parse_core_metadata,
    parse_requirement, parse_version, release_key,
};
use serde_json::{Value, json};

fn main() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let question: Value = serde_json::from_str(&line.unwrap()).unwrap();
        writeln!(out, "{}", answer(&question)).unwrap();
    }
}

fn answer(question: &Value) -> Value {
    let text = |name: &str| question[name].as_str().unwrap();
    match text("ask") {
        "name" => text("text").parse::<ProjectName>().map_or(Value::Null, |name| json!(name.as_str())),
        "version" => parse_version(text("text"))
            .map_or(Value::Null, |version| json!([version.to_string(), release_key(&version)])),
        "order" => {
            let (left, right) = (parse_version(text("left")).unwrap(), parse_version(text("right")).unwrap());
            json!(left.cmp(&right) as i8)
        }
        "specifier" => match text("specifier").parse::<VersionSpecifiers>() {
            Ok(specifiers) => json!(specifiers.contains(&parse_version(text("version")).unwrap())),
            Err(_) => Value::Null,
        },
        "marker" => marker(text("marker"), &question["environment"], &question["extras"]),
        "requirement" => requirement(text("text"), &question["environment"]),
        "metadata" => metadata(text("text")),
        other => json!(format!("no such question: {other}")),
    }
}

fn marker(text: &str, environment: &Value, extras: &Value) -> Value {
    let Ok(requirement) = parse_requirement(&format!("a; {text}")) else { return Value::Null };
    let extras: Vec<_> =
        extras.as_array().unwrap().iter().map(|extra| extra.as_str().unwrap().parse().unwrap()).collect();
    json!(holds(&requirement, environment, &extras))
}

fn holds(requirement: &Requirement, environment: &Value, extras: &[ExtraName]) -> bool {
    let values: MarkerValues = serde_json::from_value(environment.clone()).unwrap();
    requirement.evaluate_markers(&values.to_environment().unwrap(), extras)
}

fn requirement(text: &str, environment: &Value) -> Value {
    let Ok(requirement) = parse_requirement(text) else { return Value::Null };
    let (mut specifiers, mut url) = (Vec::new(), None);
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(set)) => specifiers.extend(set.iter().map(ToString::to_string)),
        Some(VersionOrUrl::Url(given)) => url = Some(given.to_string()),
        None => {}
    }
    specifiers.sort();
    let mut extras: Vec<String> = requirement.extras.iter().map(ToString::to_string).collect();
    extras.sort();
    json!({
        "name": requirement.name.to_string(),
        "extras": extras,
        "specifiers": specifiers,
        "url": url,
        "holds": holds(&requirement, environment, &[]),
    })
}

fn metadata(text: &str) -> Value {
    match parse_core_metadata(text.as_bytes()) {
        Ok(read) => json!({"fields": read.fields, "description": read.description}),
        Err(_) => Value::Null,
    }
}
