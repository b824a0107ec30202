//! The real program and a wheel of 5 GB, made while it is sent: taken or refused by limit, in little memory either way.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::support::zip::put_end;

/// How much more memory the server may need than before, in bytes.
const MAX_GROWTH_BYTES: u64 = 64 << 20;

/// Length of each of the wheel's files; as they are equal, they are hashed once.
const FILE_BYTES: u64 = 1 << 30;

/// How many such files make 5 GB. Offsets behind the fourth need zip64.
const FILES: u64 = 5;

/// How many are sent where nobody asks for all of them: `FERRYWHEEL_TEST_FILES=5` sends the whole wheel.
const FEW_FILES: u64 = 1;

static PIECE: [u8; 1 << 16] = [0; 1 << 16];

const FILENAME: &str = "huge-1.0-py3-none-any.whl";

struct Server {
    child: Child,
    address: String,
    token: String,
    _data: tempfile::TempDir,
}

impl Server {
    fn start(max_file_size_bytes: u64) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_ferrywheel"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .env_clear()
            .env("FERRYWHEEL_MAX_FILE_SIZE_BYTES", max_file_size_bytes.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let token = token(data.path());
        Self { child, address, token, _data: data }
    }

    /// A number of the process's account, in bytes: `VmRSS` is its memory now, `VmHWM` the most it ever had.
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Sends the wheel and gives the answer, and how many bytes of content the server let us send before it.
    fn upload(&self, wheel: &Wheel, has_length: bool) -> (String, u64) {
        let stream = TcpStream::connect(&self.address).unwrap();
        let mut answers = stream.try_clone().unwrap();
        let reader = std::thread::spawn(move || {
            let mut answer = Vec::new();
            // A connection that is reset behind the answer has given it all the same.
            let _ = answers.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        });
        let framing = match has_length {
            true => format!("content-length: {}", wheel.length()),
            false => "transfer-encoding: chunked".to_owned(),
        };
        let head = format!(
            "PUT /api/v1/channels/staging/files/{FILENAME} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
             authorization: Bearer {}\r\n{framing}\r\n\r\n",
            self.token
        );
        let mut sent = 0;
        let mut send = |bytes: &[u8]| {
            sent += bytes.len() as u64;
            let (head, tail) =
                if has_length { (String::new(), "") } else { (format!("{:x}\r\n", bytes.len()), "\r\n") };
            let mut stream = &stream;
            [head.as_bytes(), bytes, tail.as_bytes()].iter().all(|part| stream.write_all(part).is_ok())
        };
        let is_whole = (&stream).write_all(head.as_bytes()).is_ok() && wheel.pieces(&mut send);
        if is_whole && !has_length {
            let _ = (&stream).write_all(b"0\r\n\r\n");
        }
        let answer = reader.join().unwrap();
        let _ = stream.shutdown(Shutdown::Both);
        (answer, sent)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn token(data: &Path) -> String {
    std::fs::read_to_string(data.join("admin-token")).unwrap().trim().to_owned()
}

/// A wheel with large files of zeros, stored, which is nowhere as a whole.
struct Wheel {
    /// Headers, small files and the end, and before which of them how many zeros stand.
    parts: Vec<(u64, Vec<u8>)>,
}

impl Wheel {
    fn new(file_count: u64) -> Self {
        let (zeros_crc, zeros_hash) = if file_count == 0 { (0, String::new()) } else { hash_zeros() };
        let info = "huge-1.0.dist-info";
        let mut record = String::new();
        let mut small = vec![
            (format!("{info}/METADATA"), "Metadata-Version: 2.1\nName: huge\nVersion: 1.0\n".to_owned()),
            (
                format!("{info}/WHEEL"),
                "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned(),
            ),
        ];
        for (name, content) in &small {
            let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(content.as_bytes()));
            record.push_str(&format!("{name},sha256={digest},{}\n", content.len()));
        }
        for number in 0..file_count {
            record.push_str(&format!("huge/zeros{number}.bin,sha256={zeros_hash},{FILE_BYTES}\n"));
        }
        record.push_str(&format!("{info}/RECORD,,\n"));
        small.push((format!("{info}/RECORD"), record));
        let mut wheel = Self { parts: vec![(0, Vec::new())] };
        let mut directory = Vec::new();
        for (name, content) in &small {
            wheel.put(&mut directory, name, crc32fast::hash(content.as_bytes()), content.len() as u64);
            wheel.parts.last_mut().unwrap().1.extend_from_slice(content.as_bytes());
        }
        for number in 0..file_count {
            wheel.put(&mut directory, &format!("huge/zeros{number}.bin"), zeros_crc, FILE_BYTES);
            wheel.parts.push((FILE_BYTES, Vec::new()));
        }
        let (offset, size_bytes) = (wheel.length(), directory.len() as u64);
        put_end(&mut directory, small.len() as u64 + file_count, size_bytes, offset);
        wheel.parts.last_mut().unwrap().1.extend_from_slice(&directory);
        wheel
    }

    /// Adds the local header of a stored file here, and its central one to the directory.
    fn put(&mut self, directory: &mut Vec<u8>, name: &str, crc32: u32, size_bytes: u64) {
        let offset = self.length();
        let is_far = offset >= u64::from(u32::MAX);
        let common = |extra_bytes: u16| {
            let size = u32::try_from(size_bytes).unwrap();
            let mut common = Vec::new();
            [45, 0, 0, 0, 0x21_u16].iter().for_each(|number| common.extend_from_slice(&number.to_le_bytes()));
            [crc32, size, size].iter().for_each(|number| common.extend_from_slice(&number.to_le_bytes()));
            let name_bytes = u16::try_from(name.len()).unwrap();
            [name_bytes, extra_bytes].iter().for_each(|number| common.extend_from_slice(&number.to_le_bytes()));
            common
        };
        let here = &mut self.parts.last_mut().unwrap().1;
        here.extend_from_slice(&[b"PK\x03\x04", &common(0)[..], name.as_bytes()].concat());
        directory.extend_from_slice(b"PK\x01\x02\x2d\x03");
        directory.extend_from_slice(&common(if is_far { 12 } else { 0 }));
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(0o100_644_u32 << 16).to_le_bytes());
        directory.extend_from_slice(&u32::try_from(offset).unwrap_or(u32::MAX).to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
        if is_far {
            directory.extend_from_slice(&[1, 0, 8, 0]);
            directory.extend_from_slice(&offset.to_le_bytes());
        }
    }

    fn length(&self) -> u64 {
        self.parts.iter().map(|(zeros, bytes)| zeros + bytes.len() as u64).sum()
    }

    /// Gives all of it, piece by piece, for as long as they are taken.
    fn pieces(&self, take: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.parts.iter().all(|(zeros, bytes)| {
            let whole = zeros / PIECE.len() as u64;
            assert_eq!(whole * PIECE.len() as u64, *zeros);
            (0..whole).all(|_| take(&PIECE)) && (bytes.is_empty() || take(bytes))
        })
    }
}

/// CRC-32 and SHA-256, as RECORD writes it, of one large file.
fn hash_zeros() -> (u32, String) {
    let (mut crc, mut sha256) = (crc32fast::Hasher::new(), Sha256::new());
    for _ in 0..FILE_BYTES / PIECE.len() as u64 {
        crc.update(&PIECE);
        sha256.update(PIECE);
    }
    (crc.finalize(), URL_SAFE_NO_PAD.encode(sha256.finalize()))
}

fn wanted_files() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the whole wheel takes minutes and 5 GB of disk, so it is asked for")]
    let wanted = std::env::var("FERRYWHEEL_TEST_FILES").ok();
    wanted.map_or(FEW_FILES, |count| count.parse().unwrap())
}

