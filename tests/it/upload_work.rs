//! What a check costs: work that grows with the length of the file and nothing else, and bombs that cost no more than a look.

use std::cell::Cell;
use std::io;

use ferrywheel::archive::{Limits, ReadAt, ZipError, read_zip};
use ferrywheel::ingest::{Profile, check_sdist, check_wheel};

use super::support::Wheel;
use super::support::zip::{Member, zip};

/// Bytes in memory that count how often and how much is read of them.
struct Counted<'a> {
    bytes: &'a [u8],
    reads: Cell<u64>,
    read_bytes: Cell<u64>,
}

impl<'a> Counted<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, reads: Cell::new(0), read_bytes: Cell::new(0) }
    }
}

impl ReadAt for Counted<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.reads.set(self.reads.get() + 1);
        self.read_bytes.set(self.read_bytes.get() + buffer.len() as u64);
        self.bytes.read_exact_at(buffer, offset)
    }
}

/// A wheel or sdist of some size; twice the number makes twice the bytes.
type Shape = (&'static str, fn(usize) -> Vec<u8>);

fn wheel_of(files: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    files.fold(Wheel::new("demo", "1.0"), |wheel, (name, content)| wheel.file(&name, content)).build().to_vec()
}

/// Bytes that no compressor makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(step).collect()
}

const SHAPES: [Shape; 7] = [
    ("many small files", |count| wheel_of((0..count).map(|number| (format!("demo/m{number:06}.py"), vec![b'#'; 10])))),
    ("one large file", |count| wheel_of([("demo/data".to_owned(), noise(count * 300))].into_iter())),
    ("long names", |count| {
        wheel_of((0..count / 4).map(|number| (format!("{}{number:06}", "d/".repeat(90)), Vec::new())))
    }),
    ("many requirements", |count| {
        (0..count)
            .fold(Wheel::new("demo", "1.0"), |wheel, number| wheel.requires(&format!("dep{number}")))
            .build()
            .to_vec()
    }),
    ("many wrong names", |count| {
        let members: Vec<Member> = (0..count).map(|number| Member::stored(&format!("../{number:06}"), b"")).collect();
        zip(&members)
    }),
    ("one file under many names", |count| {
        let members: Vec<Member> =
            (0..count).map(|number| Member::stored(&format!("k{number:06}"), b"").sharing(0)).collect();
        zip(&members)
    }),
    ("a source distribution", |count| {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let info = b"Metadata-Version: 2.2\nName: demo\nVersion: 1.0\n".to_vec();
        for (name, content) in [("PKG-INFO", info), ("data", noise(count * 300))] {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, format!("demo-1.0/{name}"), &content[..]).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }),
];

/// Reads and bytes that judging a file takes.
fn work(what: &str, bytes: &[u8]) -> (u64, u64) {
    let (source, length, limits) = (Counted::new(bytes), bytes.len() as u64, Limits::default());
    let report = match what {
        "a source distribution" => check_sdist(&source, length, "demo-1.0.tar.gz", Profile::Strict, &limits),
        _ => check_wheel(&source, length, "demo-1.0-py3-none-any.whl", Profile::Strict, &limits),
    };
    assert!(!report.unwrap().findings.iter().any(|found| found.rule == "ZIP-END"), "{what} is no archive");
    (source.reads.get(), source.read_bytes.get())
}

#[test]
fn twice_the_file_is_at_most_twice_the_work() {
    for (what, make) in SHAPES {
        let mut before: Option<(u64, u64)> = None;
        for count in [500, 1000, 2000, 4000] {
            let bytes = make(count);
            let (reads, read_bytes) = work(what, &bytes);
            // The end of the file, the directory and every local header are read once more than the content.
            assert!(
                read_bytes <= 3 * bytes.len() as u64 + (128 << 10),
                "{what}: {read_bytes} bytes of {}",
                bytes.len()
            );
            if let Some((reads_before, bytes_before)) = before {
                assert!(reads <= 2 * reads_before + 8, "{what}: {reads} reads after {reads_before}");
                assert!(
                    read_bytes <= 2 * bytes_before + (128 << 10),
                    "{what}: {read_bytes} bytes after {bytes_before}"
                );
            }
            before = Some((reads, read_bytes));
        }
    }
}

