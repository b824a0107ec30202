//! The rules for wheels and sdists, one by one, under both profiles; and what no damage may ever do.

use ferrywheel::archive::Limits;
use ferrywheel::ingest::{FileReport, Profile, check_sdist, check_wheel};
use ferrywheel::packaging::{Script, ScriptKind};
use proptest::prelude::*;

use super::support::Wheel;

fn judge(bytes: &[u8], filename: &str, profile: Profile) -> FileReport {
    check_wheel(bytes, bytes.len() as u64, filename, profile, &Limits::default()).unwrap()
}

/// Findings as `RULE reason`, those that refuse in capitals of their own: `!RULE reason`.
fn told(report: &FileReport) -> Vec<String> {
    let line = |refuses, rule: &str, reason: &str| format!("{}{rule} {reason}", if refuses { "!" } else { "" });
    report.findings.iter().map(|found| line(found.is_refusal(), &found.rule, &found.reason)).collect()
}

const INFO: &str = "demo-1.0.dist-info";

/// Replaces bytes of a stored member, and its checksum in both headers, as somebody would who hides a change.
fn forge(wheel: &[u8], from: &[u8], to: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let swap = |bytes: &[u8], from: &[u8], to: &[u8]| {
        let mut out = bytes.to_vec();
        for at in 0..=bytes.len() - from.len() {
            if &bytes[at..at + from.len()] == from {
                out[at..at + to.len()].copy_from_slice(to);
            }
        }
        out
    };
    let checksum = |content: &[u8]| crc32fast::hash(content).to_le_bytes();
    swap(&swap(wheel, from, to), &checksum(old), &checksum(new))
}

#[test]
fn what_a_mirrored_wheel_may_have_wrong_is_noted_and_a_first_party_one_is_refused() {
    let demo = || Wheel::new("demo", "1.0");
    let other_tag = demo().file(&format!("{INFO}/x"), "").build();
    for (wheel, rule) in [
        (demo().file(&format!("{INFO}/INSTALLER"), "pip"), "WHL-16 dist-info-invalid"),
        (demo().file(&format!("{INFO}/direct_url.json"), "{}"), "WHL-16 dist-info-invalid"),
        (demo().file("demo-1.0.data/bogus/f", ""), "WHL-13 data-dir-invalid"),
        (demo().file("demo-1.0.data/f", ""), "WHL-13 data-dir-invalid"),
        (demo().file("demo-1.0.data/scripts/d/f", ""), "WHL-13 data-dir-invalid"),
        (demo().file("demo-1.0.data/scripts/python3", ""), "WHL-13 data-dir-invalid"),
        (demo().file("other-1.0.data/purelib/f", ""), "WHL-13 data-dir-invalid"),
        (demo().script("x", "demo"), "EPT-01 entry-points-invalid"),
        (demo().script("../x", "demo:main"), "EPT-01 entry-points-invalid"),
        (demo().file("demo/A.py", "").file("demo/a.py", ""), "ZIP-CASE zip-unsafe-path"),
    ] {
        let (bytes, filename) = (wheel.build(), wheel.filename());
        assert_eq!(told(&judge(&bytes, &filename, Profile::Strict)), [format!("!{rule}")]);
        let mirrored = judge(&bytes, &filename, Profile::Mirror);
        assert_eq!(told(&mirrored), [rule]);
        assert!(!mirrored.is_refused());
    }
    let renamed = judge(&other_tag, "demo-1.0-py2.py3-none-any.whl", Profile::Mirror);
    assert_eq!(told(&renamed), ["TAG-02 wheel-file-invalid"]);
}

