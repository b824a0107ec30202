//! API tokens: random, shown once, stored as a digest only.

use rand::Rng;

use crate::model::Sha256Digest;

/// Random bytes in a token: 256 bits, far beyond guessing.
const SECRET_BYTES: usize = 32;

/// Makes a token and the digest under which the index keeps it.
///
/// The text is `fw_` and 64 hexadecimal digits, so that a leaked one can be recognised by scanners.
pub fn new_token(rng: &mut impl Rng) -> (String, Sha256Digest) {
    let mut secret = [0; SECRET_BYTES];
    rng.fill_bytes(&mut secret);
    let token = format!("fw_{}", hex::encode(secret));
    let digest = secret_digest(&token);
    (token, digest)
}

/// Digest under which the index keeps a token.
///
/// A plain SHA-256 is enough: the secret has 256 random bits, so there is nothing to guess by trying. Looking it up by
/// digest also means that the time it takes tells nothing about how much of a guess was right.
pub fn secret_digest(token: &str) -> Sha256Digest {
    Sha256Digest::of(token.as_bytes())
}
