//! A channel's history as an Atom feed (RFC 4287), for people who want to know what came in. Pure.

use std::fmt::{self, Write as _};

use sha2::Digest as _;

use crate::model::{ChannelName, PastAction, PastChange, Serial, Timestamp};

/// What a feed is made of.
#[derive(Clone, Copy, Debug)]
pub struct AtomFeed<'a> {
    /// Name of this server's index, so that no other server makes the same ids.
    pub instance: &'a str,
    /// The channel.
    pub channel: &'a ChannelName,
    /// Address of the server without a slash at the end; `..` when only the reader knows it.
    pub root: &'a str,
    /// When the newest snapshot was made.
    pub updated_at: Timestamp,
    /// Changes in the order in which they were made, all of each serial.
    pub changes: &'a [PastChange],
    /// Whether the one serial told here changed more than is told.
    pub is_cut: bool,
}

/// The feed: one entry for each snapshot, newest first. The same changes give the same bytes.
pub fn render_atom(feed: &AtomFeed<'_>) -> String {
    let AtomFeed { channel, root, .. } = feed;
    let mut xml = String::with_capacity(1024 + feed.changes.len() * 128);
    let _ = write!(
        xml,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <id>{}</id>\n<title>Changes of {channel}</title>\n<updated>{}</updated>\n\
         <author><name>Ferrywheel</name></author>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{}/{channel}/changes.atom\"/>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"{}/{channel}/simple/\"/>\n",
        id(feed, None),
        feed.updated_at,
        Escaped(root),
        Escaped(root),
    );
    for changes in feed.changes.chunk_by(|left, right| left.cursor.serial == right.cursor.serial).rev() {
        entry(&mut xml, feed, changes);
    }
    xml.push_str("</feed>\n");
    xml
}

fn entry(xml: &mut String, feed: &AtomFeed<'_>, changes: &[PastChange]) {
    let Some(first) = changes.first() else { return };
    let (channel, serial) = (feed.channel, first.cursor.serial);
    let _ = write!(
        xml,
        "<entry>\n<id>{}</id>\n<title>{channel}@{serial}: {}</title>\n<updated>{}</updated>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"{}/{channel}@{serial}/simple/\"/>\n<content type=\"text\">",
        id(feed, Some(serial)),
        summary(changes, feed.is_cut),
        first.made_at,
        Escaped(feed.root),
    );
    for change in changes {
        let _ = writeln!(xml, "{}", Escaped(&line(change)));
    }
    if feed.is_cut {
        xml.push_str("and more\n");
    }
    xml.push_str("</content>\n</entry>\n");
}

/// `2 added, 1 yanked`, each kind that happened.
fn summary(changes: &[PastChange], is_cut: bool) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for change in changes {
        let word = word(&change.action);
        match counts.iter_mut().find(|(counted, _)| *counted == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let mut parts: Vec<String> = counts.into_iter().map(|(word, count)| format!("{count} {word}")).collect();
    if is_cut {
        parts.push("and more".to_owned());
    }
    parts.join(", ")
}

/// The word for what happened, also in JSON.
pub fn word(action: &PastAction) -> &'static str {
    match action {
        PastAction::Added(..) => "added",
        PastAction::Yanked(..) => "yanked",
        PastAction::Unyanked(_) => "unyanked",
        PastAction::Removed(_) => "removed",
        PastAction::Status(..) => "status",
    }
}

fn line(change: &PastChange) -> String {
    let word = word(&change.action);
    let because = |reason: Option<&str>| reason.map_or_else(String::new, |reason| format!(": {reason}"));
    match &change.action {
        PastAction::Added(file, None) | PastAction::Unyanked(file) | PastAction::Removed(file) => {
            format!("{word} {}", file.filename)
        }
        PastAction::Added(file, Some(yank)) => {
            format!("{word} {}, yanked{}", file.filename, because(yank.reason.as_deref()))
        }
        PastAction::Yanked(file, yank) => format!("{word} {}{}", file.filename, because(yank.reason.as_deref())),
        PastAction::Status(status, reason) => {
            format!("{} is {}{}", change.project, status.as_str(), because(reason.as_deref()))
        }
    }
}

