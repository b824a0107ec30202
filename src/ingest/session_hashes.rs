//! The digests that a client announces with a file of an upload session: every one of them must hold, so one that cannot be
//! computed here is refused.

use std::collections::BTreeMap;

use md5::Digest as _;

use crate::model::{Blake2b256Digest, Finding, Md5Digest, Sha256Digest};
use crate::packaging::shown;

use super::{Declared, SessionError, UploadError};

/// What is read here, by the names of Python's `hashlib`, and `blake2b_256` as upload forms know it. All but MD5 are secure.
const KNOWN: &str = "`sha224`, `sha256`, `sha384`, `sha512`, `blake2b`, `blake2b_256` and `md5`";

/// Announced digests, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Announced {
    /// Those that every upload is compared with.
    pub declared: Declared,
    /// Others, by algorithm.
    others: Vec<(Other, Vec<u8>)>,
}

/// An algorithm whose digest is computed only when it was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    Sha224,
    Sha384,
    Sha512,
    Blake2b,
}

impl Other {
    fn name(self) -> &'static str {
        match self {
            Self::Sha224 => "sha224",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Blake2b => "blake2b",
        }
    }

    fn length_bytes(self) -> usize {
        match self {
            Self::Sha224 => 28,
            Self::Sha384 => 48,
            Self::Sha512 | Self::Blake2b => 64,
        }
    }
}

impl Announced {
    /// Reads `hashes`; a secure algorithm must be among them.
    pub(super) fn read(hashes: &BTreeMap<String, String>) -> Result<Self, SessionError> {
        let mut announced = Self::default();
        let mut is_secure = false;
        for (name, digits) in hashes {
            let invalid = || SessionError::Hashes { fault: format!("`{name}` is no digest in hexadecimal digits") };
            let other = match name.as_str() {
                "sha256" => {
                    announced.declared.sha256 = Some(digits.parse::<Sha256Digest>().map_err(|_| invalid())?);
                    None
                }
                "blake2b_256" => {
                    announced.declared.blake2b_256 = Some(digits.parse::<Blake2b256Digest>().map_err(|_| invalid())?);
                    None
                }
                "md5" => {
                    announced.declared.md5 = Some(digits.parse::<Md5Digest>().map_err(|_| invalid())?);
                    continue;
                }
                "sha224" => Some(Other::Sha224),
                "sha384" => Some(Other::Sha384),
                "sha512" => Some(Other::Sha512),
                "blake2b" => Some(Other::Blake2b),
                _ => {
                    let fault = format!("`{}` is not computed here; {KNOWN} are", shown(name));
                    return Err(SessionError::Hashes { fault });
                }
            };
            is_secure = true;
            if let Some(other) = other {
                let bytes = hex::decode(digits).ok().filter(|bytes| bytes.len() == other.length_bytes());
                announced.others.push((other, bytes.ok_or_else(invalid)?));
            }
        }
        match is_secure {
            true => Ok(announced),
            false => Err(SessionError::Hashes { fault: "none of them is of a secure algorithm".to_owned() }),
        }
    }

    /// Begins to compute what every upload is not compared with anyway.
    pub(super) fn hashers(&self) -> Hashers {
        let hashers = self.others.iter().map(|(other, expected)| (Hasher::new(*other), *other, expected.clone()));
        Hashers(hashers.collect())
    }
}

/// Digests on their way.
pub(super) struct Hashers(Vec<(Hasher, Other, Vec<u8>)>);

enum Hasher {
    Sha224(sha2::Sha224),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
    Blake2b(Box<blake2b_simd::State>),
}

impl Hasher {
    fn new(other: Other) -> Self {
        match other {
            Other::Sha224 => Self::Sha224(sha2::Sha224::new()),
            Other::Sha384 => Self::Sha384(sha2::Sha384::new()),
            Other::Sha512 => Self::Sha512(sha2::Sha512::new()),
            Other::Blake2b => Self::Blake2b(Box::new(blake2b_simd::State::new())),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha224(hasher) => hasher.finalize().to_vec(),
            Self::Sha384(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
            Self::Blake2b(state) => state.finalize().as_bytes().to_vec(),
        }
    }
}

impl Hashers {
    /// Takes the next bytes.
    pub(super) fn update(&mut self, piece: &[u8]) {
        for (hasher, ..) in &mut self.0 {
            match hasher {
                Hasher::Sha224(hasher) => hasher.update(piece),
                Hasher::Sha384(hasher) => hasher.update(piece),
                Hasher::Sha512(hasher) => hasher.update(piece),
                Hasher::Blake2b(state) => {
                    state.update(piece);
                }
            }
        }
    }

    /// Compares all of them.
    pub(super) fn check(self) -> Result<(), UploadError> {
        let differing = self.0.into_iter().filter_map(|(hasher, other, expected)| {
            (hasher.finish() != expected).then(|| {
                let text = format!("`{}` is not the digest of the bytes that arrived", other.name());
                Finding::refuse("UPL-03", "digest-mismatch", text).at(other.name())
            })
        });
        let findings: Vec<Finding> = differing.collect();
        match findings.is_empty() {
            true => Ok(()),
            false => Err(UploadError::DigestMismatch { findings }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Announced, String> {
        let hashes = pairs.iter().map(|(name, digits)| ((*name).to_owned(), (*digits).to_owned())).collect();
        Announced::read(&hashes).map_err(|error| error.to_string())
    }

    #[test]
    fn ok_and_err_announcements() {
        let (of_64, of_32, of_128) = ("ab".repeat(32), "ab".repeat(16), "ab".repeat(64));
        for (pairs, expected) in [
            (vec![("sha256", of_64.as_str())], true),
            (vec![("sha512", of_128.as_str())], true),
            (vec![("blake2b", of_128.as_str())], true),
            (vec![("blake2b_256", of_64.as_str())], true),
            (vec![("sha256", of_64.as_str()), ("md5", of_32.as_str())], true),
            (vec![], false),
            (vec![("md5", of_32.as_str())], false),
            (vec![("sha256", of_32.as_str())], false),
            (vec![("sha256", "no digits")], false),
            (vec![("blake2b", of_64.as_str())], false),
            (vec![("sha256", of_64.as_str()), ("whirlpool", of_128.as_str())], false),
        ] {
            assert_eq!(read(&pairs).is_ok(), expected, "{pairs:?}");
        }
    }

    /// Digests of `abc` as Python's `hashlib` gives them.
    #[test]
    fn digests_that_were_announced_are_compared() {
        let sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        let blake2b = "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1\
                       7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";
        let sha224 = "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7";
        let announced = read(&[("sha512", sha512), ("blake2b", blake2b), ("sha224", sha224)]).unwrap();
        let mut hashers = announced.hashers();
        hashers.update(b"a");
        hashers.update(b"bc");
        hashers.check().unwrap();
        let mut hashers = announced.hashers();
        hashers.update(b"abd");
        let UploadError::DigestMismatch { findings } = hashers.check().unwrap_err() else { panic!() };
        assert_eq!(findings.len(), 3);
    }
}
