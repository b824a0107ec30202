//! entry_points.txt: the scripts and plug-ins a distribution offers (entry points specification).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::faults::{self, MetadataFault, settle, shown};
use super::metadata_fields::is_identifier;

const RULE: &str = "EPT-01";
const CLASS: &str = "entry-points-invalid";
/// Largest file, in bytes; the longest real ones list some thousand plug-ins in under 200 KiB.
pub const MAX_ENTRY_POINTS_BYTES: usize = 4 << 20;

/// One `name = value` of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// Name as written, case kept.
    name: String,
    /// Value as written, such as `pkg.mod:attr [extra]`.
    value: String,
}

/// Whether a script runs in a console or in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScriptKind {
    /// `console_scripts`.
    Console,
    /// `gui_scripts`.
    Gui,
}

/// A script that installers write, in the form that the index and bundles record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Script {
    /// File name of the script.
    pub name: String,
    /// `module:attribute`, extras removed.
    pub value: String,
    /// Section it stands in.
    pub kind: ScriptKind,
}

/// All groups, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryPoints {
    /// Group name and its entries.
    groups: Vec<(String, Vec<Entry>)>,
    /// What was found and refuses nothing.
    pub notes: Vec<MetadataFault>,
}

impl EntryPoints {
    /// Console and window scripts, in the order of the file.
    pub fn scripts(&self) -> Vec<Script> {
        self.of_scripts().filter_map(|(kind, entry)| read_script(kind, entry).ok()).collect()
    }

    fn of_scripts(&self) -> impl Iterator<Item = (ScriptKind, &Entry)> {
        self.groups
            .iter()
            .filter_map(|(group, entries)| Some((script_kind(group)?, entries)))
            .flat_map(|(kind, entries)| entries.iter().map(move |entry| (kind, entry)))
    }
}

fn script_kind(group: &str) -> Option<ScriptKind> {
    match group {
        "console_scripts" => Some(ScriptKind::Console),
        "gui_scripts" => Some(ScriptKind::Gui),
        _ => None,
    }
}

/// Reads entry_points.txt; names and values of scripts are judged, other groups only for their form.
///
/// A name becomes a file in `bin`, so anything that could be a path is refused, and so are the interpreter's own names.
pub fn parse_entry_points(bytes: &[u8]) -> Result<EntryPoints, Vec<MetadataFault>> {
    let whole = |message: String| vec![MetadataFault::error(RULE, CLASS, "", message)];
    if bytes.len() > MAX_ENTRY_POINTS_BYTES {
        return Err(whole(format!("entry_points.txt has more than {MAX_ENTRY_POINTS_BYTES} bytes")));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| whole("entry_points.txt is not UTF-8".to_owned()))?;
    let points = EntryPoints { groups: read_ini(text).map_err(whole)?, notes: Vec::new() };
    let mut faults = Vec::new();
    let mut folded = BTreeSet::new();
    for (kind, entry) in points.of_scripts() {
        if let Err(message) = read_script(kind, entry) {
            faults::push(&mut faults, MetadataFault::error(RULE, CLASS, &entry.name, message));
        }
        if !folded.insert(entry.name.to_lowercase()) {
            let message =
                format!("another script is called `{}` but for its case, or is in the other group", shown(&entry.name));
            faults::push(&mut faults, MetadataFault::note(RULE, CLASS, &entry.name, message));
        }
    }
    let (mut points, notes) = settle(Some(points), faults)?;
    points.notes = notes;
    Ok(points)
}

