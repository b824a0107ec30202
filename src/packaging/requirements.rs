//! Dependency specifiers (PEP 508) and requirements files, bounded before the recursive parser sees them.

use std::str::FromStr;

use super::faults::shown;
use super::markers::VersionOrUrl;
use super::names::MAX_NAME_BYTES;

/// One dependency specifier: name, extras, version specifiers or direct URL, marker.
///
/// The URL is a plain one: neither the environment nor the file system is looked at while it is read.
pub type Requirement = uv_pep508::Requirement<url::Url>;

/// Longest requirement, in bytes. The longest published ones have a few hundred; the parser is quadratic in places.
pub const MAX_REQUIREMENT_BYTES: usize = 4096;

/// Deepest nesting of brackets. The marker parser recurses, and a deeper text would exhaust its stack.
pub const MAX_NESTING: usize = 50;

/// Most comparisons in one marker. Decision diagrams of hostile markers grow exponentially with it.
pub const MAX_COMPARISONS: usize = 48;

/// Most different constants in one marker: each extra or substring test is a variable of the decision diagram, which
/// doubles with every second one. At this cap the worst text costs 2 ms; the longest published markers have about ten.
pub const MAX_MARKER_VARIABLES: usize = 16;

/// Most requirements in one requirements file.
const MAX_REQUIREMENTS: usize = 10_000;

/// Why a text is not a requirement that this server takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequirementError {
    /// Longer than `MAX_REQUIREMENT_BYTES`.
    #[error("the requirement has {bytes} bytes; at most {MAX_REQUIREMENT_BYTES} are allowed")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Brackets nested deeper than `MAX_NESTING`.
    #[error("the requirement `{text}` nests brackets {depth} deep; at most {MAX_NESTING} are allowed")]
    TooDeep {
        /// The requirement, cut.
        text: String,
        /// How deep it nests.
        depth: usize,
    },
    /// More comparisons than `MAX_COMPARISONS` or more variables than `MAX_MARKER_VARIABLES`.
    #[error(
        "the marker of `{text}` is too large; at most {MAX_COMPARISONS} comparisons of {MAX_MARKER_VARIABLES} variables are allowed"
    )]
    MarkerTooLarge {
        /// The requirement, cut.
        text: String,
    },
    /// A marker that is valid in lock files only.
    #[error("the marker `{marker}` in `{text}` belongs to lock files; a requirement cannot ask it")]
    LockFileMarker {
        /// The requirement, cut.
        text: String,
        /// The marker's name.
        marker: &'static str,
    },
    /// A line break or another control character.
    #[error("the requirement `{text}` holds a line break or another control character")]
    ControlCharacter {
        /// The requirement, made visible.
        text: String,
    },
    /// The grammar does not hold.
    #[error("`{text}` is not a dependency specifier: {reason}")]
    NotARequirement {
        /// The requirement, cut.
        text: String,
        /// What the parser says.
        reason: String,
    },
}

/// Why a requirements file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequirementsFileError {
    /// A line is no requirement.
    #[error("line {line}: {error}")]
    Requirement {
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        error: RequirementError,
    },
    /// A line has an option that is not `--hash`.
    #[error("line {line}: the option `{option}` is not taken here; only requirements and their `--hash` are read")]
    Option {
        /// Line number, from 1.
        line: usize,
        /// The option as written.
        option: String,
    },
    /// More requirements than fit.
    #[error("the file has more than {MAX_REQUIREMENTS} requirements")]
    TooMany,
}

/// Reads one dependency specifier (PEP 508), with the length and nesting caps checked first.
///
/// Unknown marker names are refused. A direct URL is read and reported by [`is_direct_url`]; whoever must not take one asks.
pub fn parse_requirement(text: &str) -> Result<Requirement, RequirementError> {
    let text = text.trim_matches([' ', '\t']);
    if text.len() > MAX_REQUIREMENT_BYTES {
        return Err(RequirementError::TooLong { bytes: text.len() });
    }
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(RequirementError::ControlCharacter { text: shown(text) });
    }
    check_shape(text)?;
    let requirement = Requirement::from_str(text).map_err(|error| RequirementError::NotARequirement {
        text: shown(text),
        reason: reason_of(&error.message.to_string()),
    })?;
    if requirement.name.as_ref().len() > MAX_NAME_BYTES {
        return Err(RequirementError::NotARequirement {
            text: shown(text),
            reason: format!("the name has more than {MAX_NAME_BYTES} bytes"),
        });
    }
    Ok(requirement)
}

