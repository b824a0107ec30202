//! The grammar of SPDX license expressions, as core metadata 2.4 uses it (PEP 639).

/// Deepest nesting of brackets; the check recurses.
const MAX_NESTING: usize = 50;
/// Longest expression, in bytes; real ones have under 200.
const MAX_EXPRESSION_BYTES: usize = 4096;

/// Whether a text is a license expression: identifiers joined by `AND`, `OR` and `WITH`, in any case, with brackets.
///
/// Identifiers are judged by their form only: a list of them would age faster than an offline server is updated.
pub(super) fn is_license_expression(text: &str) -> bool {
    if text.len() > MAX_EXPRESSION_BYTES {
        return false;
    }
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split([' ', '\t']).filter(|token| !token.is_empty()).collect();
    let mut rest = &tokens[..];
    compound(&mut rest, 0) && rest.is_empty()
}

/// `simple ((AND | OR) simple)*`: whether `AND` binds tighter does not matter for validity.
fn compound(rest: &mut &[&str], depth: usize) -> bool {
    loop {
        if !simple(rest, depth) {
            return false;
        }
        match rest.split_first() {
            Some((operator, after)) if is_word(operator, "and") || is_word(operator, "or") => *rest = after,
            _ => return true,
        }
    }
}

/// `( compound )`, `id` or `id WITH id`.
fn simple(rest: &mut &[&str], depth: usize) -> bool {
    let Some((first, after)) = rest.split_first() else { return false };
    *rest = after;
    if *first == "(" {
        let is_sound = depth < MAX_NESTING && compound(rest, depth + 1) && rest.first() == Some(&")");
        *rest = rest.get(1..).unwrap_or_default();
        return is_sound;
    }
    if !is_identifier(first.strip_suffix('+').unwrap_or(first)) {
        return false;
    }
    match rest {
        [with, exception, after @ ..] if is_word(with, "with") => {
            *rest = after;
            is_identifier(exception)
        }
        [with] if is_word(with, "with") => false,
        _ => true,
    }
}

fn is_word(token: &str, word: &str) -> bool {
    token.eq_ignore_ascii_case(word)
}

fn is_identifier(token: &str) -> bool {
    let is_operator = ["and", "or", "with"].iter().any(|word| is_word(token, word));
    !token.is_empty() && !is_operator && token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_expressions() {
        for text in [
            "MIT",
            "MIT OR Apache-2.0",
            "mit or apache-2.0",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "(MIT AND (BSD-3-Clause OR ISC)) AND Apache-2.0",
            "LicenseRef-Proprietary",
            "GPL-2.0+",
            "(MIT)",
        ] {
            assert!(is_license_expression(text), "{text}");
        }
    }

    #[test]
    fn err_expressions() {
        for text in [
            "",
            "Foo OR",
            "OR MIT",
            "MIT Apache-2.0",
            "MIT OR OR ISC",
            "(MIT",
            "MIT)",
            "()",
            "MIT WITH",
            "WITH MIT",
            "MIT/Apache-2.0",
            "MIT, ISC",
            "LicenseRef-a_b",
            &format!("{}MIT{}", "(".repeat(51), ")".repeat(51)),
            &"MIT OR ".repeat(1000),
        ] {
            assert!(!is_license_expression(text), "{text}");
        }
    }
}