#[test]
fn what_would_do_harm_is_refused_from_anywhere() {
    let demo = || Wheel::new("demo", "1.0");
    for (wheel, filename, rule) in [
        (demo(), "other-1.0-py3-none-any.whl", "!WHL-10 metadata-mismatch"),
        (demo().file("b-1.0.dist-info/METADATA", ""), "demo-1.0-py3-none-any.whl", "!WHL-10 dist-info-multiple"),
        (demo().file("demo.egg-info/PKG-INFO", ""), "demo-1.0-py3-none-any.whl", "!WHL-10 dist-info-multiple"),
        (demo(), "demo-1.0-py3-none-any.zip", "!WHL-01 type-not-allowed"),
        (demo(), "demo-1.0-py3-none-any-null.whl", "!VAR-01 filename-invalid"),
        (demo().header("Requires-Dist: six @ file:///x"), "demo-1.0-py3-none-any.whl", "!MET-04 metadata-invalid"),
    ] {
        for profile in [Profile::Strict, Profile::Mirror] {
            let report = judge(&wheel.build(), filename, profile);
            assert!(report.is_refused(), "{filename} {rule}");
            assert_eq!(told(&report)[0], rule, "{:?}", report.findings);
        }
    }
}

#[test]
fn a_byte_that_was_changed_with_its_checksum_is_found_by_record() {
    let wheel = Wheel::new("demo", "1.0");
    let (old, new) = (b"VERSION = \"1.0\"\n", b"VERSION = \"6.6\"\n");
    let forged = forge(&wheel.build(), old, new, old, new);
    let strict = judge(&forged, &wheel.filename(), Profile::Strict);
    assert_eq!(told(&strict), ["!REC-02 record-mismatch"]);
    assert_eq!(strict.findings[0].entry.as_deref(), Some("demo/__init__.py"));
    assert_eq!(told(&judge(&forged, &wheel.filename(), Profile::Mirror)), ["REC-02 record-mismatch"]);
}

#[test]
fn everything_that_is_wrong_is_told_in_one_answer() {
    let wheel = Wheel::new("demo", "1.0")
        .header("Requires-Python: three")
        .header("Requires-Dist: six @ https://example.invalid/six.whl")
        .script("x", "demo")
        .file(&format!("{INFO}/INSTALLER"), "pip")
        .file("demo.pth", "");
    let report = judge(&wheel.build(), "Demo-1.0-py3.py2-none-any.whl", Profile::Strict);
    assert_eq!(
        told(&report),
        [
            "!WHL-16 dist-info-invalid",
            "!TAG-02 wheel-file-invalid",
            "!EPT-01 entry-points-invalid",
            "!MET-04 metadata-invalid",
            "!MET-04 metadata-invalid",
            "WHL-02 filename-denormalized",
            "WHL-04 tags-unsorted",
            "WHL-10 dist-info-denormalized",
            "WHL-14 pth-file",
        ]
    );
}

#[test]
fn the_facts_of_a_wheel_are_what_a_bundle_needs() {
    let wheel = Wheel::new("Demo.App", "1.0")
        .tag("cp311-cp311-manylinux_2_17_x86_64")
        .requires("six>=1.16")
        .requires_python(">=3.9")
        .header("Provides-Extra: fast")
        .header("Summary: A demo")
        .script("demo", "demo_app.cli:main [fast]")
        .data_script("demo.sh", "#!/bin/sh\n")
        .file("_demo.cpython-311-x86_64-linux-gnu.so", "")
        .file("single.py", "")
        .file("demo_app-1.0.data/purelib/extra/__init__.py", "")
        .file("demo_app-1.0.data/headers/demo.h", "");
    let facts = judge(&wheel.build(), &wheel.filename(), Profile::Strict).facts.unwrap();
    assert_eq!((facts.project.as_str(), facts.display_name.as_str()), ("demo-app", "Demo.App"));
    assert_eq!(facts.identity, "demo-app/1//cp311-cp311-manylinux_2_17_x86_64");
    assert_eq!((facts.requires_dist, facts.provides_extra), (vec!["six>=1.16".to_owned()], vec!["fast".to_owned()]));
    assert_eq!((facts.requires_python.as_deref(), facts.summary.as_deref()), (Some(">=3.9"), Some("A demo")));
    assert!(facts.metadata.unwrap().starts_with(b"Metadata-Version: 2.1\nName: Demo.App\n"));
    let about = facts.wheel.unwrap();
    let script = Script { name: "demo".to_owned(), value: "demo_app.cli:main".to_owned(), kind: ScriptKind::Console };
    assert_eq!((about.scripts, about.data_scripts), (vec![script], vec!["demo.sh".to_owned()]));
    assert_eq!(about.top_level, ["_demo", "demo_app", "extra", "single"]);
    assert!(about.is_native);
    assert_eq!(about.entry_count, 10);
}

