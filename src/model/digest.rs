//! Digests of stored bytes: SHA-256 names a blob, the others are kept because clients send and ask for them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text is not the hexadecimal form of a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {algorithm} digest: {length} hexadecimal digits are expected")]
pub struct DigestError {
    /// What was given, safe to show.
    pub given: String,
    /// Name of the algorithm.
    pub algorithm: &'static str,
    /// How many digits it takes.
    pub length: usize,
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $length:literal, $algorithm:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Wraps the raw bytes.
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// Lowercase hexadecimal, as the index and the file names of blobs write it.
            pub fn to_hex(&self) -> String {
                hex::encode(self.0)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            /// Accepts either case, as upload clients send both (standards UPL-03).
            fn from_str(text: &str) -> Result<Self, DigestError> {
                let mut bytes = [0; $length];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| DigestError {
                    given: crate::packaging::shown(text),
                    algorithm: $algorithm,
                    length: 2 * $length,
                })?;
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.to_hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}:{}", $algorithm, self.to_hex())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.to_hex())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

digest!(
    /// SHA-256; the name of a blob. Displayed as bare lowercase hexadecimal.
    Sha256Digest, 32, "sha256"
);
digest!(
    /// BLAKE2b with 32 bytes of output, as upload clients send it (`blake2_256_digest`).
    Blake2b256Digest, 32, "blake2b_256"
);
digest!(
    /// MD5, kept only when the client sent it; proves nothing.
    Md5Digest, 16, "md5"
);

impl Sha256Digest {
    /// Digest of bytes that are in memory.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }
}

/// What is known of a file's bytes after one pass over them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigests {
    /// Names the blob.
    pub sha256: Sha256Digest,
    /// For the legacy JSON API and clients that send it.
    pub blake2b_256: Blake2b256Digest,
    /// Only when the client sent one and it agreed.
    pub md5: Option<Md5Digest>,
    /// Kept so that an archive's directory can be written from the index alone.
    pub crc32: u32,
    /// Length in bytes.
    pub size_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_case_is_read_and_lowercase_is_written() {
        let text = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
        let digest: Sha256Digest = text.parse().unwrap();
        assert_eq!(digest, Sha256Digest::of(b""));
        assert_eq!(digest.to_string(), text.to_lowercase());
    }

    #[test]
    fn a_text_of_another_length_is_refused_with_its_facts() {
        let error = "abc".parse::<Sha256Digest>().unwrap_err();
        assert_eq!(error.to_string(), "`abc` is not a sha256 digest: 64 hexadecimal digits are expected");
    }
}
