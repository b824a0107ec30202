//! Fuzz targets of every reader of foreign bytes: no panic, no runaway memory, time that grows with the input only.
//!
//! As plain tests they run a bounded number of inputs, made from valid files by a few damages each. To search for longer:
//! `BOLERO_RANDOM_ITERATIONS=1000000 cargo nextest run fuzz_`, or one target under a coverage-guided engine with
//! `cargo bolero test fuzz_readers::zip_archives`.

use std::io::Cursor;
use std::io::Write as _;

use bolero::TypeGenerator;
use ferrywheel::advisories::read_records;
use ferrywheel::archive::{Limits, ZipError, open_entry, read_sdist, read_zip, verify_entry};
use ferrywheel::ingest::{Profile, check_sdist, check_wheel};
use ferrywheel::model::{Advisory, Diagnostic as _, Sha256Digest};
use ferrywheel::packaging::{
    AttestedFile, is_direct_url, parse_core_metadata, parse_dist_filename, parse_entry_points, parse_provenance,
    parse_record, parse_requirement, parse_requirements_file, parse_wheel_file, provenance_of_attestations,
};

use super::support::Wheel;
use super::support::attestation::{attestation, provenance};
use super::support::mutation::{Mutation, mutate};
use super::support::zip::{self, Member};

/// Inputs of one target in a plain run; archives cost more than texts.
const TEXTS: usize = 20_000;
const ARCHIVES: usize = 4_000;

/// Longest input.
const MAX_BYTES: usize = 64 * 1024;

/// Memory that a target may have needed at its end, in bytes: many times its inputs, and less than one bomb.
const MAX_RESIDENT_BYTES: u64 = 400 << 20;

/// A seed and what is done to it.
#[derive(Clone, Debug, TypeGenerator)]
struct Recipe {
    seed: u8,
    mutations: [Option<Mutation>; 6],
}

impl Recipe {
    fn bake(&self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mutations: Vec<Mutation> = self.mutations.iter().flatten().cloned().collect();
        mutate(&seeds[usize::from(self.seed) % seeds.len()], &mutations, MAX_BYTES)
    }
}

fn fuzz(iterations: usize, seeds: &[Vec<u8>], read: impl Fn(&[u8]) + std::panic::RefUnwindSafe) {
    for seed in seeds {
        read(seed);
    }
    bolero::check!().with_type::<Recipe>().with_iterations(iterations).for_each(|recipe| read(&recipe.bake(seeds)));
    let resident_bytes = peak_resident_bytes();
    assert!(resident_bytes < MAX_RESIDENT_BYTES, "the target needed {resident_bytes} bytes of memory");
}

/// The most memory that this process ever had, in bytes; each test is a process of its own.
fn peak_resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn limits() -> Limits {
    Limits { max_entry_bytes: 8 << 20, max_total_bytes: 16 << 20, ..Limits::default() }
}

fn wheel() -> Wheel {
    Wheel::new("demo", "1.0")
        .requires("numpy (>=1.2) ; python_version < '3.9' and extra == 'fast'")
        .requires_python(">=3.8")
        .script("demo", "demo:main")
        .data_script("tool", "#!python\n")
}

fn wheels() -> Vec<Vec<u8>> {
    let deflated = deflated_zip(&[
        ("demo/__init__.py", b"x = 1\n".repeat(100).as_slice()),
        ("demo-1.0.dist-info/METADATA", METADATA),
        ("demo-1.0.dist-info/WHEEL", WHEEL_FILE),
        ("demo-1.0.dist-info/RECORD", RECORD),
    ]);
    vec![wheel().build().to_vec(), wheel().header("Summary: another").build().to_vec(), deflated]
}

fn deflated_zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    zip::zip(&files.iter().map(|(name, content)| Member::deflated(name, content)).collect::<Vec<_>>())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in [
        ("demo-1.0/PKG-INFO", METADATA),
        ("demo-1.0/pyproject.toml", b"[build-system]\n"),
        (&format!("demo-1.0/{}", "long/".repeat(30)), b"x"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let name = name.trim_end_matches('/');
        tar.append_data(&mut header, name, content).unwrap();
    }
    tar.into_inner().unwrap()
}

const METADATA: &[u8] =
    b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nSummary: a demo\nLicense-Expression: MIT OR \
