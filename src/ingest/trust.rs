//! The trust roots that were set, read at the start, and signatures verified by them off the runtime.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::model::{Diagnostic, Kind, Sha256Digest};
use crate::packaging::{AttestationFault, PUBLIC_GOOD_ROOT, Provenance, Signer, TrustRootFault, TrustRoots};

/// Why the trust roots that were set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustRootsError {
    /// A file cannot be read.
    #[error("the trust root `{path}` cannot be read")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file holds no trust root by which something could be verified.
    #[error("`{path}` is no usable trust root: {fault}")]
    Unusable {
        /// The file, or the name of a root that is known.
        path: String,
        /// What is wrong with it.
        fault: TrustRootFault,
    },
}

impl Diagnostic for TrustRootsError {
    fn code(&self) -> &'static str {
        "ingest/trust-root-unusable"
    }

    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(
            format!(
                "Name files of the form `trusted_root.json`, or `{PUBLIC_GOOD_ROOT}`, in the setting `attestation_roots`."
            )
            .into(),
        )
    }
}

/// The roots by which signatures are verified; by default there is none, and nothing is verified.
#[derive(Clone, Debug, Default)]
pub struct Trust(Option<Arc<TrustRoots>>);

impl Trust {
    /// Reads the roots that the setting `attestation_roots` names: files, or the name of the public one.
    pub fn load(names: &[String]) -> Result<Self, TrustRootsError> {
        let mut roots = TrustRoots::default();
        for name in names {
            let path = || name.clone();
            let added = match name.as_str() {
                PUBLIC_GOOD_ROOT => roots.add_public_good(),
                _ => {
                    let text = std::fs::read_to_string(name);
                    roots.add_json(name, &text.map_err(|source| TrustRootsError::Unreadable { path: path(), source })?)
                }
            };
            added.map_err(|fault| TrustRootsError::Unusable { path: path(), fault })?;
        }
        Ok(Self((!roots.is_empty()).then(|| Arc::new(roots))))
    }

    /// The signers of a provenance, one for each attestation; nobody where there is no root. Or all that is wrong.
    pub(super) async fn verify(
        &self,
        provenance: &Provenance,
        sha256: &Sha256Digest,
    ) -> Result<Vec<Signer>, Vec<AttestationFault>> {
        let Some(roots) = self.0.clone() else { return Ok(Vec::new()) };
        let (provenance, sha256) = (provenance.clone(), sha256.to_hex());
        let verdict = spawn_blocking(move || roots.verify(&provenance, &sha256)).await;
        verdict.unwrap_or_else(|_| Err(vec![AttestationFault::unverified("the check of its signatures stopped")]))
    }
}