/// The fact that the parser tells, without the advice behind it: what it advises need not be allowed here.
fn reason_of(message: &str) -> String {
    message.split(". ").next().unwrap_or(message).trim_end_matches('.').to_owned()
}

/// Whether a requirement names a URL instead of versions; such a one leaves the set that the index serves.
pub fn is_direct_url(requirement: &Requirement) -> bool {
    matches!(requirement.version_or_url, Some(VersionOrUrl::Url(_)))
}

/// What the caps are checked on.
#[derive(Default)]
struct Shape<'a> {
    deepest: usize,
    comparisons: usize,
    variables: std::collections::BTreeSet<&'a str>,
    lock_file_marker: Option<&'static str>,
}

fn check_shape(text: &str) -> Result<(), RequirementError> {
    let mut shape = measure(text);
    if is_url_form(text) {
        // Quotes mean nothing inside a URL, so one there makes the pass take the marker for text and the text for markers.
        // Every bracket counts, and every pair of quotes may be a comparison with a constant of its own.
        let count = |letters: &[u8]| text.bytes().filter(|b| letters.contains(b)).count();
        shape.deepest = count(b"([");
        shape.comparisons = shape.comparisons.max(count(b"'\"") / 2);
        if count(b"'\"") / 2 > MAX_MARKER_VARIABLES {
            return Err(RequirementError::MarkerTooLarge { text: shown(text) });
        }
    }
    if shape.deepest > MAX_NESTING {
        return Err(RequirementError::TooDeep { text: shown(text), depth: shape.deepest });
    }
    if shape.comparisons > MAX_COMPARISONS || shape.variables.len() > MAX_MARKER_VARIABLES {
        return Err(RequirementError::MarkerTooLarge { text: shown(text) });
    }
    match shape.lock_file_marker {
        Some(marker) => Err(RequirementError::LockFileMarker { text: shown(text), marker }),
        None => Ok(()),
    }
}

/// Whether an `@` stands before any marker, as in `name @ url`.
fn is_url_form(text: &str) -> bool {
    text.split(';').next().is_some_and(|head| head.contains('@'))
}

/// One pass over the text that knows quotes: depth of brackets, comparisons, and what is compared.
fn measure(text: &str) -> Shape<'_> {
    let mut shape = Shape::default();
    let (mut depth, mut rest, mut in_marker) = (0_usize, text, false);
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match c {
            '\'' | '"' if in_marker => {
                taken = rest[1..].find(c).map_or(rest.len(), |end| end + 2);
                // A constant may be the variable: every extra and every substring is a variable of its own.
                shape.variables.insert(&rest[..taken]);
            }
            '(' | '[' => {
                depth += 1;
                shape.deepest = shape.deepest.max(depth);
            }
            ')' | ']' => depth = depth.saturating_sub(1),
            ';' => in_marker = true,
            c if in_marker && (c.is_alphabetic() || c == '_') => {
                taken = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
                match &rest[..taken] {
                    "extras" => shape.lock_file_marker = Some("extras"),
                    "dependency_groups" => shape.lock_file_marker = Some("dependency_groups"),
                    "and" | "or" => shape.comparisons += 1,
                    _ => {}
                }
            }
            _ => {}
        }
        rest = &rest[taken..];
    }
    shape.comparisons += usize::from(in_marker);
    shape
}