Apache-2.0\nLicense-File: LICENSE\nRequires-Python: >=3.8,<4\nRequires-Dist: numpy[fast] (>=1.2); \
python_version<'3.9' and (sys_platform == \"linux\" or extra == 'fast')\nRequires-Dist: flask~=2.0\nProvides-Extra: \
fast\nProject-URL: Home, https://example.test\nClassifier: Private :: Do Not Upload\nDynamic: Summary\nDescription: \
one\n        |two\nDescription-Content-Type: text/markdown; charset=UTF-8\n\n# Demo\n\nText.\n";

const WHEEL_FILE: &[u8] =
    b"Wheel-Version: 1.0\nGenerator: x (1)\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\nBuild: 1\n";

const RECORD: &[u8] = b"demo/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n\
\"demo/a,b.py\",sha512=abc,12\ndemo-1.0.dist-info/RECORD,,\n";

const ENTRY_POINTS: &[u8] =
    b"[console_scripts]\ndemo = demo.cli:main\n# comment\n[gui_scripts]\nd-g = demo:g.h [fast]\n\
[demo.plugins]\na=b\n";

#[test]
fn zip_archives() {
    fuzz(ARCHIVES, &wheels(), |bytes| match read_zip(bytes, bytes.len() as u64, &limits()) {
        Ok(listing) => {
            for entry in listing.files() {
                let _ = verify_entry(bytes, entry, &mut |_| ());
                std::io::copy(&mut open_entry(bytes, entry), &mut std::io::sink()).ok();
            }
        }
        Err(ZipError::Refused(faults)) => assert!(!faults.is_empty(), "refused without a reason"),
        Err(ZipError::Io(error)) => panic!("bytes in memory cannot fail to be read: {error}"),
    });
}

#[test]
fn wheels_as_a_whole() {
    fuzz(ARCHIVES, &wheels(), |bytes| {
        for profile in [Profile::Strict, Profile::Mirror] {
            let report =
                check_wheel(bytes, bytes.len() as u64, "demo-1.0-py3-none-any.whl", profile, &limits()).unwrap();
            assert!(report.facts.is_some() || report.is_refused(), "neither facts nor a refusal");
        }
    });
}

/// Members are damaged before the zip is made around them, so that the checks behind the zip's see them.
#[test]
fn members_of_wheels() {
    #[derive(Clone, Debug, TypeGenerator)]
    struct Members {
        metadata: Recipe,
        about: Recipe,
        record: Recipe,
        entry_points: Recipe,
        is_record_right: bool,
    }
    bolero::check!().with_type::<Members>().with_iterations(ARCHIVES).for_each(|members| {
        let metadata = members.metadata.bake(&[METADATA.to_vec()]);
        let about = members.about.bake(&[WHEEL_FILE.to_vec()]);
        let entry_points = members.entry_points.bake(&[ENTRY_POINTS.to_vec()]);
        let record = members.record.bake(&[RECORD.to_vec()]);
        let mut files: Vec<(&str, &[u8])> = vec![
            ("demo-1.0.dist-info/METADATA", &metadata),
            ("demo-1.0.dist-info/WHEEL", &about),
            ("demo-1.0.dist-info/entry_points.txt", &entry_points),
        ];
        if !members.is_record_right {
            files.push(("demo-1.0.dist-info/RECORD", &record));
        }
        let zip = deflated_zip(&files);
        let name = "demo-1.0-py3-none-any.whl";
        let report = check_wheel(&zip[..], zip.len() as u64, name, Profile::Strict, &limits()).unwrap();
        assert!(report.is_refused() || report.facts.is_some());
    });
}

#[test]
fn tar_archives() {
    fuzz(ARCHIVES, &[tar()], |bytes| {
        let packed = gzip(bytes);
        let listing = read_sdist(Cursor::new(&packed), &limits()).unwrap();
        assert!(listing.faults.len() <= limits().max_faults, "{} faults", listing.faults.len());
        if listing.faults.is_empty() {
            assert!(listing.unpacked_bytes <= bytes.len() as u64, "more was unpacked than the archive holds");
        }
    });
}

#[test]
fn sdists_as_a_whole() {
    fuzz(ARCHIVES, &[gzip(&tar())], |bytes| {
        let report = check_sdist(bytes, bytes.len() as u64, "demo-1.0.tar.gz", Profile::Strict, &limits()).unwrap();
        assert!(report.facts.is_some() || report.is_refused(), "neither facts nor a refusal");
    });
}

#[test]
fn core_metadata() {
    fuzz(TEXTS, &[METADATA.to_vec()], |bytes| match parse_core_metadata(bytes) {
        Ok(metadata) => assert!(!metadata.name.is_empty()),
        Err(faults) => assert!(faults.iter().any(|fault| fault.is_error()), "refused without a reason"),
    });
}

#[test]
fn record() {
    fuzz(TEXTS, &[RECORD.to_vec()], |bytes| {
        if let Ok(record) = parse_record(bytes, "demo-1.0.dist-info") {
            let entries = record.entries;
            let rows = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
            assert!(entries.len() <= rows, "{} entries from {rows} rows", entries.len());
        }
    });
}

#[test]
fn wheel_files_and_entry_points() {
    fuzz(TEXTS, &[WHEEL_FILE.to_vec(), ENTRY_POINTS.to_vec()], |bytes| {
        let _ = parse_wheel_file(bytes);
        if let Ok(entry_points) = parse_entry_points(bytes) {
            for script in entry_points.scripts() {
                assert!(!script.name.contains(['/', '\0', '\n']), "`{}` is no name of a script", script.name);
            }
        }
    });
}

#[test]
fn requirements() {
    let seeds = [
        "flask[async]>=2,<3 ; python_version < '3.9' and (sys_platform == 'linux' or extra == 'x')",
        "numpy (==1.2.*)",
        "pip @ https://example.test/pip-1.3.1.zip#sha256=abc ; os_name == 'nt'",
        "# comment\nflask==2.0 \\\n  --hash=sha256:00\n-i https://example.test/simple\n-r other.txt\n./local[extra]\n",
    ];
    let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    fuzz(TEXTS, &seeds, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        // A URL is written with its spaces escaped, and may so become longer than a requirement may be.
        if let Some(requirement) = parse_requirement(&text).ok().filter(|requirement| !is_direct_url(requirement)) {
            let again = requirement.to_string();
            assert!(parse_requirement(&again).is_ok(), "`{text}` is read, but `{again}`, its own text, is not");
        }
        let _ = parse_requirements_file(&text);
    });
}

