//! Which batch an upload went into, kept for the next run of the same command: it goes on where this one ended.

use std::path::{Path, PathBuf};

use url::Url;

use super::Environment;
use crate::model::{ChannelName, Sha256Digest};

/// One small file in the user's folder for such things; without a home nothing is kept, and whole files still need not travel
/// again.
#[derive(Clone, Debug)]
pub struct UploadState {
    file: Option<PathBuf>,
}

impl UploadState {
    /// The state of uploading these paths into a channel of a server.
    pub fn of(environment: &Environment, server: &Url, channel: &ChannelName, paths: &[PathBuf]) -> Self {
        let folder =
            |name: &str| environment.get(name).filter(|value| Path::new(value).is_absolute()).map(PathBuf::from);
        let home = || folder("HOME").map(|home| home.join(".local").join("state"));
        let mut what = format!("{server}\n{channel}\n");
        for path in paths {
            let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            what.push_str(&format!("{}\n", path.display()));
        }
        let name = Sha256Digest::of(what.as_bytes()).to_hex();
        let file =
            folder("XDG_STATE_HOME").or_else(home).map(|state| state.join("ferrywheel").join("uploads").join(name));
        Self { file }
    }

    /// The batch, if an earlier run has left one.
    pub fn read(&self) -> Option<String> {
        let id = std::fs::read_to_string(self.file.as_ref()?).ok()?;
        let id = id.trim();
        // It becomes a part of a URL.
        (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| id.to_owned())
    }

    /// Keeps the batch; where nothing can be written, the next run begins anew.
    pub fn write(&self, id: &str) {
        let Some(file) = &self.file else { return };
        let folder = file.parent().unwrap_or(file);
        if let Err(error) = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(file, format!("{id}\n"))) {
            tracing::debug!("the batch is not remembered: {error}");
        }
    }

    /// The batch has ended.
    pub fn forget(&self) {
        if let Some(file) = &self.file {
            // It may never have been written.
            drop(std::fs::remove_file(file));
        }
    }
}