fn read_script(kind: ScriptKind, entry: &Entry) -> Result<Script, String> {
    let name = entry.name.as_str();
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
    if name.is_empty() || !is_plain || name.chars().all(|c| c == '.') {
        return Err(format!(
            "`{}` cannot be the name of a script; it needs letters, digits, `_`, `.` and `-`",
            shown(name)
        ));
    }
    if is_interpreter_name(name) {
        return Err(format!("a script called `{name}` would replace the interpreter"));
    }
    let target = target_of(&entry.value);
    let parts = target.and_then(|target| target.split_once(':'));
    match parts.filter(|(module, attribute)| is_dotted(module) && is_dotted(attribute)) {
        Some((module, attribute)) => Ok(Script { name: name.to_owned(), value: format!("{module}:{attribute}"), kind }),
        None => {
            Err(format!("script `{name}` has `{}`, which is not of the form `module:attribute`", shown(&entry.value)))
        }
    }
}

/// The value without its extras, which installers ignore; `None` if they are malformed.
fn target_of(value: &str) -> Option<&str> {
    match value.split_once('[') {
        None => Some(value.trim()),
        Some((target, extras)) => {
            let extras = extras.trim_end().strip_suffix(']')?;
            let is_plain = extras.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | ',' | ' '));
            is_plain.then(|| target.trim())
        }
    }
}

/// Whether a text is Python names joined by dots (entry points specification, "Data model").
pub fn is_dotted(text: &str) -> bool {
    text.split('.').all(is_identifier)
}