/// An id that is the same for ever: a UUID (RFC 9562, version 8) from a digest of what it names.
fn id(feed: &AtomFeed<'_>, serial: Option<Serial>) -> String {
    let serial = serial.map_or_else(String::new, |serial| format!("@{serial}"));
    let digest = sha2::Sha256::digest(format!("{}/{}{serial}", feed.instance, feed.channel));
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Text that is safe in XML. Characters that XML 1.0 does not have at all (section 2.2) are replaced: one of them in a
/// reason would make the whole feed unreadable.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '&' => formatter.write_str("&amp;")?,
                '"' => formatter.write_str("&quot;")?,
                '\r' => formatter.write_str("&#13;")?,
                '\t' | '\n' => formatter.write_char(character)?,
                '\0'..=' ' if character != ' ' => formatter.write_char(char::REPLACEMENT_CHARACTER)?,
                '\u{fffe}' | '\u{ffff}' => formatter.write_char(char::REPLACEMENT_CHARACTER)?,
                _ => formatter.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChangeCursor, CursorRow, PastFile, ProjectStatus, Sha256Digest, Yank};

    fn change(serial: i64, action: PastAction) -> PastChange {
        PastChange {
            cursor: ChangeCursor { serial: Serial(serial), row: CursorRow::File(1) },
            made_at: format!("2026-11-{serial:02}T12:00:00Z").parse().unwrap(),
            project: "demo".parse().unwrap(),
            action,
        }
    }

    fn file(name: &str) -> PastFile {
        PastFile { filename: name.to_owned(), sha256: Sha256Digest::of(b"") }
    }

    fn render(changes: &[PastChange], is_cut: bool) -> String {
        let channel = "blessed".parse().unwrap();
        let updated_at = "2026-11-09T12:00:00Z".parse().unwrap();
        render_atom(&AtomFeed { instance: "i", channel: &channel, root: "..", updated_at, changes, is_cut })
    }

    #[test]
    fn a_snapshot_is_an_entry_and_the_newest_stands_first() {
        let reason = |text: &str| Yank { reason: Some(text.to_owned()) };
        let xml = render(
            &[
                change(3, PastAction::Added(file("demo-1.0.tar.gz"), None)),
                change(3, PastAction::Added(file("demo-2.0.tar.gz"), Some(reason("bad")))),
                change(4, PastAction::Yanked(file("demo-1.0.tar.gz"), reason("<b> & \u{1}\"x\""))),
                change(5, PastAction::Status(ProjectStatus::Archived, None)),
                change(5, PastAction::Removed(file("demo-1.0.tar.gz"))),
            ],
            false,
        );
        let titles: Vec<&str> = xml.lines().filter(|line| line.starts_with("<title>")).collect();
        assert_eq!(
            titles,
            [
                "<title>Changes of blessed</title>",
                "<title>blessed@5: 1 status, 1 removed</title>",
                "<title>blessed@4: 1 yanked</title>",
                "<title>blessed@3: 2 added</title>",
            ]
        );
        for part in [
            "<content type=\"text\">yanked demo-1.0.tar.gz: &lt;b&gt; &amp; \u{fffd}&quot;x&quot;\n</content>",
            "<content type=\"text\">added demo-1.0.tar.gz\nadded demo-2.0.tar.gz, yanked: bad\n</content>",
            "<content type=\"text\">demo is archived\nremoved demo-1.0.tar.gz\n</content>",
            "href=\"../blessed@4/simple/\"",
            "<updated>2026-11-05T12:00:00Z</updated>",
        ] {
            assert!(xml.contains(part), "{part} is not in {xml}");
        }
    }

    #[test]
    fn an_id_stays_and_no_two_are_equal() {
        let changes = [3, 4].map(|serial| change(serial, PastAction::Unyanked(file("a.tar.gz"))));
        let ids = |xml: &str| -> Vec<String> {
            xml.lines().filter(|line| line.starts_with("<id>")).map(str::to_owned).collect()
        };
        let all = ids(&render(&changes, false));
        assert!(all.len() == 3 && all[0] != all[1] && all[1] != all[2], "{all:?}");
        assert_eq!(ids(&render(&changes[..1], true)), [all[0].clone(), all[2].clone()]);
    }
}
