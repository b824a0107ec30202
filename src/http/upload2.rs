//! `/upload/2.0/`: PEP 694. The forms of requests and answers are in `upload2_form` and `upload2_view`, what is staged is
//! shown by `upload2_stage`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::State;
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
use crate::model::{ChannelName, Kind, UploadFile, UploadSession};
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

/// A session, for a sender who may upload to its project now.
struct Asked {
    parts: SessionParts,
    session: UploadSession,
    links: Links,
}

impl Asked {
    async fn find(app: &App, who: &Who, headers: &HeaderMap, token: &str) -> Result<Self, Problem> {
        let parts = parts_of(app)?;
        let session = ingest::find_session(&parts, &who.0, token).await?;
        Ok(Self { parts, session, links: Links::below(&root_of(app, headers)) })
    }

    async fn file(&self, key: &str) -> Result<UploadFile, Problem> {
        let key = key.parse().map_err(|_| SessionError::FileUnknown)?;
        Ok(ingest::find_file(&self.parts, &self.session, key).await?)
    }

    async fn view(self, status: StatusCode) -> Answer {
        let Self { parts, session, links } = self;
        let state = parts.state_of(&session);
        let location = links.session(&session.token);
        let files = match state {
            crate::model::SessionState::Canceled => Vec::new(),
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
pub async fn show(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(token): Segments<String>,
    headers: HeaderMap,
) -> Answer {
    Asked::find(&app, &who, &headers, &token).await?.view(StatusCode::OK).await
}

/// `DELETE /upload/2.0/sessions/{token}`
pub async fn cancel(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(token): Segments<String>,
    headers: HeaderMap,
) -> Answer {
    let asked = Asked::find(&app, &who, &headers, &token).await?;
    ingest::cancel_session(&asked.parts, &who.0, &asked.session).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /upload/2.0/sessions/{token}/publish`
pub async fn publish(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(token): Segments<String>,
    headers: HeaderMap,
    _: Upload2<Nothing>,
) -> Answer {
    let mut asked = Asked::find(&app, &who, &headers, &token).await?;
    asked.session = ingest::publish_session(&asked.parts, &who.0, &asked.session).await?;
    asked.view(StatusCode::CREATED).await
}

/// `POST /upload/2.0/sessions/{token}/extend`
pub async fn extend(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(token): Segments<String>,
    headers: HeaderMap,
    body: Upload2<ExtendBody>,
) -> Answer {
    let mut asked = Asked::find(&app, &who, &headers, &token).await?;
    let by = Duration::from_secs(body.0.extend_for);
    asked.session = ingest::extend_session(&asked.parts, asked.session, by).await?;
    asked.view(StatusCode::OK).await
}

/// `POST /upload/2.0/sessions/{token}/files`
pub async fn begin_file(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(token): Segments<String>,
    headers: HeaderMap,
    body: Upload2<FileBody>,
) -> Answer {
    let asked = Asked::find(&app, &who, &headers, &token).await?;
    let FileBody { filename, size, hashes, mechanism } = body.0;
    let wish = FileWish { filename, size_bytes: size, hashes, mechanism };
    let file = ingest::begin_file(&asked.parts, &asked.session, wish).await?;
    Ok(asked.file_view(StatusCode::ACCEPTED, file))
}

/// `GET /upload/2.0/sessions/{token}/files/{key}`
pub async fn show_file(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((token, key)): Segments<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let asked = Asked::find(&app, &who, &headers, &token).await?;
    let file = asked.file(&key).await?;
    Ok(asked.file_view(StatusCode::OK, file))
}

/// `DELETE /upload/2.0/sessions/{token}/files/{key}`
pub async fn delete_file(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((token, key)): Segments<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let asked = Asked::find(&app, &who, &headers, &token).await?;
    let file = asked.file(&key).await?;
    ingest::delete_file(&asked.parts, &asked.session, &file).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /upload/2.0/sessions/{token}/files/{key}/content`: the mechanism `http-post-bytes`.
pub async fn receive(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((token, key)): Segments<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let asked = Asked::find(&app, &who, &headers, &token).await?;
    let file = asked.file(&key).await?;
    // What cannot be right is refused before it comes; what is received counts all the same.
    if body.size_hint().lower() > app.settings.max_file_size_bytes {
        let limit_bytes = app.settings.max_file_size_bytes;
        return Err(UploadError::too_large("the file", limit_bytes, "max_file_size_bytes").into());
    }
    let body = body.into_data_stream().map_err(std::io::Error::other);
    ingest::receive_bytes(&asked.parts, &who.0, &asked.session, &file, body).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /upload/2.0/sessions/{token}/files/{key}/attestations`
pub async fn attest(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((token, key)): Segments<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let asked = Asked::find(&app, &who, &headers, &token).await?;
    let file = asked.file(&key).await?;
    let sent = read_whole(body, MAX_PROVENANCE_BYTES).await?;
    ingest::receive_attestations(&asked.parts, &asked.session, &file, &sent).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /upload/2.0/sessions/{token}/files/{key}/complete`
pub async fn complete(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((token, key)): Segments<(String, String)>,
    headers: HeaderMap,
    _: Upload2<Nothing>,
) -> Answer {
    let asked = Asked::find(&app, &who, &headers, &token).await?;
    let file = asked.file(&key).await?;
    let completed = ingest::complete_file(&asked.parts, &who.0, &asked.session, &file).await?;
    Ok(asked.file_view(StatusCode::CREATED, completed))
}