/// `python`, `python3`, `python3.11`, `pythonw`, `python.exe`, in any case: what an environment must not lose.
pub fn is_interpreter_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let lower = lower.strip_suffix(".exe").unwrap_or(&lower);
    lower
        .strip_prefix("python")
        .is_some_and(|rest| rest.strip_suffix('w').unwrap_or(rest).bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// The INI form as Python's `configparser` and `importlib.metadata` both read it, with `=` only: sections, keys with case,
/// comments, no continuations.
fn read_ini(text: &str) -> Result<Vec<(String, Vec<Entry>)>, String> {
    let mut groups: Vec<(String, Vec<Entry>)> = Vec::new();
    let (mut known_groups, mut known_names) = (BTreeSet::new(), BTreeSet::new());
    let (mut indent, mut can_continue) = (0, false);
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if content.chars().any(|c| c.is_control() && c != '\t') {
            return Err(format!("line {number} of entry_points.txt holds a control character"));
        }
        let depth = line.len() - line.trim_start().len();
        if can_continue && depth > indent {
            // `configparser` joins the lines, `importlib.metadata` reads an entry in each, and pip stops.
            return Err(format!(
                "line {number} of entry_points.txt continues the line before, which installers do not read alike"
            ));
        }
        indent = depth;
        if let Some(rest) = content.strip_prefix('[') {
            let group = rest.split_once(']').map(|(group, _)| group).filter(|group| !group.is_empty());
            let group = group.ok_or_else(|| format!("line {number} of entry_points.txt is not a section"))?;
            // `configparser` gives the entries of this section to all others.
            if group == "DEFAULT" || !known_groups.insert(group) {
                return Err(format!(
                    "the section `{}` of entry_points.txt is there twice or is not allowed",
                    shown(group)
                ));
            }
            groups.push((group.to_owned(), Vec::new()));
            known_names.clear();
            can_continue = false;
            continue;
        }
        let (name, value) =
            content.split_once('=').ok_or_else(|| format!("line {number} of entry_points.txt has no `=`"))?;
        let (name, value) = (name.trim(), value.trim().to_owned());
        let (group, entries) = groups.last_mut().ok_or("entry_points.txt does not start with a section")?;
        if name.is_empty() || !known_names.insert(name) {
            return Err(format!("`{}` is there twice in `{}`, or a name is empty", shown(name), shown(group)));
        }
        entries.push(Entry { name: name.to_owned(), value });
        can_continue = true;
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ok_entry_points() {
        let text = "# comment\n[console_scripts]\r\nbi-tool.x = pkg.mod:main [cli]\nUp=a:b.c\n\n[gui_scripts]\nwin = a:b\n\n\
            [my.plugins]\nsome name = pkg:attr.sub\n; old\nmod = pkg\n";
        let points = parse_entry_points(text.as_bytes()).unwrap();
        let scripts: Vec<_> = points.scripts().into_iter().map(|s| (s.name, s.kind, s.value)).collect();
        assert_eq!(
            scripts,
            [
                ("bi-tool.x".into(), ScriptKind::Console, "pkg.mod:main".into()),
                ("Up".into(), ScriptKind::Console, "a:b.c".into()),
                ("win".into(), ScriptKind::Gui, "a:b".into()),
            ]
        );
        assert_eq!(points.groups[2].1[0], Entry { name: "some name".into(), value: "pkg:attr.sub".into() });
        assert!(points.notes.is_empty());
        assert!(parse_entry_points(b"").unwrap().groups.is_empty());
        assert!(parse_entry_points(b"[console_scripts]\n").unwrap().scripts().is_empty());
    }

    #[test]
    fn ok_scripts_that_differ_in_case_are_noted() {
        let points = parse_entry_points(b"[console_scripts]\nTool = a:b\ntool = a:c\n").unwrap();
        assert_eq!(points.notes.len(), 1);
        assert_eq!(points.notes[0].field, "tool");
    }

    #[test]
    fn err_a_refusal_is_told_however_many_notes_stand_before_it() {
        let twins: String = (0..100).map(|i| format!("T{i} = a:b\nt{i} = a:b\n")).collect();
        let told =
            parse_entry_points(format!("[console_scripts]\n{twins}bad\u{20}name = a:b\n").as_bytes()).unwrap_err();
        assert!(told.iter().any(MetadataFault::is_error) && told.len() == faults::MAX_FAULTS + 1, "{told:?}");
        let notes = parse_entry_points(format!("[console_scripts]\n{twins}").as_bytes()).unwrap().notes;
        assert_eq!(notes.len(), faults::MAX_FAULTS);
    }

    #[test]
    fn ok_names_that_would_replace_the_interpreter() {
        for name in ["python", "python3", "python3.11", "pythonw", "python.exe", "Python3.EXE"] {
            assert!(is_interpreter_name(name), "{name}");
        }
        for name in ["pythonic", "python-config", "ipython", "py"] {
            assert!(!is_interpreter_name(name), "{name}");
        }
    }

    #[test]
    fn err_entry_points() {
        for line in [
            "../../../x = a:b",
            "/tmp/x = a:b",
            "..\\x = a:b",
            ".. = a:b",
            ". = a:b",
            "a b = a:b",
            "x\u{202e} = a:b",
            "x = m",
            "x : m:f",
            "x = a:b; import os",
            "x = a:b:c",
            "x = a.:b",
            "x = 1a:b",
            "x = :b",
            "x =",
            "x = a:b [",
            "x = a:b [x] y",
            "x = a:b\n  y = c:d",
            "x =\n  a:b",
            "x = a:b\nx = c:d",
            "= a:b",
            "python = a:b",
            "python3.11 = a:b",
            "Pythonw.exe = a:b",
            "[console_scripts]",
            "[DEFAULT]\nx = a:b",
            "x\0 = a:b",
            "nothing",
        ] {
            let text = format!("[console_scripts]\n{line}\n");
            let faults = parse_entry_points(text.as_bytes()).expect_err(line);
            assert_eq!((faults[0].rule, faults[0].class), ("EPT-01", "entry-points-invalid"), "{line}");
        }
        for text in
            [&b"[console_scripts\nx\n"[..], b"x = a:b\n", b"[]\n", b"[console_scripts]\ncaf\xe9 = a:b\n", b"  x\n"]
        {
            assert!(parse_entry_points(text).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_entry_points(&bytes);
        }

        #[test]
        fn near_files_are_judged_without_panic(text in "(\\[(console_scripts|gui_scripts|x)\\]?\\n|[ a-z.=:\\[\\]]{0,12}\\n){0,10}") {
            if let Ok(points) = parse_entry_points(text.as_bytes()) {
                let count = points.of_scripts().count();
                prop_assert_eq!(points.scripts().len(), count);
            }
        }
    }
}
