//! entry_points.txt: the scripts and plug-ins a distribution offers (entry points specification).

use std::collections::BTreeSet;

use super::faults::{MetadataFault, settle, shown};
use super::metadata_fields::is_identifier;

const RULE: &str = "EPT-01";
const CLASS: &str = "entry-points-invalid";
/// Largest file, in bytes; the longest real ones list some thousand plug-ins in under 200 KiB.
pub const MAX_ENTRY_POINTS_BYTES: usize = 4 << 20;

/// One `name = value` of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// Name as written, case kept.
    pub name: String,
    /// Value as written, such as `pkg.mod:attr [extra]`.
    pub value: String,
}

/// Whether a script runs in a console or in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScriptKind {
    /// `console_scripts`.
    Console,
    /// `gui_scripts`.
    Gui,
}

/// A script with its target taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Name of the program.
    pub name: String,
    /// Console or window.
    pub kind: ScriptKind,
    /// Module to import.
    pub module: String,
    /// Attribute to call, dotted.
    pub attribute: String,
}

/// All groups, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryPoints {
    /// Group name and its entries.
    pub groups: Vec<(String, Vec<EntryPoint>)>,
    /// What was found and refuses nothing.
    pub notes: Vec<MetadataFault>,
}

impl EntryPoints {
    /// Console and window scripts, in the order of the file.
    pub fn scripts(&self) -> Vec<Script> {
        self.of_scripts().filter_map(|(kind, entry)| read_script(kind, entry).ok()).collect()
    }

    fn of_scripts(&self) -> impl Iterator<Item = (ScriptKind, &EntryPoint)> {
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
            faults.push(MetadataFault::error(RULE, CLASS, &entry.name, message));
        }
        if !folded.insert(entry.name.to_lowercase()) {
            let message =
                format!("another script is called `{}` but for its case, or is in the other group", shown(&entry.name));
            faults.push(MetadataFault::note(RULE, CLASS, &entry.name, message));
        }
    }
    let (mut points, notes) = settle(Some(points), faults)?;
    points.notes = notes;
    Ok(points)
}

fn read_script(kind: ScriptKind, entry: &EntryPoint) -> Result<Script, String> {
    let name = entry.name.as_str();
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
    if name.is_empty() || !is_plain || name.chars().all(|c| c == '.') {
        return Err(format!(
            "`{}` cannot be the name of a script; it needs letters, digits, `_`, `.` and `-`",
            shown(name)
        ));
    }
    if is_interpreter(name) {
        return Err(format!("a script called `{name}` would replace the interpreter"));
    }
    let target = target_of(&entry.value);
    let parts = target.and_then(|target| target.split_once(':'));
    match parts.filter(|(module, attribute)| is_dotted(module) && is_dotted(attribute)) {
        Some((module, attribute)) => {
            Ok(Script { name: name.to_owned(), kind, module: module.to_owned(), attribute: attribute.to_owned() })
        }
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

fn is_dotted(text: &str) -> bool {
    text.split('.').all(is_identifier)
}

/// `python`, `python3`, `python3.11`, `pythonw`: what an environment must not lose.
fn is_interpreter(name: &str) -> bool {
    let lower = name.to_lowercase();
    let lower = lower.strip_suffix(".exe").unwrap_or(&lower);
    lower
        .strip_prefix("python")
        .is_some_and(|rest| rest.strip_suffix('w').unwrap_or(rest).bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// The INI form as Python's `configparser` reads it with `=` only: sections, keys with case, comments, continuations.
fn read_ini(text: &str) -> Result<Vec<(String, Vec<EntryPoint>)>, String> {
    let mut groups: Vec<(String, Vec<EntryPoint>)> = Vec::new();
    let (mut indent, mut can_continue) = (0, false);
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if content.chars().any(char::is_control) {
            return Err(format!("line {number} of entry_points.txt holds a control character"));
        }
        let depth = line.len() - line.trim_start().len();
        if can_continue && depth > indent {
            let entry = groups.last_mut().and_then(|(_, entries)| entries.last_mut());
            entry.ok_or("a continuation stands before any entry")?.value.push_str(&format!("\n{content}"));
            continue;
        }
        indent = depth;
        if let Some(rest) = content.strip_prefix('[') {
            let group = rest.split_once(']').map(|(group, _)| group).filter(|group| !group.is_empty());
            let group = group.ok_or_else(|| format!("line {number} of entry_points.txt is not a section"))?;
            // `configparser` gives the entries of this section to all others.
            if group == "DEFAULT" || groups.iter().any(|(known, _)| known == group) {
                return Err(format!(
                    "the section `{}` of entry_points.txt is there twice or is not allowed",
                    shown(group)
                ));
            }
            groups.push((group.to_owned(), Vec::new()));
            can_continue = false;
            continue;
        }
        let (name, value) =
            content.split_once('=').ok_or_else(|| format!("line {number} of entry_points.txt has no `=`"))?;
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        let (group, entries) = groups.last_mut().ok_or("entry_points.txt does not start with a section")?;
        if name.is_empty() || entries.iter().any(|entry| entry.name == name) {
            return Err(format!("`{}` is there twice in `{}`, or a name is empty", shown(&name), shown(group)));
        }
        entries.push(EntryPoint { name, value });
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
            [my.plugins]\nsome name = pkg:attr.sub\n; old\nmod = pkg\nlong =\n  first\n  second\n";
        let points = parse_entry_points(text.as_bytes()).unwrap();
        let scripts: Vec<_> = points.scripts().into_iter().map(|s| (s.name, s.kind, s.module, s.attribute)).collect();
        assert_eq!(
            scripts,
            [
                ("bi-tool.x".into(), ScriptKind::Console, "pkg.mod".into(), "main".into()),
                ("Up".into(), ScriptKind::Console, "a".into(), "b.c".into()),
                ("win".into(), ScriptKind::Gui, "a".into(), "b".into()),
            ]
        );
        assert_eq!(points.groups[2].1[0], EntryPoint { name: "some name".into(), value: "pkg:attr.sub".into() });
        assert_eq!(points.groups[2].1[2].value, "\nfirst\nsecond");
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
