//! One tar for each rule of the tar reader.

use proptest::prelude::*;
use tar::{Builder, EntryType, Header as TarHeader};

use super::*;

fn header(name: &str, size: u64, kind: EntryType) -> TarHeader {
    let mut header = TarHeader::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(size);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

/// Members with their content, and the end mark.
fn tar(members: &[(TarHeader, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (header, content) in members {
        builder.append(header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn file(name: &str, content: &'static [u8]) -> (TarHeader, &'static [u8]) {
    (header(name, content.len() as u64, EntryType::Regular), content)
}

fn pax(records: &[(&str, &str)]) -> (TarHeader, Vec<u8>) {
    let mut content = String::new();
    for (key, value) in records {
        let mut length = key.len() + value.len() + 3;
        while length != format!("{length} {key}={value}\n").len() {
            length += 1;
        }
        content.push_str(&format!("{length} {key}={value}\n"));
    }
    (header("pax", content.len() as u64, EntryType::XHeader), content.into_bytes())
}

fn walk(bytes: &[u8]) -> Result<Vec<(String, TarKind, Vec<u8>)>, TarError> {
    let mut reader = TarReader::new(bytes, &Limits::default());
    let mut members = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        let content = reader.read_member(1 << 20)?;
        assert_eq!(content.len() as u64, entry.size_bytes);
        members.push((entry.name, entry.kind, content));
    }
    Ok(members)
}

#[track_caller]
fn refused(what: &str, rule: &str, class: &str, bytes: &[u8]) {
    match walk(bytes) {
        Err(TarError::Refused { rule: found, class: found_class, message }) => {
            assert_eq!((found, found_class), (rule, class), "{what}: {message}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn ok_members() {
    let (extended, content) = pax(&[("mtime", "1.5"), ("path", "long/ü.txt")]);
    let mut global = header("g", 0, EntryType::XGlobalHeader);
    let comment = b"20 comment=abcdefgh\n";
    global.set_size(comment.len() as u64);
    global.set_cksum();
    let bytes = tar(&[
        (global, comment),
        (header("./", 0, EntryType::Directory), b""),
        (header("./d/", 0, EntryType::Directory), b""),
        file("./d/a.whl", b"hello"),
        (extended, &content),
        file("short", b""),
        (header("old/", 0, EntryType::Regular), b""),
    ]);
    let names: Vec<(String, TarKind)> = walk(&bytes).unwrap().into_iter().map(|(name, kind, _)| (name, kind)).collect();
    assert_eq!(
        names,
        [
            ("d".into(), TarKind::Folder),
            ("d/a.whl".into(), TarKind::File),
            ("long/ü.txt".into(), TarKind::File),
            ("old".into(), TarKind::Folder),
        ]
    );
    assert!(walk(&tar(&[])).unwrap().is_empty());
}

#[test]
fn ok_long_names_and_prefixes() {
    let long = "n/".repeat(120) + "x";
    let mut builder = Builder::new(Vec::new());
    let mut gnu = TarHeader::new_gnu();
    gnu.set_size(2);
    builder.append_data(&mut gnu, &long, &b"ok"[..]).unwrap();
    let mut ustar = TarHeader::new_ustar();
    ustar.set_size(2);
    let split = "p/".repeat(60) + "y";
    builder.append_data(&mut ustar, &split, &b"ok"[..]).unwrap();
    let members = walk(&builder.into_inner().unwrap()).unwrap();
    assert_eq!(members.iter().map(|m| m.0.as_str()).collect::<Vec<_>>(), [long, split]);
    assert_eq!(members[0].2, b"ok");
}

#[test]
fn ok_unread_members_are_skipped() {
    let bytes = tar(&[file("a", b"0123456789"), file("b", b"x")]);
    let mut reader = TarReader::new(&bytes[..], &Limits::default());
    assert_eq!(reader.next_entry().unwrap().unwrap().name, "a");
    assert_eq!(reader.next_entry().unwrap().unwrap().name, "b");
    assert!(reader.next_entry().unwrap().is_none());
    assert!(reader.next_entry().unwrap().is_none());
    assert_eq!(reader.total_bytes(), 11);
}

#[test]
fn err_names_that_lead_out() {
    for name in ["../x", "a/../x", "/x", "a/.."] {
        refused(name, "TAR-NAME", "archive-unsafe", &tar(&[file(name, b"x")]));
    }
    let (extended, content) = pax(&[("path", "x\0../../y")]);
    refused("NUL", "TAR-NAME", "archive-unsafe", &tar(&[(extended, &content), file("safe", b"")]));
    let (extended, content) = pax(&[("path", "../y")]);
    refused("pax path", "TAR-NAME", "archive-unsafe", &tar(&[(extended, &content), file("safe", b"")]));
    let entry = TarEntry { name: "aux".into(), kind: TarKind::File, size_bytes: 0 };
    assert!(entry.path().is_err());
}

#[test]
fn err_kinds_that_are_not_taken() {
    for kind in [
        EntryType::Fifo,
        EntryType::Char,
        EntryType::Block,
        EntryType::GNUSparse,
        EntryType::Continuous,
        EntryType::new(b'Z'),
    ] {
        refused("kind", "TAR-TYPE", "archive-unsafe", &tar(&[(header("x", 0, kind), b"")]));
    }
    let (extended, content) = pax(&[("GNU.sparse.major", "1")]);
    refused("pax sparse", "TAR-TYPE", "archive-unsafe", &tar(&[(extended, &content), file("s", b"")]));
    refused("folder with data", "TAR-SIZE", "archive-unsafe", &tar(&[(header("d", 1, EntryType::Directory), b"x")]));
}

#[test]
fn ok_links_are_told_as_such() {
    let mut link = header("l", 0, EntryType::Symlink);
    link.set_link_name("/etc/passwd").unwrap();
    link.set_cksum();
    assert_eq!(walk(&tar(&[(link, b"")])).unwrap()[0].1, TarKind::SymbolicLink("/etc/passwd".into()));
    let long = "t/".repeat(80) + "x";
    let content = format!("{long}\0");
    let mut link = header("l", 0, EntryType::Symlink);
    link.set_cksum();
    let gnu = header("././@LongLink", content.len() as u64, EntryType::GNULongLink);
    assert_eq!(walk(&tar(&[(gnu, content.as_bytes()), (link, b"")])).unwrap()[0].1, TarKind::SymbolicLink(long));
}

#[test]
fn ok_the_walk_goes_on_behind_a_member_whose_end_is_plain() {
    let bytes = tar(&[file("../x", b"123"), (header("p", 0, EntryType::Fifo), b""), file("a", b"")]);
    let mut reader = TarReader::new(&bytes[..], &Limits::default());
    for name in ["../x", "p"] {
        assert!(reader.next_entry().is_err());
        assert_eq!((reader.last_name(), reader.can_go_on()), (Some(name), true));
    }
    assert_eq!(reader.next_entry().unwrap().unwrap().name, "a");
    for kind in [EntryType::GNUSparse, EntryType::Directory] {
        let bytes = tar(&[(header("s", 3, kind), b"123")]);
        let mut reader = TarReader::new(&bytes[..], &Limits::default());
        assert!(reader.next_entry().is_err());
        assert!(!reader.can_go_on());
    }
}

#[test]
fn err_sizes_that_disagree() {
    let (extended, content) = pax(&[("size", "1024")]);
    refused("CVE-2025-62518", "TAR-SIZE", "archive-unsafe", &tar(&[(extended, &content), file("outer.bin", b"")]));
    let mut negative = header("n", 0, EntryType::Regular);
    negative.as_old_mut().size = [0xff; 12];
    negative.set_cksum();
    refused("negative", "TAR-DAMAGED", "archive-damaged", &tar(&[(negative, b"")]));
    let huge = header("h", 5 << 30, EntryType::Regular);
    let mut bytes = huge.as_bytes().to_vec();
    bytes.extend([0; 1024]);
    refused("huge", "TAR-LIMIT", "too-large", &bytes);
}

#[test]
fn err_extended_headers() {
    let (extended, content) = pax(&[("path", "a")]);
    refused(
        "twice",
        "TAR-EXTENDED",
        "archive-unsafe",
        &tar(&[(extended.clone(), &content), (extended.clone(), &content), file("x", b"")]),
    );
    refused("nothing follows", "TAR-DAMAGED", "archive-damaged", &tar(&[(extended, &content)]));
    let (repeated, content) = pax(&[("path", "a"), ("path", "b")]);
    refused("repeated key", "TAR-EXTENDED", "archive-unsafe", &tar(&[(repeated, &content), file("x", b"")]));
    let (mut global, content) = pax(&[("path", "a")]);
    global.set_entry_type(EntryType::XGlobalHeader);
    global.set_cksum();
    refused("global path", "TAR-EXTENDED", "archive-unsafe", &tar(&[(global, &content), file("x", b"")]));
    for broken in ["nonsense", "99 path=a\n", "3 a\n", "11 path=abc", "0 \n", " =\n"] {
        let header = header("p", broken.len() as u64, EntryType::XHeader);
        refused(broken, "TAR-DAMAGED", "archive-damaged", &tar(&[(header, broken.as_bytes()), file("x", b"")]));
    }
    let long = header("L", 64 << 20, EntryType::GNULongName);
    refused("long name of 64 MiB", "TAR-EXTENDED", "archive-unsafe", &[&long.as_bytes()[..], &[b'a'; 2048]].concat());
}

#[test]
fn err_damage_and_bytes_behind_the_end() {
    let whole = tar(&[file("a", b"0123456789")]);
    for length in [0, 100, 512, 700, 1024, 1500] {
        refused("cut", "TAR-DAMAGED", "archive-damaged", &whole[..length]);
    }
    let mut checksum = whole.clone();
    checksum[0] ^= 1;
    refused("checksum", "TAR-DAMAGED", "archive-damaged", &checksum);
    refused("second archive", "TAR-TRAILING", "archive-unsafe", &[&whole[..], &whole].concat());
    refused("padding", "TAR-LIMIT", "too-large", &[&whole[..], &vec![0; 2 << 20]].concat());
    assert!(walk(&[&whole[..], &[0; 8192]].concat()).is_ok());
}

#[test]
fn err_too_many_members() {
    let bytes = tar(&[file("a", b""), file("b", b""), file("c", b"")]);
    let mut reader = TarReader::new(&bytes[..], &Limits { max_entries: 2, ..Limits::default() });
    reader.next_entry().unwrap();
    reader.next_entry().unwrap();
    assert!(matches!(reader.next_entry(), Err(TarError::Refused { class: "too-large", .. })));
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = walk(&bytes);
    }

    #[test]
    fn flipped_bytes_are_judged_without_panic(at in any::<proptest::sample::Index>(), value in any::<u8>(), repair in any::<bool>()) {
        let (extended, content) = pax(&[("path", "a"), ("size", "3")]);
        let mut bytes = tar(&[(extended, &content), file("x", b"abc")]);
        let at = at.index(bytes.len());
        bytes[at] = value;
        if repair {
            let start = at / 512 * 512;
            let mut block = TarHeader::new_old();
            block.as_mut_bytes().copy_from_slice(&bytes[start..start + 512]);
            block.set_cksum();
            bytes[start..start + 512].copy_from_slice(block.as_bytes());
        }
        let _ = walk(&bytes);
    }
}