/// Reads a requirements file as pip writes it: one requirement a line, comments, continuation lines, `--hash` ignored.
///
/// Every other option (`-r`, `--index-url`, `-e` …) is refused by its name, because it would point away from the index.
pub fn parse_requirements_file(text: &str) -> Result<Vec<Requirement>, RequirementsFileError> {
    let mut requirements = Vec::new();
    for (line, text) in logical_lines(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let requirement = without_hashes(&text).map_err(|option| RequirementsFileError::Option { line, option })?;
        if requirement.is_empty() {
            continue;
        }
        if requirements.len() == MAX_REQUIREMENTS {
            return Err(RequirementsFileError::TooMany);
        }
        let requirement =
            parse_requirement(requirement).map_err(|error| RequirementsFileError::Requirement { line, error })?;
        requirements.push(requirement);
    }
    Ok(requirements)
}

/// Lines with continuations joined and comments cut, each with the number of its first physical line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, raw) in text.lines().enumerate() {
        let is_comment = raw.trim_start().starts_with('#');
        let (body, continues) = match raw.strip_suffix('\\') {
            Some(body) if !is_comment => (body, true),
            _ => (raw, false),
        };
        let (first, mut joined) = open.take().unwrap_or((index + 1, String::new()));
        joined.push_str(if is_comment { "" } else { body });
        if continues {
            open = Some((first, joined));
        } else {
            lines.push((first, joined));
        }
    }
    lines.extend(open);
    for (_, line) in &mut lines {
        cut_comment(line);
    }
    lines
}

/// Cuts a `#` at the start of a line or after whitespace; inside a URL it is a fragment.
fn cut_comment(line: &mut String) {
    let start = line.char_indices().scan(' ', |before, (at, c)| {
        let starts = c == '#' && before.is_whitespace();
        *before = c;
        Some((at, starts))
    });
    if let Some((at, _)) = start.into_iter().find(|(_, starts)| *starts) {
        line.truncate(at);
    }
}

