//! `/upload/2.0/`: PEP 694. The forms of requests and answers are in `upload2_form` and `upload2_view`, what is staged is
//! shown by `upload2_stage`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::TryStreamExt as _;
use serde::Deserialize;

use super::Problem;
use super::auth::Who;
use super::extract::Segments;
use super::upload2_form::{Nothing, Upload2, answer, read_whole, root_of};
use super::upload2_view::{FileView, Links, SessionView};
use crate::app::App;
use crate::ingest::{self, FileWish, SessionError, SessionParts, SessionWish, UploadError};
use crate::model::{ChannelName, Kind, SessionState, UploadFile, UploadSession};
use crate::packaging::MAX_PROVENANCE_BYTES;

/// When a client may ask again how it stands with a file; nothing takes longer here than the request itself.
const RETRY_AFTER_SECONDS: u32 = 1;

type Answer = Result<Response, Problem>;

/// What a session is begun with.
#[derive(Deserialize)]
pub struct OpenBody {
    name: String,
    version: String,
}

/// What a file is announced with.
#[derive(Deserialize)]
pub struct FileBody {
    filename: String,
    size: u64,
    hashes: BTreeMap<String, String>,
    mechanism: String,
}

/// How much longer a session is to live.
#[derive(Deserialize)]
pub struct ExtendBody {
    #[serde(rename = "extend-for")]
    extend_for: u64,
}

/// What these handlers need of the server, unless the API is switched off.
pub(super) fn parts_of(app: &App) -> Result<SessionParts, Problem> {
    match app.settings.upload2 {
        true => Ok(app.session_parts()),
        false => Err(Problem::new(Kind::NotFound, "upload/off", "Upload 2.0 is switched off on this server")
            .with_hint("Upload to `/legacy/`, or set `upload2 = true` and start the server again.")),
    }
}

/// The session that the path names, for a sender who may upload to its project now. Looked for before a body is read.
pub struct Asked {
    parts: SessionParts,
    session: UploadSession,
    links: Links,
}

/// A file of it, for the same sender.
pub struct AskedFile {
    asked: Asked,
    file: UploadFile,
}

#[derive(Deserialize)]
struct SessionSegment {
    token: String,
}

#[derive(Deserialize)]
struct FileSegment {
    key: String,
}

impl FromRequestParts<Arc<App>> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(request: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let parts = parts_of(app)?;
        let who = Who::from_request_parts(request, app).await?;
        let Segments(SessionSegment { token }) = Segments::from_request_parts(request, app).await?;
        let session = ingest::find_session(&parts, &who.0, &token).await?;
        Ok(Self { parts, session, links: Links::below(&root_of(app, &request.headers)) })
    }
}

impl FromRequestParts<Arc<App>> for AskedFile {
    type Rejection = Problem;

    async fn from_request_parts(request: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let asked = Asked::from_request_parts(request, app).await?;
        let Segments(FileSegment { key }) = Segments::from_request_parts(request, app).await?;
        let key = key.parse().map_err(|_| SessionError::FileUnknown)?;
        let file = ingest::find_file(&asked.parts, &asked.session, key).await?;
        Ok(Self { asked, file })
    }
}

impl Asked {
    async fn view(self, status: StatusCode) -> Answer {
        let Self { parts, session, links } = self;
        let state = parts.state_of(&session);
        let location = links.session(&session.token);
        let files = match state {
            SessionState::Canceled => Vec::new(),
            _ => parts.ingest.index.list_upload_files(&session).await?,
        };
        let response = answer(status, SessionView::new(&links, session, state, files));
        Ok(if status == StatusCode::CREATED { located(response, &location) } else { response })
    }

    fn file_view(&self, status: StatusCode, file: UploadFile) -> Response {
        let location = self.links.file(&self.session.token, file.key);
        let mut response = answer(status, FileView::new(&self.links, &self.session, file));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        if status == StatusCode::OK { response } else { located(response, &location) }
    }
}