#[test]
fn a_huge_wheel_is_taken_in_little_memory() {
    let wheel = Wheel::new(wanted_files());
    let server = Server::start(8 << 30);
    let before = server.memory("VmRSS");
    let (answer, _) = server.upload(&wheel, true);
    let growth_bytes = server.memory("VmHWM").saturating_sub(before);
    println!("{} bytes taken, memory grew by {growth_bytes} bytes", wheel.length());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(&format!("\"size_bytes\":{}", wheel.length())), "{answer}");
    assert!(growth_bytes < MAX_GROWTH_BYTES, "memory grew by {growth_bytes} bytes");
}

#[test]
fn a_huge_wheel_over_the_limit_is_refused_by_it_in_little_memory() {
    const LIMIT_BYTES: u64 = 128 << 20;
    let wheel = Wheel::new(FILES);
    let server = Server::start(LIMIT_BYTES);
    let before = server.memory("VmRSS");
    for has_length in [true, false] {
        let (answer, sent_bytes) = server.upload(&wheel, has_length);
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("max_file_size_bytes"), "{answer}");
        // Answered early, a client that goes on sending is let run on for a while, so that it sees the answer.
        assert!(sent_bytes <= 3 * LIMIT_BYTES, "{sent_bytes} bytes were sent");
    }
    let growth_bytes = server.memory("VmHWM").saturating_sub(before);
    assert!(growth_bytes < MAX_GROWTH_BYTES, "memory grew by {growth_bytes} bytes");
    let answer = server.upload(&Wheel::new(0), true).0;
    assert!(answer.starts_with("HTTP/1.1 200"), "the server goes on: {answer}");
}
