//! One archive for each rule of the zip reader, built field by field so that every header can lie.

use std::io::Write as _;

use proptest::prelude::*;

use super::super::zip_lies::{Entry, Header, MARK, Zip, Zip64, extra, unicode_path, zip, zip64_extra};
use super::super::{read_entry, verify_entry};
use super::*;

fn a() -> Entry {
    Entry::new("pkg/a.py", b"ANSWER = 42\n")
}

fn b() -> Entry {
    Entry::new("pkg/b.py", b"X = 1\n")
}

fn read(bytes: &[u8]) -> Result<ZipListing, ZipError> {
    read_zip(bytes, bytes.len() as u64, &Limits::default())
}

/// Structure first, then every entry's data.
fn judge(bytes: &[u8]) -> Result<ZipListing, Vec<ZipFault>> {
    let faults = |error| match error {
        ZipError::Refused(faults) => faults,
        ZipError::Io(error) => panic!("{error}"),
    };
    let listing = read(bytes).map_err(faults)?;
    for entry in &listing.entries {
        verify_entry(bytes, entry, &mut |_| ()).map_err(faults)?;
    }
    Ok(listing)
}

#[track_caller]
fn refused(what: &str, rule: &str, class: &str, bytes: &[u8]) {
    let faults = judge(bytes).expect_err(what);
    assert_eq!((faults[0].rule, faults[0].class), (rule, class), "{what}: {faults:?}");
}

/// Taken, with this one note.
#[track_caller]
fn noted(what: &str, rule: &str, bytes: &[u8]) {
    let notes = judge(bytes).unwrap_or_else(|faults| panic!("{what}: {faults:?}")).notes;
    assert_eq!(notes.iter().map(|note| note.rule).collect::<Vec<_>>(), [rule], "{what}");
}