#[test]
fn metadata_of_an_sdist_is_told_only_if_its_wheels_must_have_the_same() {
    for (lines, is_told) in [
        ("Metadata-Version: 2.2\nName: demo\nVersion: 1.0\n", true),
        ("Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nDynamic: Description\n", true),
        ("Metadata-Version: 2.2\nName: demo\nVersion: 1.0\nDynamic: Requires-Dist\n", false),
        ("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n", false),
    ] {
        let bytes = sdist("demo-1.0", &[("PKG-INFO", lines), ("demo.py", "")]);
        let report =
            check_sdist(&bytes[..], bytes.len() as u64, "demo-1.0.tar.gz", Profile::Strict, &Limits::default());
        let facts = report.unwrap().facts.unwrap();
        assert_eq!(facts.metadata.is_some(), is_told, "{lines}");
        assert_eq!(facts.wheel, None);
    }
    let other = sdist("demo-1.0", &[("PKG-INFO", "Metadata-Version: 2.2\nName: other\nVersion: 1.0\n")]);
    let report = check_sdist(&other[..], other.len() as u64, "demo-1.0.tar.gz", Profile::Strict, &Limits::default());
    assert_eq!(told(&report.unwrap()), ["!WHL-03 metadata-mismatch"]);
}

#[test]
fn two_spellings_of_a_release_have_one_sdist() {
    let identity = |name: &str, version: &str| {
        let info = format!("Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n");
        let bytes = sdist(&format!("{name}-{version}"), &[("PKG-INFO", &info)]);
        let filename = format!("{name}-{version}.tar.gz");
        let report = check_sdist(&bytes[..], bytes.len() as u64, &filename, Profile::Strict, &Limits::default());
        report.unwrap().facts.unwrap().identity
    };
    assert_eq!(identity("demo_app", "1.0"), identity("Demo.App", "1.0.0"));
    // Both names of a release candidate (VER-05).
    assert_eq!(identity("demo_app", "1.0c1"), identity("demo_app", "1.0rc1"));
    assert_ne!(identity("demo_app", "1.0"), identity("demo_app", "1.0.1"));
}

fn sdist(folder: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{folder}/{name}"), content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

proptest! {
    /// Whatever a damaged wheel still passes for, it is the wheel that it was: the same metadata, files and scripts.
    #[test]
    fn a_damaged_wheel_is_refused_or_means_the_same(
        at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<prop::sample::Index>(), how in 0..4u8
    ) {
        let wheel = Wheel::new("demo", "1.0").requires("six").script("demo", "demo:main");
        let sound = wheel.build().to_vec();
        let mut damaged = sound.clone();
        let at = at.index(damaged.len());
        match how {
            0 | 1 => damaged[at] = to,
            2 => damaged.insert(at, to),
            _ => drop(damaged.drain(cut.index(at + 1)..at)),
        }
        for profile in [Profile::Strict, Profile::Mirror] {
            let report = judge(&damaged, &wheel.filename(), profile);
            if let Some(facts) = report.facts {
                prop_assert_eq!(&facts, &judge(&sound, &wheel.filename(), profile).facts.unwrap(), "byte {} of {}", at, how);
            }
        }
    }
}