/// The requirement of a line without its `--hash` options; the name of another option otherwise.
fn without_hashes(line: &str) -> Result<&str, String> {
    let line = line.trim();
    let options_at = if line.starts_with('-') { Some(0) } else { line.find(" --").or_else(|| line.find("\t--")) };
    let Some(options_at) = options_at else { return Ok(line) };
    let (requirement, options) = line.split_at(options_at);
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or(word);
        match name {
            "--hash" if !requirement.is_empty() => {
                if word == "--hash" {
                    words.next();
                }
            }
            _ => return Err(shown(name)),
        }
    }
    Ok(requirement.trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ok_requirements() {
        // PEP 508, "Examples", and the forms that old build tools wrote.
        for (given, shown) in [
            ("A", "a"),
            ("A.B-C_D", "a-b-c-d"),
            ("name>=3", "name>=3"),
            ("name>=3,<2", "name<2,>=3"),
            ("six (>=1.0,<2)", "six>=1.0,<2"),
            ("name[]", "name"),
            (
                "requests [security,tests] >= 2.8.1, == 2.8.* ; python_version < \"2.7\"",
                "requests[security,tests]==2.8.*,>=2.8.1 ; python_full_version < '2.7'",
            ),
            ("tomli ; extra == 'x'", "tomli ; extra == 'x'"),
            ("name===1.0", "name===1.0"),
        ] {
            assert_eq!(parse_requirement(given).unwrap().to_string(), shown, "{given}");
        }
    }

    #[test]
    fn ok_direct_urls_are_read_and_told() {
        for (text, is_url) in [
            ("six @ https://files.example/six-1.0-py3-none-any.whl", true),
            ("six @ https://files.example/six.zip ; python_version < '3'", true),
            ("six @ file:///tmp/x.whl", true),
            ("six @ git+ssh://git@files.example/x", true),
            ("six >= 1", false),
            ("six", false),
        ] {
            assert_eq!(is_direct_url(&parse_requirement(text).unwrap()), is_url, "{text}");
        }
    }

    #[test]
    fn err_requirements() {
        for text in [
            "",
            "foo >>1 bar",
            "foo>=1.0.x",
            "foo; nope == '1'",
            "foo; python_version",
            "foo; python_version >= '3' and",
            "foo; python_version >= '3\n'",
            "./foo.whl",
            "foo[a",
            "-e foo",
            "foo; 'a' in extras",
            "foo; 'a' in dependency_groups",
            "foo @ ../x",
            &format!("{}>=1", "a".repeat(129)),
        ] {
            assert!(parse_requirement(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn err_caps_are_checked_before_parsing() {
        let nested = |n: usize| format!("six; {}os_name=='a'{}", "(".repeat(n), ")".repeat(n));
        assert!(parse_requirement(&nested(50)).is_ok());
        assert!(matches!(parse_requirement(&nested(51)), Err(RequirementError::TooDeep { depth: 51, .. })));
        assert!(matches!(parse_requirement(&nested(5000)), Err(RequirementError::TooLong { .. })));
        let hidden = format!("six; {}os_name==')))))))))))))))))))))'", "(".repeat(60));
        assert!(matches!(parse_requirement(&hidden), Err(RequirementError::TooDeep { .. })));
        let in_url = format!("six @ https://x.example/'(' ; {}os_name=='a'", "(".repeat(60));
        assert!(matches!(parse_requirement(&in_url), Err(RequirementError::TooDeep { .. })));
        let comparisons: Vec<String> = (0..40).map(|i| format!("'a{i}' in os_name")).collect();
        let misread = format!("six @ https://x.example/;' ; {}", comparisons.join(" or "));
        assert!(matches!(parse_requirement(&misread), Err(RequirementError::MarkerTooLarge { .. })));
        let wide = |n: usize| format!("six; {}", vec!["os_name=='a'"; n].join(" or "));
        assert!(parse_requirement(&wide(48)).is_ok());
        assert!(matches!(parse_requirement(&wide(49)), Err(RequirementError::MarkerTooLarge { .. })));
        let pairs: Vec<String> = (0..24).map(|i| format!("extra=='a{i}' and extra=='b{i}'")).collect();
        assert!(matches!(
            parse_requirement(&format!("six; {}", pairs.join(" or "))),
            Err(RequirementError::MarkerTooLarge { .. })
        ));
    }

    #[test]
    fn ok_requirements_files() {
        let text = "\u{feff}# comment\n\nflask==3.1.0 \\\n    --hash=sha256:aa \\\n    --hash sha256:bb\n  six>=1.16  # why\nurl @ https://x.example/a#egg=b\nlast";
        let names: Vec<String> = parse_requirements_file(text).unwrap().iter().map(|r| r.name.to_string()).collect();
        assert_eq!(names, ["flask", "six", "url", "last"]);
        assert!(parse_requirements_file("").unwrap().is_empty());
        assert_eq!(parse_requirements_file("six \\\n# cut\nother").unwrap().len(), 2);
    }

    #[test]
    fn err_requirements_files_name_the_line_and_the_option() {
        for (text, message) in [
            (
                "six\n-r other.txt",
                "line 2: the option `-r` is not taken here; only requirements and their `--hash` are read",
            ),
            (
                "--index-url=https://x.example",
                "line 1: the option `--index-url` is not taken here; only requirements and their `--hash` are read",
            ),
            (
                "six --global-option=x",
                "line 1: the option `--global-option` is not taken here; only requirements and their `--hash` are read",
            ),
            (
                "--hash=sha256:aa",
                "line 1: the option `--hash` is not taken here; only requirements and their `--hash` are read",
            ),
        ] {
            assert_eq!(parse_requirements_file(text).unwrap_err().to_string(), message);
        }
        let error = parse_requirements_file("six\n\nfoo >>1").unwrap_err();
        assert!(matches!(error, RequirementsFileError::Requirement { line: 3, .. }), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in "\\PC{0,80}") {
            let _ = parse_requirement(&text);
            let _ = parse_requirements_file(&text);
        }

        #[test]
        fn near_requirements_are_judged_without_panic(
            text in "[a-z]{1,3}( ?(\\[|\\]|\\(|\\)|;|@|,|==|>=|~=|in|not|and|or|'a'|\"3.8\"|extra|os_name|python_version|1\\.0|\\*|é)){0,12}"
        ) {
            if let Ok(requirement) = parse_requirement(&text) {
                let shown = requirement.to_string();
                prop_assert!(parse_requirement(&shown).is_ok(), "{} became {}", text, shown);
            }
        }
    }
}