#[test]
fn file_names() {
    let seeds = [
        "demo-1.0-py3-none-any.whl",
        "demo-1!1.0+cu118-1a-cp311.cp312-abi3-manylinux_2_17_x86_64.whl",
        "demo-1.0.tar.gz",
    ];
    let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    fuzz(TEXTS, &seeds, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(name) = parse_dist_filename(&text) {
            assert_eq!(name.as_str(), text, "a file name is kept as it is");
            assert!(!text.contains(['/', '\\', '\0']), "`{text}` could be a path");
        }
    });
}

#[test]
fn provenance_and_attestations() {
    let (filename, bytes) = ("demo-1.0-py3-none-any.whl", b"demo");
    let attestation = attestation(filename, bytes, "publish");
    let seeds = [format!("[{attestation}]"), provenance(&attestation)].map(String::into_bytes);
    let sha256 = Sha256Digest::of(bytes).to_hex();
    let file = AttestedFile { filename, sha256: &sha256 };
    fuzz(TEXTS, &seeds, |bytes| {
        let _ = parse_provenance(bytes, file);
        if let Ok(built) = provenance_of_attestations(bytes, file) {
            assert!(parse_provenance(built.text.as_bytes(), file).is_ok(), "what is built cannot be read");
        }
    });
}

#[test]
fn advisories() {
    let seed = r#"{"id": "PYSEC-1", "modified": "2026-08-01T12:00:00Z", "aliases": ["CVE-1"], "affected": [{"package":
        {"ecosystem": "PyPI", "name": "demo"}, "versions": ["1.0"], "ranges": [{"type": "ECOSYSTEM", "events":
        [{"introduced": "0"}, {"fixed": "1.5"}, {"introduced": "2.0"}, {"last_affected": "2.9"}, {"limit": "3"}]}]}]}"#;
    let seeds = [seed.as_bytes().to_vec(), format!("[{seed}]").into_bytes(), format!("{seed}\n{seed}").into_bytes()];
    let (project, version) = ("demo".parse().unwrap(), "1.2".parse().unwrap());
    fuzz(TEXTS / 4, &seeds, |bytes| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let read = read_records(&mut file, bytes.len() as u64, |_, record| {
            if let Ok(advisory) = Advisory::read(&record) {
                let _ = advisory.vulnerability(&project, &version, String::new());
            }
            Ok(())
        });
        if let Err(error) = read {
            assert_eq!(error.code(), "advisories/unreadable");
        }
    });
}