fn located(mut response: Response, location: &str) -> Response {
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// `POST /upload/2.0/`: a session for the channel that the settings name for uploads.
pub async fn open(State(app): State<Arc<App>>, who: Who, headers: HeaderMap, body: Upload2<OpenBody>) -> Answer {
    let channel = app.settings.upload_channel.clone();
    begin(&app, &who, &headers, channel, body.0).await
}

/// `POST /{channel}/upload/2.0/`
pub async fn open_in_channel(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(channel): Segments<String>,
    headers: HeaderMap,
    body: Upload2<OpenBody>,
) -> Answer {
    begin(&app, &who, &headers, channel.parse()?, body.0).await
}

async fn begin(app: &App, who: &Who, headers: &HeaderMap, channel: ChannelName, body: OpenBody) -> Answer {
    let (parts, links) = (parts_of(app)?, Links::below(&root_of(app, headers)));
    let wish = SessionWish { channel, name: body.name, version: body.version };
    match ingest::open_session(&parts, &who.0, wish, || app.new_session_token()).await {
        Ok(session) => Asked { parts, session, links }.view(StatusCode::CREATED).await,
        Err(error) => {
            let location = match &error {
                SessionError::Exists { token, .. } => Some(links.session(token)),
                _ => None,
            };
            let problem = Problem::from(error);
            Err(match location {
                Some(location) => problem.with_header(header::LOCATION, &location),
                None => problem,
            })
        }
    }
}

/// `GET /upload/2.0/sessions/{token}`
pub async fn show(asked: Asked) -> Answer {
    asked.view(StatusCode::OK).await
}

/// `DELETE /upload/2.0/sessions/{token}`
pub async fn cancel(who: Who, asked: Asked) -> Answer {
    ingest::cancel_session(&asked.parts, &who.0, &asked.session).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /upload/2.0/sessions/{token}/publish`
pub async fn publish(who: Who, mut asked: Asked, _: Upload2<Nothing>) -> Answer {
    asked.session = ingest::publish_session(&asked.parts, &who.0, &asked.session).await?;
    asked.view(StatusCode::CREATED).await
}

/// `POST /upload/2.0/sessions/{token}/extend`
pub async fn extend(mut asked: Asked, Upload2(body): Upload2<ExtendBody>) -> Answer {
    let by = Duration::from_secs(body.extend_for);
    asked.session = ingest::extend_session(&asked.parts, asked.session, by).await?;
    asked.view(StatusCode::OK).await
}

/// `POST /upload/2.0/sessions/{token}/files`
pub async fn begin_file(asked: Asked, Upload2(body): Upload2<FileBody>) -> Answer {
    let FileBody { filename, size, hashes, mechanism } = body;
    let wish = FileWish { filename, size_bytes: size, hashes, mechanism };
    let file = ingest::begin_file(&asked.parts, &asked.session, wish).await?;
    Ok(asked.file_view(StatusCode::ACCEPTED, file))
}

/// `GET /upload/2.0/sessions/{token}/files/{key}`
pub async fn show_file(AskedFile { asked, file }: AskedFile) -> Answer {
    Ok(asked.file_view(StatusCode::OK, file))
}

/// `DELETE /upload/2.0/sessions/{token}/files/{key}`
pub async fn delete_file(AskedFile { asked, file }: AskedFile) -> Answer {
    ingest::delete_file(&asked.parts, &asked.session, &file).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /upload/2.0/sessions/{token}/files/{key}/content`: the mechanism `http-post-bytes`.
pub async fn receive(
    State(app): State<Arc<App>>,
    who: Who,
    AskedFile { asked, file }: AskedFile,
    body: Body,
) -> Answer {
    // What cannot be right is refused before it comes; what is received counts all the same.
    let limit_bytes = app.settings.max_file_size_bytes;
    if body.size_hint().lower() > limit_bytes {
        return Err(UploadError::too_large("the file", limit_bytes, "max_file_size_bytes").into());
    }
    let body = body.into_data_stream().map_err(std::io::Error::other);
    ingest::receive_bytes(&asked.parts, &who.0, &asked.session, &file, body).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /upload/2.0/sessions/{token}/files/{key}/attestations`
pub async fn attest(AskedFile { asked, file }: AskedFile, body: Body) -> Answer {
    let sent = read_whole(body, MAX_PROVENANCE_BYTES).await?;
    ingest::receive_attestations(&asked.parts, &asked.session, &file, &sent).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /upload/2.0/sessions/{token}/files/{key}/complete`
pub async fn complete(who: Who, AskedFile { asked, file }: AskedFile, _: Upload2<Nothing>) -> Answer {
    let completed = ingest::complete_file(&asked.parts, &who.0, &asked.session, &file).await?;
    Ok(asked.file_view(StatusCode::CREATED, completed))
}
