//! Small files of the user's own configuration, read with a limit.

use std::path::Path;

use super::MirrorError;

/// Largest settings file that is read, in bytes: real ones have a few hundred.
const MAX_SETTINGS_BYTES: u64 = 1 << 20;

/// Largest file of certificates, in bytes: the bundles of distributions have a few hundred kilobytes.
pub(super) const MAX_CERTIFICATES_BYTES: u64 = 16 << 20;

/// The text of a settings file; `None` if there is none.
pub(super) async fn read_settings(path: &Path) -> Result<Option<String>, MirrorError> {
    match read_at_most(path, MAX_SETTINGS_BYTES).await {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(MirrorError::Directory { path: path.to_owned(), cause: Box::new(error) }),
    }
}

/// The bytes of a file that is not longer than `limit`.
pub(super) async fn read_at_most(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    use tokio::io::AsyncReadExt as _;
    let file = tokio::fs::File::open(path).await?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > limit {
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, format!("longer than {limit} bytes")));
    }
    Ok(bytes)
}

/// Whether nothing is there for us: pip and uv pass over files that they may not read, and so does this.
fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::PermissionDenied
    )
}
