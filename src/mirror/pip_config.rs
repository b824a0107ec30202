//! pip's configuration files: where they lie, and the few settings of them that say how upstream is reached.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Sections that hold for a download, weakest first, as pip layers them.
const SECTIONS: [&str; 3] = ["global", "download", "install"];

/// Settings of one file, by option name in lower case.
pub(super) type Options = BTreeMap<String, String>;

/// Places of pip's configuration, strongest first.
///
/// A `PIP_CONFIG_FILE` that names the null device switches all of them off, as pip does.
pub(super) fn places(environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    if let Some(file) = set("PIP_CONFIG_FILE") {
        if file == "/dev/null" {
            return places;
        }
        places.push(PathBuf::from(file));
    }
    if let Some(environment) = set("VIRTUAL_ENV") {
        places.push(PathBuf::from(environment).join("pip.conf"));
    }
    if let Some(folder) = set("XDG_CONFIG_HOME") {
        places.push(PathBuf::from(folder).join("pip/pip.conf"));
    } else if let Some(home) = set("HOME") {
        places.push(PathBuf::from(home).join(".config/pip/pip.conf"));
    }
    if let Some(home) = set("HOME") {
        places.push(PathBuf::from(home).join(".pip/pip.conf"));
    }
    places.push(PathBuf::from("/etc/pip.conf"));
    let system = set("XDG_CONFIG_DIRS").map_or("/etc/xdg", String::as_str);
    places.extend(system.split(':').map(|folder| PathBuf::from(folder).join("pip/pip.conf")));
    places
}

/// Reads one file. pip's format is that of Python's `configparser`: sections, `key = value`, indented lines continue.
pub(super) fn read(text: &str) -> Options {
    let mut sections: BTreeMap<String, Options> = BTreeMap::new();
    let mut section = String::new();
    let mut last_key = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = name.trim().to_owned();
            last_key = None;
            continue;
        }
        let options = sections.entry(section.clone()).or_default();
        if line.starts_with([' ', '\t'])
            && let Some(value) = last_key.as_ref().and_then(|key: &String| options.get_mut(key))
        {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        if let Some((key, value)) = trimmed.split_once(['=', ':']) {
            let key = key.trim().to_ascii_lowercase().replace('_', "-");
            options.insert(key.clone(), value.trim().to_owned());
            last_key = Some(key);
        }
    }
    let layers = SECTIONS.iter().filter_map(|name| sections.remove(*name));
    layers.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_sections_are_layered_and_lines_continue() {
        let text = "# a comment\n[install]\nindex-url = https://install.example/simple\n[global]\n\
                    Index_URL: https://global.example/simple\ncert=/etc/ca.pem\nfind-links =\n  /one\n  /two\n\
                    [list]\nproxy = no\n";
        let options = read(text);
        assert_eq!(options["index-url"], "https://install.example/simple");
        assert_eq!(options["cert"], "/etc/ca.pem");
        assert_eq!(options["find-links"], "\n/one\n/two");
        assert!(!options.contains_key("proxy"));
    }

    #[test]
    fn err_text_that_is_no_configuration() {
        for text in ["", "nonsense", "[", "[global", "= x", "  \n\t= \n", "\u{feff}[global]\nx"] {
            let _ = read(text);
        }
        assert!(read("index-url = https://nowhere.example\n").is_empty());
    }

    #[test]
    fn ok_places_in_the_order_of_pip() {
        let environment = |pairs: &[(&str, &str)]| -> Vec<String> {
            let map = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            places(&map).iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(environment(&[("PIP_CONFIG_FILE", "/dev/null"), ("HOME", "/h")]), Vec::<String>::new());
        assert_eq!(
            environment(&[
                ("HOME", "/h"),
                ("VIRTUAL_ENV", "/v"),
                ("PIP_CONFIG_FILE", "/c"),
                ("XDG_CONFIG_DIRS", "/x:/y")
            ]),
            [
                "/c",
                "/v/pip.conf",
                "/h/.config/pip/pip.conf",
                "/h/.pip/pip.conf",
                "/etc/pip.conf",
                "/x/pip/pip.conf",
                "/y/pip/pip.conf"
            ]
        );
        assert_eq!(
            environment(&[("XDG_CONFIG_HOME", "/g")]),
            ["/g/pip/pip.conf", "/etc/pip.conf", "/etc/xdg/pip/pip.conf"]
        );
    }
}
