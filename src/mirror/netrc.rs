//! Credentials from `.netrc`, the file in which curl, pip and uv look as well. Pure.

use super::settings::Credentials;

/// Login and password for a host: the entry that names it, else `default`.
pub(super) fn find(text: &str, host: &str) -> Option<Credentials> {
    let mut words = text.lines().take_while(|line| !line.trim_start().starts_with("macdef"));
    let words: Vec<&str> = words
        .by_ref()
        .map(|line| line.split_once(" #").map_or(line, |(before, _)| before))
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect();
    let mut is_ours = false;
    let (mut login, mut password) = (None, None);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word {
            "machine" | "default" => {
                if is_ours {
                    break;
                }
                is_ours = word == "default" || words.next() == Some(host);
            }
            "login" | "user" if is_ours => login = words.next(),
            "password" if is_ours => password = words.next(),
            _ => {}
        }
    }
    let user = login?.to_owned();
    is_ours.then(|| Credentials { user, password: password.unwrap_or_default().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_entries() {
        let text = "# ours\nmachine a.example login ann password one\nmachine b.example\n  password two\n  login bob\n\
                    default login eve password three # the rest\nmacdef init\nmachine c.example login no password no\n";
        for (host, user, password) in
            [("a.example", "ann", "one"), ("b.example", "bob", "two"), ("c.example", "eve", "three")]
        {
            let expected = Credentials { user: user.to_owned(), password: password.to_owned() };
            assert_eq!(find(text, host), Some(expected), "{host}");
        }
    }

    #[test]
    fn err_no_entry() {
        for text in ["", "machine other login a password b", "machine host", "machine", "login a password b"] {
            assert_eq!(find(text, "host"), None, "{text}");
        }
    }
}