#[test]
fn ok_archives() {
    let noisy: Vec<u8> = (0..200_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let big = b"#!/bin/sh\nexit 0\n".repeat(20_000);
    for (what, archive) in [
        ("deflated", zip(vec![a(), b()])),
        ("stored", zip(vec![Entry::stored("a", b"1", 0o100_644), Entry::stored("b", b"", 0o100_644)])),
        ("nothing in it", zip(vec![])),
        ("a folder", zip(vec![Entry::stored("pkg/", b"", 0o040_755), a()])),
        ("harmless comment", Zip { comment: b"built by ci".to_vec(), ..zip(vec![a()]) }),
        (
            "zip64 end",
            Zip { zip64: Some(Zip64 { extra: vec![], locator_delta: 0, has_locator: true }), ..zip(vec![a()]) },
        ),
        (
            "zip64 sizes",
            zip(vec![a().both(|h| {
                h.extra = zip64_extra(&[h.uncompressed.into(), h.compressed.into()]);
                (h.compressed, h.uncompressed) = (MARK, MARK);
            })]),
        ),
        (
            "zip64 in the local header only",
            zip(vec![a().local(|h| {
                h.extra = zip64_extra(&[h.uncompressed.into(), h.compressed.into()]);
                (h.compressed, h.uncompressed) = (MARK, MARK);
            })]),
        ),
        ("unknown extra field", zip(vec![a().both(|h| h.extra = extra(0x9999, b"12345"))])),
        ("long extra field", zip(vec![a().local(|h| h.extra = extra(0x9999, &[7; 3000]))])),
        ("Unicode path of the same name", zip(vec![a().both(|h| h.extra = unicode_path(&h.name))])),
        ("data descriptor", zip(vec![a().descriptor(true, |_| ()), b()])),
        ("data descriptor without signature", zip(vec![a().descriptor(false, |_| ()), b().descriptor(false, |_| ())])),
        ("made on DOS", zip(vec![a().central(|h| (h.made_by, h.mode) = (20, 0))])),
        ("other effort bits", zip(vec![a().local(|h| h.flags = 4)])),
        ("UTF-8 names", zip(vec![Entry::new("pkg/数据.py", b"x")])),
        ("data of several pieces", zip(vec![Entry::new("noise", &noisy), Entry::new("text", &big)])),
    ] {
        let bytes = archive.build();
        let listing = judge(&bytes).unwrap_or_else(|faults| panic!("{what}: {faults:?}"));
        assert_eq!(listing.entries.len(), archive.entries.len(), "{what}");
        assert!(listing.notes.is_empty(), "{what}");
    }
}

#[test]
fn ok_entries_carry_their_facts() {
    let bytes =
        zip(vec![Entry::stored("pkg/", b"", 0o040_755), Entry::stored("pkg/tool", b"#!/bin/sh\n", 0o100_755), a()])
            .build();
    let listing = read(&bytes).unwrap();
    assert_eq!(listing.uncompressed_bytes, 22);
    let tool = listing.find("pkg/tool").unwrap();
    assert_eq!(
        (tool.method, tool.is_executable, tool.is_dir, tool.uncompressed_bytes),
        (Method::Stored, true, false, 10)
    );
    assert_eq!(&bytes[usize::try_from(tool.data_offset).unwrap()..][..10], b"#!/bin/sh\n");
    assert_eq!(read_entry(bytes.as_slice(), listing.find("pkg/a.py").unwrap(), 12).unwrap(), b"ANSWER = 42\n");
    assert_eq!(listing.find("pkg"), None);
    assert_eq!(listing.files().count(), 2);
}

#[test]
fn err_the_container() {
    let good = zip(vec![a(), b()]).build();
    refused("text", "ZIP-END", "not-a-zip", &b"this is not a zip file\n".repeat(40));
    refused("empty", "ZIP-END", "not-a-zip", b"");
    refused("half", "ZIP-END", "not-a-zip", &good[..good.len() / 2]);
    refused("cut end record", "ZIP-END", "not-a-zip", &good[..good.len() - 10]);
    refused(
        "prefix",
        "ZIP-TILING",
        "zip-structure",
        &Zip { prefix: b"#!/bin/sh\n".to_vec(), ..zip(vec![a()]) }.build(),
    );
    refused("trailing", "ZIP-TRAILING", "zip-structure", &Zip { suffix: vec![b'A'; 1024], ..zip(vec![a()]) }.build());
    noted("trailing zeros", "ZIP-TRAILING", &Zip { suffix: vec![0; 9], ..zip(vec![a()]) }.build());
    let zeros = Zip { comment: b"c".to_vec(), suffix: vec![0], ..zip(vec![a()]) };
    refused("a zero behind a comment", "ZIP-TRAILING", "zip-structure", &zeros.build());
    refused("two archives", "ZIP-DIRECTORY", "zip-structure", &[&good[..], &good].concat());
    refused(
        "zip in the comment",
        "ZIP-DIRECTORY",
        "zip-structure",
        &Zip { comment: good.clone(), ..zip(vec![a()]) }.build(),
    );
    refused(
        "control bytes in the comment",
        "ZIP-COMMENT",
        "zip-structure",
        &Zip { comment: vec![0, 1], ..zip(vec![a()]) }.build(),
    );
    refused("gap", "ZIP-TILING", "zip-structure", &Zip { between: b"gap!".repeat(8), ..zip(vec![a()]) }.build());
    let lies = |end_lies| Zip { end_lies, ..zip(vec![a(), b()]) }.build();
    refused("second disk", "ZIP-DISKS", "zip-structure", &lies([1, 0, 0, 0]));
    refused("counts one more", "ZIP-DIRECTORY", "zip-structure", &lies([0, 1, 0, 0]));
    refused("counts one less", "ZIP-DIRECTORY", "zip-structure", &lies([0, -1, 0, 0]));
    refused("size", "ZIP-DIRECTORY", "zip-structure", &lies([0, 0, -1, 0]));
    refused("offset", "ZIP-DIRECTORY", "zip-structure", &lies([0, 0, 0, 1]));
    refused("offset beyond the end", "ZIP-DIRECTORY", "zip-structure", &lies([0, 0, 0, 0x7000_0000]));
    let wide = |zip64| Zip { zip64: Some(zip64), ..zip(vec![a()]) }.build();
    refused(
        "extensible data",
        "ZIP-END64",
        "zip-structure",
        &wide(Zip64 { extra: vec![0; 16], locator_delta: 0, has_locator: true }),
    );
    refused(
        "locator",
        "ZIP-END64",
        "zip-structure",
        &wide(Zip64 { extra: vec![], locator_delta: 1, has_locator: true }),
    );
    refused(
        "no locator",
        "ZIP-DIRECTORY",
        "zip-structure",
        &wide(Zip64 { extra: vec![], locator_delta: 0, has_locator: false }),
    );
}

#[test]
fn err_headers_that_disagree() {
    let one = |entry: Entry| zip(vec![entry, b()]).build();
    let structure = |what: &str, rule: &str, bytes: Vec<u8>| refused(what, rule, "zip-structure", &bytes);
    structure("name", "ZIP-LOCAL", one(a().local(|h| h.name = b"evil/a.py".to_vec())));
    structure("size", "ZIP-LOCAL", one(a().local(|h| h.compressed -= 1)));
    structure("crc", "ZIP-LOCAL", one(a().local(|h| h.crc = 0xdead_beef)));
    structure("method", "ZIP-LOCAL", one(a().local(|h| h.method = 0)));
    structure("flags", "ZIP-LOCAL", one(a().local(|h| h.flags = 1)));
    structure("offset beyond the end", "ZIP-LOCAL", one(a().central(|h| h.offset = Some(0x7fff_fff0))));
    structure("offset into data", "ZIP-LOCAL", one(a().central(|h| h.offset = Some(1))));
    structure("data runs on", "ZIP-LOCAL", one(a().both(|h| h.compressed = 100_000)));
    structure("descriptor crc", "ZIP-DESCRIPTOR", one(a().descriptor(true, |d| d[0] = 1)));
    structure("descriptor packed size", "ZIP-DESCRIPTOR", one(a().descriptor(true, |d| d[1] = 1)));
    structure("descriptor size", "ZIP-DESCRIPTOR", one(a().descriptor(false, |d| d[2] = 1)));
    structure(
        "descriptor missing",
        "ZIP-DESCRIPTOR",
        one(Entry { descriptor: vec![], ..a().descriptor(true, |_| ()) }),
    );
    noted("comment of an entry", "ZIP-COMMENT", &one(a().central(|h| h.comment = b"x".to_vec())));
    structure("entry on another disk", "ZIP-DISKS", one(a().central(|h| h.disk = 1)));
    structure("extra of 3 bytes", "ZIP-EXTRA", one(a().both(|h| h.extra = vec![1, 0, 0])));
    structure("extra too long", "ZIP-EXTRA", one(a().both(|h| h.extra = b"\x99\x99\xff\0x".to_vec())));
    structure("zip64 twice", "ZIP-EXTRA", one(a().both(|h| h.extra = zip64_extra(&[12]).repeat(2))));
    structure(
        "zip64 too short",
        "ZIP-EXTRA",
        one(a().both(|h| {
            h.extra = zip64_extra(&[h.uncompressed.into()]);
            (h.compressed, h.uncompressed) = (MARK, MARK);
        })),
    );
    structure("mark without zip64", "ZIP-EXTRA", one(a().both(|h| h.uncompressed = MARK)));
    structure("needless zip64 that lies", "ZIP-EXTRA", one(a().both(|h| h.extra = zip64_extra(&[5, 5]))));
    structure("Unicode path", "ZIP-EXTRA", one(a().both(|h| h.extra = unicode_path(b"evil.py"))));
    structure("Unicode path, local only", "ZIP-LOCAL", one(a().local(|h| h.extra = unicode_path(b"evil.py"))));
    structure(
        "Unicode path, local only, streamed",
        "ZIP-LOCAL",
        one(a().descriptor(true, |_| ()).local(|h| h.extra = unicode_path(b"evil.py"))),
    );
}

#[test]
fn err_hidden_and_repeated_entries() {
    let hidden = Entry { in_central: false, ..Entry::new("hidden.py", b"EVIL = 1\n") };
    refused("hidden local", "ZIP-TILING", "zip-structure", &zip(vec![hidden, a()]).build());
    let ghost = Entry { in_local: false, ..Entry::new("ghost.py", b"ANSWER = 42\n") }.central(|h| h.offset = Some(0));
    refused("ghost", "ZIP-LOCAL", "zip-structure", &zip(vec![a(), ghost]).build());
    let same = Entry { in_local: false, ..a() }.central(|h| h.offset = Some(0));
    refused("listed twice", "ZIP-DUPLICATE", "zip-duplicate-entry", &zip(vec![a(), same]).build());
    refused("twice", "ZIP-DUPLICATE", "zip-duplicate-entry", &zip(vec![a(), a()]).build());
    refused(
        "twice, other bytes",
        "ZIP-DUPLICATE",
        "zip-duplicate-entry",
        &zip(vec![a(), Entry::new("pkg/a.py", b"EVIL")]).build(),
    );
}

#[test]
fn err_what_is_not_taken() {
    for method in [1, 9, 12, 14, 93, 98, 99] {
        refused("method", "ZIP-METHOD", "zip-unsupported", &zip(vec![a().both(|h| h.method = method)]).build());
    }
    for flags in [1, 0x20, 0x40, 0x2041] {
        refused("encrypted", "ZIP-ENCRYPTED", "zip-unsupported", &zip(vec![a().both(|h| h.flags = flags)]).build());
    }
    for (mode, what) in [(0o120_777, "link"), (0o010_644, "pipe"), (0o020_644, "device"), (0o040_755, "folder")] {
        refused(what, "ZIP-TYPE", "zip-entry-type", &zip(vec![Entry::stored("pkg/l", b"x", mode)]).build());
    }
    let needless = a().central(|h| h.extra = zip64_extra(&[h.uncompressed.into(), h.compressed.into()]));
    noted("needless zip64 that agrees", "ZIP-EXTRA", &zip(vec![needless]).build());
    for mode in [0o104_755, 0o102_755] {
        noted("set-id bit", "ZIP-TYPE", &zip(vec![Entry::stored("pkg/l", b"x", mode)]).build());
    }
    let newest = |needed| zip(vec![a().central(|h| h.needed = needed)]).build();
    assert!(judge(&newest(63)).is_ok());
    refused("format of the future", "ZIP-METHOD", "zip-unsupported", &newest(64));
    refused(
        "folder with data",
        "ZIP-FOLDER-DATA",
        "zip-structure",
        &zip(vec![Entry::stored("pkg/", b"x", 0o040_755)]).build(),
    );
}

#[test]
fn err_names() {
    for name in [&b"../x"[..], b"/x", b"a/../b", b"a\\b", b"C:/x", b"a//b", b"", b"a\0b", b"aux.py", &[b'a'; 60_000]] {
        refused("name", "ZIP-NAME", "zip-unsafe-path", &zip(vec![Entry::new(name, b"x")]).build());
    }
    let unmarked = Entry::new("café.py", b"x").both(|h| h.flags = 0);
    refused("UTF-8 without its flag", "ZIP-NAME", "zip-unsafe-path", &zip(vec![unmarked]).build());
    let latin = Entry::new(b"caf\xe9.py", b"x");
    refused("flag without UTF-8", "ZIP-NAME", "zip-unsafe-path", &zip(vec![latin]).build());
    let tree = |first: Entry| zip(vec![first, Entry::new("pkg/x", b"")]).build();
    refused("file and folder", "ZIP-TREE", "zip-unsafe-path", &tree(Entry::new("pkg", b"file")));
    refused(
        "file and listed folder",
        "ZIP-TREE",
        "zip-unsafe-path",
        &zip(vec![Entry::new("d", b"x"), Entry::stored("d/", b"", 0o040_755)]).build(),
    );
}

#[test]
fn ok_names_that_differ_in_case_are_noted() {
    for (one, other) in [("pkg/A.py", "pkg/a.py"), ("café.py", "cafe\u{301}.py")] {
        let listing = judge(&zip(vec![Entry::new(one, b"1"), Entry::new(other, b"2")]).build()).unwrap();
        assert_eq!(listing.notes.len(), 1);
        assert_eq!((listing.notes[0].rule, listing.notes[0].class), ("ZIP-CASE", "zip-unsafe-path"));
    }
}

#[test]
fn err_data_that_is_not_what_is_declared() {
    let one = |entry: Entry| zip(vec![entry]).build();
    let deflated = a().data;
    for (what, entry) in [
        ("less declared", a().both(|h| h.uncompressed = 3)),
        ("nothing declared", a().both(|h| h.uncompressed = 0)),
        ("more declared", a().both(|h| h.uncompressed = 999)),
        ("crc", a().both(|h| h.crc = 0xdead_beef)),
        ("noise", a().data(&[0xff; 40])),
        ("no data", a().data(&[])),
        ("bytes behind the stream", a().data(&[&deflated[..], b"tail"].concat())),
        ("cut stream", a().data(&deflated[..deflated.len() - 2])),
        ("stored with two lengths", Entry::stored("a", b"12", 0o100_644).both(|h| h.uncompressed = 3)),
        ("stored with another crc", Entry::stored("a", b"12", 0o100_644).both(|h| h.crc = 1)),
    ] {
        refused(what, "ZIP-DATA", "zip-structure", &one(entry));
    }
}

#[test]
fn err_bombs_are_refused_before_anything_is_unpacked() {
    let bomb = |h: &mut Header| h.uncompressed = 1 << 30;
    refused("ratio", "ZIP-LIMIT", "zip-bomb", &zip(vec![a().both(bomb)]).build());
    let claim = a().both(|h| {
        h.extra = zip64_extra(&[8 << 30, h.compressed.into()]);
        (h.compressed, h.uncompressed) = (MARK, MARK);
    });
    refused("8 GiB claimed", "ZIP-LIMIT", "zip-bomb", &zip(vec![claim]).build());
    let bytes = zip(vec![a(), b()]).build();
    for limits in [
        Limits { max_entries: 1, ..Limits::default() },
        Limits { max_central_directory_bytes: 60, ..Limits::default() },
        Limits { max_entry_bytes: 11, ..Limits::default() },
        Limits { max_total_bytes: 17, ..Limits::default() },
    ] {
        let Err(ZipError::Refused(faults)) = read_zip(bytes.as_slice(), bytes.len() as u64, &limits) else {
            panic!("{limits:?}")
        };
        assert_eq!((faults[0].rule, faults[0].class), ("ZIP-LIMIT", "zip-bomb"), "{limits:?}");
    }
    let shared: Vec<Entry> = (0..50)
        .map(|i| {
            Entry { in_local: i == 0, ..Entry::new(format!("k{i:05}"), &[0; 4096]) }.central(|h| h.offset = Some(0))
        })
        .collect();
    refused("one block for many entries", "ZIP-LOCAL", "zip-structure", &zip(shared).build());
}

#[test]
fn err_an_archive_that_is_a_tar_too() {
    let mut content = vec![0; 1024];
    content[226..232].copy_from_slice(b"ustar\0");
    let mut bytes = zip(vec![Entry::stored("a", &content, 0o100_644)]).build();
    // The checksum field lies in the content of the first entry; the size field must be octal.
    let start = 31;
    content[124 - start..136 - start].copy_from_slice(b"00000000000\0");
    content[148 - start..156 - start].copy_from_slice(b"        ");
    for _ in 0..3 {
        bytes = zip(vec![Entry::stored("a", &content, 0o100_644)]).build();
        let sum: u64 = bytes[..512]
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
            .sum();
        content[148 - start..156 - start].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    // The CRC of the entry changes with the sum; search the one that fits.
    for filler in 0..=u16::MAX {
        content[1000..1002].copy_from_slice(&filler.to_le_bytes());
        bytes = zip(vec![Entry::stored("a", &content, 0o100_644)]).build();
        let mut block = [0; 512];
        block.copy_from_slice(&bytes[..512]);
        if super::super::tar_read::is_header(&block) {
            break;
        }
    }
    refused("tar and zip", "ZIP-POLYGLOT", "zip-structure", &bytes);
}

#[test]
fn every_fault_is_told_up_to_the_limit() {
    let entries: Vec<Entry> = (0..80).map(|i| Entry::new(format!("../{i}"), b"x")).collect();
    let faults = judge(&zip(entries).build()).unwrap_err();
    assert_eq!(faults.len(), Limits::default().max_faults);
    let two = judge(&zip(vec![a().both(|h| h.method = 12), Entry::new("../x", b"")]).build()).unwrap_err();
    assert_eq!(two.iter().map(|fault| fault.rule).collect::<Vec<_>>(), ["ZIP-METHOD", "ZIP-NAME"]);
    assert_eq!(two[1].to_string(), "ZIP-NAME: `../x`: the name is not a plain relative path");
}

#[test]
fn a_file_is_read_by_position_like_a_slice() {
    let bytes = zip(vec![a(), b()]).build();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let listing = read_zip(&file, bytes.len() as u64, &Limits::default()).unwrap();
    assert_eq!(listing, read(&bytes).unwrap());
    assert_eq!(read_entry(&file, &listing.entries[0], 100).unwrap(), b"ANSWER = 42\n");
    let longer = read_zip(&file, bytes.len() as u64 + 7, &Limits::default());
    assert!(matches!(longer, Err(ZipError::Io(_))), "a file that is shorter than told is no fault of the archive");
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(judge(&bytes).is_err() || bytes.len() >= 22);
    }

    #[test]
    fn any_flipped_bytes_are_judged_without_panic(flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = Zip { comment: b"c".to_vec(), ..zip(vec![a(), b().descriptor(true, |_| ()), Entry::stored("d/", b"", 0o040_755)]) }.build();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = judge(&bytes);
    }

    #[test]
    fn whatever_is_taken_is_read_alike_by_another_reader(flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3)) {
        let mut bytes = zip(vec![a(), b()]).build();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(listing) = judge(&bytes) {
            let other = rawzip::ZipArchive::from_slice(&bytes).unwrap();
            let mut names = Vec::new();
            let mut entries = other.entries();
            while let Some(entry) = entries.next_entry().unwrap() {
                names.push(String::from_utf8(entry.file_path().as_ref().to_vec()).unwrap());
            }
            prop_assert_eq!(names, listing.entries.iter().map(|e| e.path.to_string()).collect::<Vec<_>>());
        }
    }
}
