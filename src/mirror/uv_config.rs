//! uv's configuration files: where they lie, and which index they name.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Places of uv's configuration, strongest first.
pub(super) fn places(environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    if set("UV_NO_CONFIG").is_some() {
        return Vec::new();
    }
    if let Some(file) = set("UV_CONFIG_FILE") {
        return vec![PathBuf::from(file)];
    }
    let mut places = Vec::new();
    if let Some(folder) = set("XDG_CONFIG_HOME") {
        places.push(PathBuf::from(folder).join("uv/uv.toml"));
    } else if let Some(home) = set("HOME") {
        places.push(PathBuf::from(home).join(".config/uv/uv.toml"));
    }
    let system = set("XDG_CONFIG_DIRS").map_or("/etc/xdg", String::as_str);
    places.extend(system.split(':').map(|folder| PathBuf::from(folder).join("uv/uv.toml")));
    places.push(PathBuf::from("/etc/uv/uv.toml"));
    places
}

/// The default index that a file names: the `[[index]]` that is the default, else `index-url`, else that of `[pip]`.
///
/// A file that is not TOML names none; uv itself will complain of it.
pub(super) fn index_url(text: &str) -> Option<String> {
    let table: toml::Table = text.parse().ok()?;
    let is_default = |index: &&toml::Value| index.get("default").and_then(toml::Value::as_bool) == Some(true);
    let listed = table.get("index").and_then(toml::Value::as_array);
    let default = listed.and_then(|list| list.iter().find(is_default)).and_then(|index| index.get("url"));
    let pip = table.get("pip").and_then(|pip| pip.get("index-url"));
    default.or_else(|| table.get("index-url")).or(pip)?.as_str().map(str::to_owned)
}

/// The URL of an index in a variable, where uv allows `name=` in front.
pub(super) fn without_name(value: &str) -> &str {
    match value.split_once('=') {
        Some((name, url)) if !name.is_empty() && !name.contains([':', '/']) => url,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_the_default_index() {
        for (text, url) in [
            ("index-url = 'https://a.example/simple'", Some("https://a.example/simple")),
            (
                "[[index]]\nurl = 'https://extra.example'\n[[index]]\nurl = 'https://b.example'\ndefault = true",
                Some("https://b.example"),
            ),
            ("[pip]\nindex-url = 'https://c.example'", Some("https://c.example")),
            ("index-url = 'https://a.example'\n[pip]\nindex-url = 'https://c.example'", Some("https://a.example")),
            ("[[index]]\nurl = 'https://extra.example'", None),
            ("index-url = 3", None),
            ("this is not TOML", None),
            ("", None),
        ] {
            assert_eq!(index_url(text).as_deref(), url, "{text}");
        }
    }

    #[test]
    fn ok_names_in_front_of_a_url() {
        for (value, url) in [
            ("https://a.example/simple", "https://a.example/simple"),
            ("ours=https://a.example/simple", "https://a.example/simple"),
            ("https://a.example/simple?x=y", "https://a.example/simple?x=y"),
        ] {
            assert_eq!(without_name(value), url);
        }
    }
}
