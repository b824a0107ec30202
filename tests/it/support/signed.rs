//! Files that real publishers have signed (`tests/it/attestations`), and servers that trust some of them.

use std::path::PathBuf;

use ferrywheel::config::Settings;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use sigstore_verify::trust_root::SIGSTORE_STAGING_TRUSTED_ROOT;
use tempfile::TempDir;

use super::server::{Setup, answer};
use super::{Answer, TestServer};

/// The root of Sigstore's public instance, by its name in the settings.
pub const PUBLIC_GOOD: &str = "public-good";

/// One file and what vouches for it.
#[derive(Clone, Copy)]
pub struct Signed {
    pub filename: &'static str,
    pub bytes: &'static [u8],
    pub project: &'static str,
    pub version: &'static str,
    pub attestations: &'static [&'static str],
}

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../attestations/", $name))
    };
}

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../attestations/", $name))
    };
}

/// Signed by a workflow on GitHub: that it was published, and how it was built.
pub const GITHUB: Signed = Signed {
    filename: "pypi_attestations-0.0.19.tar.gz",
    bytes: file!("pypi_attestations-0.0.19.tar.gz"),
    project: "pypi-attestations",
    version: "0.0.19",
    attestations: &[
        text!("pypi_attestations-0.0.19.tar.gz.publish.attestation"),
        text!("pypi_attestations-0.0.19.tar.gz.slsa.attestation"),
    ],
};

/// The provenance object that PyPI has made of the first of them.
pub const GITHUB_OBJECT: &str = text!("pypi_attestations-0.0.19.tar.gz.provenance");

/// Signed by a pipeline on GitLab.
pub const GITLAB: Signed = Signed {
    filename: "gitlab_oidc_project-0.0.3.tar.gz",
    bytes: file!("gitlab_oidc_project-0.0.3.tar.gz"),
    project: "gitlab-oidc-project",
    version: "0.0.3",
    attestations: &[text!("gitlab_oidc_project-0.0.3.tar.gz.publish.attestation")],
};

/// Signed by a person with an e-mail address, by Sigstore's staging instance: no other root believes it.
pub const EMAIL: Signed = Signed {
    filename: "rfc8785-0.1.2-py3-none-any.whl",
    bytes: file!("rfc8785-0.1.2-py3-none-any.whl"),
    project: "rfc8785",
    version: "0.1.2",
    attestations: &[text!("rfc8785-0.1.2-py3-none-any.whl.publish.attestation")],
};

impl Signed {
    /// Its attestations, as an upload form carries them.
    pub fn attestations(&self) -> Value {
        self.attestations.iter().map(|text| serde_json::from_str::<Value>(text).unwrap()).collect()
    }

    /// Where it is served.
    pub fn integrity(&self) -> String {
        format!("/integrity/{}/{}/{}/provenance", self.project, self.version, self.filename)
    }

    /// Uploads it as twine does, with these attestations.
    pub async fn upload(&self, server: &TestServer, attestations: &Value) -> Answer {
        let filetype = if self.filename.ends_with(".whl") { "bdist_wheel" } else { "sdist" };
        let form = Form::new()
            .text(":action", "file_upload")
            .text("name", self.project)
            .text("version", self.version)
            .text("filetype", filetype)
            .text("attestations", attestations.to_string())
            .part("content", Part::bytes(self.bytes).file_name(self.filename));
        let request = server.request(Method::POST, "/legacy/").basic_auth("__token__", Some(server.token()));
        answer(request.header("accept", "application/json").multipart(form)).await
    }

    /// What the server tells of its provenance in a channel; `null` if there is none.
    pub async fn told(&self, server: &TestServer, channel: &str) -> Value {
        let path = format!("/api/v1/channels/{channel}/projects/{}/provenance", self.project);
        server.get(&path).await.json()["files"][0]["provenance"].clone()
    }

    /// Attested and verified files, as a search tells them.
    pub async fn counted(&self, server: &TestServer) -> (i64, i64) {
        let hit = server.get(&format!("/api/v1/search?channel=staging&q={}", self.project)).await.json();
        let count = |name: &str| hit["results"][0][name].as_i64().unwrap();
        (count("attested_count"), count("verified_count"))
    }
}

/// How a server is started that trusts these roots.
pub fn trusting(roots: &[&str]) -> Setup {
    let attestation_roots = roots.iter().map(ToString::to_string).collect();
    Setup { settings: Settings { attestation_roots, ..Settings::default() }, ..Setup::default() }
}

/// A file with the root of Sigstore's staging instance, and the directory that holds it.
pub fn staging_root() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trusted_root.json");
    std::fs::write(&path, SIGSTORE_STAGING_TRUSTED_ROOT).unwrap();
    (directory, path)
}