/// Nanoseconds that this thread has computed, by the kernel's account: what other processes do does not count.
fn computed_ns() -> u64 {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    account.split(' ').next().unwrap().parse().unwrap()
}

/// Archives that would cost their reader far more than they have.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let claims = |count: usize, size_bytes: u32| {
        let claim = |number| Member::stored(&format!("k{number:06}"), b"").claiming(size_bytes);
        (0..count).map(claim).collect::<Vec<_>>()
    };
    let shared = claims(100_000, 1 << 20).into_iter().map(|member| member.sharing(0)).collect::<Vec<_>>();
    let mut counted = zip(&[Member::stored("a", b"")]);
    let at = counted.len() - 22;
    counted[at + 8..at + 12].copy_from_slice(&[0xff; 4]);
    vec![
        ("one entry that claims 3 GiB", zip(&claims(1, 3 << 30))),
        ("100,000 entries that claim 1 MiB each", zip(&claims(100_000, 1 << 20))),
        ("100,000 entries that share one block", zip(&shared)),
        ("300,000 entries", zip(&claims(300_000, 0))),
        (
            "a directory of 50 MiB",
            zip(&(0..900).map(|n| Member::stored(&format!("{n:060000}"), b"")).collect::<Vec<_>>()),
        ),
        ("a count that lies", counted),
    ]
}

#[test]
fn a_bomb_costs_no_more_than_a_look_at_its_directory() {
    for (what, bytes) in bombs() {
        let source = Counted::new(&bytes);
        let began = computed_ns();
        let refused = read_zip(&source, bytes.len() as u64, &Limits::default());
        let computed_ms = (computed_ns() - began) / 1_000_000;
        let Err(ZipError::Refused(faults)) = refused else { panic!("{what} was taken") };
        println!("{what}: refused after {computed_ms} ms of computing ({})", faults[0].message);
        // An unoptimised build on a slow machine takes 160 ms at most, an optimised one 5 ms.
        assert!(computed_ms < 1_000, "{what}: {computed_ms} ms");
        // What its directory is long, and the end of the file: nothing of the entries.
        let directory_bytes = bytes.len().min(41 << 20) as u64;
        assert!(
            source.read_bytes.get() <= directory_bytes + (128 << 10),
            "{what}: {} bytes read",
            source.read_bytes.get()
        );
        assert!(source.reads.get() <= 8, "{what}: {} reads", source.reads.get());
    }
}

#[test]
fn an_entry_that_lies_about_its_length_is_unpacked_no_further_than_it_says() {
    let zeros = vec![0; 64 << 20];
    let bytes = zip(&[Member::deflated("demo/zeros", &zeros).claiming(10)]);
    let began = computed_ns();
    let report =
        check_wheel(&bytes[..], bytes.len() as u64, "demo-1.0-py3-none-any.whl", Profile::Mirror, &Limits::default());
    let computed_ms = (computed_ns() - began) / 1_000_000;
    let report = report.unwrap();
    assert!(report.findings.iter().any(|found| found.rule == "ZIP-DATA"), "{:?}", report.findings);
    assert!(computed_ms < 1_000, "{computed_ms} ms");
}

#[test]
fn an_archive_inside_an_archive_is_a_file_like_any_other() {
    let inner = zip(&[Member::stored("k", b"").claiming(3 << 30)]);
    let wheel = Wheel::new("demo", "1.0").file("demo/inner.zip", inner);
    let bytes = wheel.build();
    let report = check_wheel(&bytes[..], bytes.len() as u64, &wheel.filename(), Profile::Strict, &Limits::default());
    assert!(report.unwrap().facts.is_some());
}
