//! One sdist for each rule.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

use super::*;

const INFO: (&str, &[u8]) = ("demo-1.0/PKG-INFO", b"Metadata-Version: 2.2\nName: demo\nVersion: 1.0\n");

fn tarball(files: &[(&str, &[u8])], links: &[(EntryType, &str, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    for (kind, name, target) in links {
        let mut header = Header::new_gnu();
        header.set_path(name).unwrap();
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(0);
        header.set_cksum();
        builder.append(&header, &b""[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn sdist(files: &[(&str, &[u8])]) -> Vec<u8> {
    gzip(&tarball(files, &[]))
}

#[track_caller]
fn refused(what: &str, rule: &str, class: &str, bytes: &[u8]) {
    let faults = read_sdist(bytes, &Limits::default()).unwrap().faults;
    assert_eq!(
        faults.iter().map(|fault| (fault.rule, fault.class)).collect::<Vec<_>>(),
        [(rule, class)],
        "{what}: {faults:?}"
    );
}

#[test]
fn ok_an_sdist_gives_its_metadata() {
    let listing =
        read_sdist(&sdist(&[INFO, ("demo-1.0/demo/odd:name .py", b"x = 1\n")])[..], &Limits::default()).unwrap();
    assert_eq!(listing.top_folder.as_deref(), Some("demo-1.0"));
    assert_eq!(listing.pkg_info.as_deref(), Some(INFO.1));
    assert_eq!(listing.faults, []);
    assert_eq!((listing.file_count, listing.unpacked_bytes), (2, INFO.1.len() as u64 + 6));
}

#[test]
fn ok_links_that_stay_inside() {
    for (kind, name, target) in [
        (EntryType::Symlink, "demo-1.0/a", "b"),
        (EntryType::Symlink, "demo-1.0/d/a", "../b"),
        (EntryType::Symlink, "demo-1.0/d/a", "./x/../../b"),
        (EntryType::Link, "demo-1.0/a", "demo-1.0/PKG-INFO"),
    ] {
        let bytes = gzip(&tarball(&[INFO], &[(kind, name, target)]));
        assert_eq!(read_sdist(&bytes[..], &Limits::default()).unwrap().faults, [], "{target}");
    }
}

#[test]
fn err_links_that_lead_out() {
    for (kind, name, target) in [
        (EntryType::Symlink, "demo-1.0/a", "/etc/passwd"),
        (EntryType::Symlink, "demo-1.0/a", "../x"),
        (EntryType::Symlink, "demo-1.0/d/a", "../../x"),
        (EntryType::Symlink, "demo-1.0/a", "../demo-1.0/b"),
        (EntryType::Link, "demo-1.0/a", "../demo-1.0/b"),
        (EntryType::Link, "demo-1.0/d/a", "/b"),
    ] {
        refused(target, "SDT-LINK", "archive-unsafe", &gzip(&tarball(&[INFO], &[(kind, name, target)])));
    }
}

#[test]
fn err_sdists() {
    refused("no PKG-INFO", "SDT-PKG-INFO", "archive-unsafe", &sdist(&[("demo-1.0/setup.py", b"")]));
    refused("PKG-INFO deeper", "SDT-PKG-INFO", "archive-unsafe", &sdist(&[("demo-1.0/demo.egg-info/PKG-INFO", b"")]));
    refused("PKG-INFO twice", "SDT-PKG-INFO", "archive-unsafe", &sdist(&[INFO, INFO]));
    refused("nothing", "SDT-PKG-INFO", "archive-unsafe", &sdist(&[]));
    refused("second top folder", "SDT-TOP", "archive-unsafe", &sdist(&[INFO, ("other/x", b"")]));
    refused("climbs out", "TAR-NAME", "archive-unsafe", &sdist(&[INFO, ("demo-1.0/../../x", b"")]));
    let good = sdist(&[INFO]);
    refused("cut", "TAR-DAMAGED", "archive-damaged", &good[..good.len() - 20]);
    refused("not gzip", "TAR-DAMAGED", "archive-damaged", b"plain text");
    refused("empty", "TAR-DAMAGED", "archive-damaged", b"");
    refused("bytes behind", "TAR-TRAILING", "archive-unsafe", &[&good[..], b"tail"].concat());
    refused("second member", "TAR-TRAILING", "archive-unsafe", &[&good[..], &good].concat());
    let mut checksum = good.clone();
    let at = checksum.len() - 6;
    checksum[at] ^= 1;
    refused("crc of gzip", "TAR-DAMAGED", "archive-damaged", &checksum);
}

#[test]
fn err_a_bomb_is_stopped_while_it_unpacks() {
    let zeros = vec![0; 8 << 20];
    let limits = Limits { ratio_judged_from_bytes: 1 << 20, ..Limits::default() };
    let bytes = sdist(&[INFO, ("demo-1.0/zeros", &zeros)]);
    let faults = read_sdist(&bytes[..], &limits).unwrap().faults;
    assert_eq!(faults.iter().map(|fault| fault.class).collect::<Vec<_>>(), ["too-large"]);
    assert_eq!(read_sdist(&bytes[..], &Limits::default()).unwrap().faults, []);
}

#[test]
fn err_everything_is_told_of_one_archive_with_the_members() {
    let links = [
        (EntryType::Symlink, "demo-1.0/a", "/etc/passwd"),
        (EntryType::Fifo, "demo-1.0/pipe", ""),
        (EntryType::Symlink, "demo-1.0/b", "../x"),
    ];
    let bytes =
        [gzip(&tarball(&[("other/x", b"1"), ("demo-1.0/../y", b"2"), INFO], &links)), b"tail".to_vec()].concat();
    let faults = read_sdist(&bytes[..], &Limits::default()).unwrap().faults;
    let told: Vec<_> = faults.iter().map(|fault| (fault.rule, fault.entry.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("TAR-NAME", Some("demo-1.0/../y")),
            ("SDT-TOP", Some("demo-1.0/PKG-INFO")),
            ("SDT-TOP", Some("demo-1.0/a")),
            ("TAR-TYPE", Some("demo-1.0/pipe")),
            ("SDT-TOP", Some("demo-1.0/b")),
            ("TAR-TRAILING", None),
            ("SDT-PKG-INFO", None),
        ]
    );
    let few = Limits { max_faults: 2, ..Limits::default() };
    assert_eq!(read_sdist(&bytes[..], &few).unwrap().faults.len(), 2);
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_sdist(&bytes[..], &Limits::default());
        let _ = read_sdist(&gzip(&bytes)[..], &Limits::default());
    }
}
