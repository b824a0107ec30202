//! Reading an upload form as it streams in: the file goes to its pending blob, of the text fields only what is looked at
//! is kept (standards UPL-02, UPL-03).

use axum::RequestExt as _;
use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{Multipart, Request};

use super::upload_body::{CountedBody, Progress};
use crate::blobs::Hashing;
use crate::ingest::{
    Form, FormField, IngestLimits, IngestParts, MAX_FORM_FIELDS, PendingUpload, Profile, Upload, UploadError,
    UploadOutcome, check_access, publish, try_publish,
};
use crate::model::{ChannelName, Finding, Principal};
use crate::packaging::shown;

/// One form on its way in.
pub struct FormReader {
    multipart: Multipart,
    texts: Texts,
}

/// A form that was read to its end, with its file aside.
pub struct ReadForm<'a> {
    parts: &'a IngestParts,
    pending: PendingUpload<'a>,
    upload: Upload,
    notes: Vec<Finding>,
}

/// The text fields so far.
struct Texts {
    form: Form,
    progress: Progress,
    field_count: usize,
    size_bytes: usize,
    notes: Vec<Finding>,
}

impl FormReader {
    /// Begins to read; `action` may come from the query.
    pub async fn new(request: Request, action: Option<String>) -> Result<Self, UploadError> {
        let progress = Progress::default();
        let counted = request.map(|body| Body::new(CountedBody::new(body, progress.clone())));
        let refused = |_| UploadError::form("Content-Type", "the body is not `multipart/form-data` with a boundary");
        let multipart = counted.extract().await.map_err(refused)?;
        let mut form = Form::default();
        if let Some(action) = action {
            form.push(FormField { name: ":action".to_owned(), value: action.into_bytes() });
        }
        Ok(Self { multipart, texts: Texts { form, progress, field_count: 0, size_bytes: 0, notes: Vec::new() } })
    }

    /// Reads the form to its end, whatever the order of its fields.
    pub async fn read<'a>(
        mut self,
        parts: &'a IngestParts,
        who: &Principal,
        channel: ChannelName,
    ) -> Result<ReadForm<'a>, UploadError> {
        let mut content = None;
        while let Some(field) = self.multipart.next_field().await.map_err(broken)? {
            self.texts.count()?;
            if field.name() == Some("content") {
                let filename = content_name(&field, content.is_some())?;
                check_access(who, &channel, &filename)?;
                content = Some((filename, self.texts.spool(parts, field).await?));
            } else {
                self.texts.read(&parts.limits, field).await?;
            }
        }
        let form = self.texts.form;
        let Some((filename, pending)) = content else {
            return Err(match form.read("") {
                Err(error @ UploadError::ActionGone { .. }) => error,
                _ => UploadError::form("content", "the form has no `content`, which is the file itself"),
            });
        };
        let declared = form.read(&filename)?;
        let provenance = form.attestations()?;
        let profile = Profile::Strict;
        let upload = Upload { channel, filename, declared, profile, uploaded_at: None, yank: None, provenance };
        Ok(ReadForm { parts, pending, upload, notes: self.texts.notes })
    }
}

impl ReadForm<'_> {
    /// Publishes the file.
    pub async fn publish(self, who: &Principal) -> Result<UploadOutcome, UploadError> {
        let channel = self.upload.channel.clone();
        let staged = self.pending.check(who, self.upload).await?.keep().await?;
        let mut outcome = publish(self.parts, who, &channel, staged).await?;
        outcome.findings.extend(self.notes);
        Ok(outcome)
    }

    /// What [`ReadForm::publish`] would answer; nothing is kept.
    pub async fn try_publish(self, who: &Principal) -> Result<UploadOutcome, UploadError> {
        let channel = self.upload.channel.clone();
        let checked = self.pending.check(who, self.upload).await?;
        let mut outcome = try_publish(self.parts, &channel, &checked).await?;
        outcome.findings.extend(self.notes);
        Ok(outcome)
    }
}

impl Texts {
    fn count(&mut self) -> Result<(), UploadError> {
        self.progress.made();
        self.field_count += 1;
        if self.field_count > MAX_FORM_FIELDS {
            return Err(UploadError::form("", format!("the form has more than {MAX_FORM_FIELDS} fields")));
        }
        Ok(())
    }

    /// Streams the file to a pending blob.
    async fn spool<'a>(&self, parts: &'a IngestParts, mut field: Field<'_>) -> Result<PendingUpload<'a>, UploadError> {
        let hashing = match self.form.has_md5() {
            true => Hashing::WithMd5,
            false => Hashing::Standard,
        };
        let mut pending = PendingUpload::begin(parts, hashing).await?;
        while let Some(piece) = self.next_piece(&mut field).await? {
            pending.write(piece).await?;
        }
        Ok(pending)
    }

    /// Reads a text field within its limits; one that nobody looks at is counted and dropped.
    async fn read(&mut self, limits: &IngestLimits, mut field: Field<'_>) -> Result<(), UploadError> {
        let name = field.name().unwrap_or_default().to_owned();
        let (limit, limit_of_all) = (limits.max_field_bytes(&name), limits.max_form_bytes());
        let too_large = |what: &str, limit: usize| UploadError::too_large(what, limit as u64, "max_form_field_bytes");
        let (mut value, mut length) = (Vec::new(), 0);
        while let Some(piece) = self.next_piece(&mut field).await? {
            length += piece.len();
            self.size_bytes += piece.len();
            if length > limit {
                return Err(too_large(&format!("the field `{}`", shown(&name)), limit));
            }
            if self.size_bytes > limit_of_all {
                return Err(too_large("the text of the form", limit_of_all));
            }
            if Form::is_known(&name) {
                value.extend_from_slice(&piece);
            }
        }
        if name == "gpg_signature" {
            let text = format!("`{name}` was dropped; this server does not keep it");
            self.notes.push(Finding::note("UPL-03", "field-dropped", text).at(&name));
        }
        self.form.push(FormField { name, value });
        Ok(())
    }

    async fn next_piece(&self, field: &mut Field<'_>) -> Result<Option<Bytes>, UploadError> {
        let piece = field.chunk().await.map_err(broken)?;
        self.progress.made();
        Ok(piece)
    }
}

/// The file's name as the part gives it. The part often has no `Content-Type`, and never one of an image.
fn content_name(field: &Field<'_>, is_second: bool) -> Result<String, UploadError> {
    if is_second {
        return Err(UploadError::form("content", "the form has two parts `content`"));
    }
    if field.content_type().is_some_and(|content_type| content_type.starts_with("image/")) {
        return Err(UploadError::form("content", "the part `content` says that it is an image"));
    }
    match field.file_name().filter(|filename| !filename.is_empty()) {
        Some(filename) => Ok(filename.to_owned()),
        None => Err(UploadError::form("content", "the part `content` has no file name")),
    }
}

/// A form that breaks off or is no form. The innermost cause says which.
fn broken(error: MultipartError) -> UploadError {
    let mut innermost: &dyn std::error::Error = &error;
    let mut is_transport = false;
    while let Some(cause) = innermost.source() {
        innermost = cause;
        is_transport |= cause.is::<hyper::Error>() || cause.is::<std::io::Error>();
    }
    match is_transport {
        true => UploadError::Aborted(std::io::Error::other(error)),
        false => UploadError::form("", format!("the body is not sound `multipart/form-data`: {innermost}")),
    }
}
