//! `/simple/…`, `/{channel}/simple/…` and `/{channel}@{serial}/simple/…`: negotiation, conditional answers, redirects.
//! The other names of a snapshot, `@{day}` and `@sha256:{digits}`, redirect to its serial.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::Problem;
use super::auth::Who;
use super::conditional::{Negotiated, Validators, Whole, header_text, is_listed, moving, settled};
use super::extract::Segments;
use super::fields::Fields;
use super::pieces::Pieces;
use crate::access::ReadPolicy;
use crate::app::App;
use crate::model::{ChannelRef, Kind, Permission};
use crate::packaging::ProjectName;
use crate::simple::{Base, Encoding, Form, Format, PageBody, negotiate};

type Answer = Result<Response, Problem>;

/// `GET /simple/`
pub async fn root(State(app): State<Arc<App>>, who: Who, request: Request) -> Answer {
    root_page(&app, &who, Place::default(&app), request.into_parts().0).await
}

/// `GET /{channel}/simple/`
pub async fn channel_root(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(channel): Segments<String>,
    request: Request,
) -> Answer {
    root_page(&app, &who, Place::channel(&app, &who, &channel).await?, request.into_parts().0).await
}

/// `GET /simple/{project}/`
pub async fn project(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(project): Segments<String>,
    request: Request,
) -> Answer {
    project_page(&app, &who, Place::default(&app), &project, request.into_parts().0).await
}

/// `GET /{channel}/simple/{project}/`
pub async fn channel_project(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((channel, project)): Segments<(String, String)>,
    request: Request,
) -> Answer {
    project_page(&app, &who, Place::channel(&app, &who, &channel).await?, &project, request.into_parts().0).await
}

/// `GET /legacy/+simple/{project}/`: hatch looks here for what it has uploaded already, as devpi lays it out (UPL-12).
pub async fn uploaded(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(project): Segments<String>,
    request: Request,
) -> Answer {
    let wanted = ChannelRef { name: app.settings.upload_channel.clone(), serial: None };
    // As deep as `/{channel}/simple/{project}/`.
    let place = Place { wanted, base: Base::Channel, is_found: false };
    project_page(&app, &who, place, &project, request.into_parts().0).await
}

/// `GET /{channel}/legacy/+simple/{project}/`
pub async fn channel_uploaded(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((channel, project)): Segments<(String, String)>,
    request: Request,
) -> Answer {
    let place = Place { base: Base::ChannelUpload, ..Place::channel(&app, &who, &channel).await? };
    project_page(&app, &who, place, &project, request.into_parts().0).await
}

/// `GET /simple`
pub async fn root_without_slash(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    redirect(&app, &Place::default(&app), "", &uri)
}

/// `GET /{channel}/simple`
pub async fn channel_root_without_slash(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(channel): Segments<String>,
    uri: Uri,
) -> Answer {
    redirect(&app, &Place::channel(&app, &who, &channel).await?, "", &uri)
}

/// `GET /simple/{project}`
pub async fn project_without_slash(
    State(app): State<Arc<App>>,
    Segments(project): Segments<String>,
    uri: Uri,
) -> Answer {
    redirect(&app, &Place::default(&app), &project_name(&project)?, &uri)
}

/// `GET /{channel}/simple/{project}`
pub async fn channel_project_without_slash(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((channel, project)): Segments<(String, String)>,
    uri: Uri,
) -> Answer {
    redirect(&app, &Place::channel(&app, &who, &channel).await?, &project_name(&project)?, &uri)
}

/// Which channel a URL names, and how.
pub(super) struct Place {
    pub(super) wanted: ChannelRef,
    base: Base,
    /// Whether the URL names it in a way that had to be looked up: by a day or by a digest.
    is_found: bool,
}

impl Place {
    pub(super) fn new(wanted: ChannelRef, base: Base) -> Self {
        Self { wanted, base, is_found: false }
    }

    pub(super) fn default(app: &App) -> Self {
        Self::new(ChannelRef { name: app.settings.default_channel.clone(), serial: None }, Base::Default)
    }

    async fn channel(app: &App, who: &Who, segment: &str) -> Result<Self, Problem> {
        let (wanted, is_found) = who.segment(app, segment).await?;
        Ok(Self { wanted, base: Base::Channel, is_found })
    }

    /// A snapshot never changes, but that a deletion takes files out of it. That is rare, changes no digest, and could not be
    /// taken back from caches that have the file, so it does not make every reader ask again. A head is asked about each
    /// time, which a conditional request makes cheap.
    fn cache_control(&self, reads: ReadPolicy) -> &'static str {
        match self.wanted.serial {
            None => moving(reads),
            Some(_) => settled(reads),
        }
    }
}

async fn root_page(app: &App, who: &Who, place: Place, parts: Parts) -> Answer {
    if place.is_found {
        return redirect(app, &place, "", &parts.uri);
    }
    let wish = Wish::of(parts.uri.query(), &parts.headers)?;
    who.may(app, Permission::Read, Some(&place.wanted.name), None)?;
    let form = wish.form(&place);
    let page = match who.project_limits(app) {
        None => app.pages.root(&app.index, &place.wanted, form).await?,
        Some(limits) => app.pages.root_within(&app.index, &place.wanted, form, limits).await?,
    };
    Ok(page_answer(app, &place, &page, wish.is_known(&page), HeaderMap::new()))
}

async fn project_page(app: &App, who: &Who, place: Place, segment: &str, parts: Parts) -> Answer {
    let project = project_name(segment)?;
    if place.is_found || project.as_str() != segment {
        return redirect(app, &place, &project, &parts.uri);
    }
    let wish = Wish::of(parts.uri.query(), &parts.headers)?;
    who.may(app, Permission::Read, Some(&place.wanted.name), Some(&project))?;
    let page = app.pages.project(&app.index, &place.wanted, &project, wish.form(&place)).await?;
    Ok(page_answer(app, &place, &page, wish.is_known(&page), HeaderMap::new()))
}

/// The project that a segment of a URL names.
pub(super) fn project_name(segment: &str) -> Result<ProjectName, Problem> {
    // The text is not repeated: whatever it is, it comes from a link that somebody else may have made.
    segment.parse().map_err(|_| {
        Problem::new(
            Kind::NotFound,
            "simple/no-such-project",
            "the last part of the URL cannot be the name of a project",
        )
    })
}

/// What a client wants of a page, from its headers and its query.
pub(super) struct Wish<'a> {
    format: Format,
    encoding: Encoding,
    if_none_match: Option<Cow<'a, str>>,
}

impl<'a> Wish<'a> {
    pub(super) fn of(query: Option<&str>, headers: impl Into<Fields<'a>>) -> Result<Self, Problem> {
        let headers = headers.into();
        let parameter = query.and_then(|query| negotiate::query_value(query, "format"));
        let accept = header_text(headers, header::ACCEPT);
        let format = negotiate::format(accept.as_deref(), parameter.as_deref()).ok_or_else(|| {
            not_acceptable("no form of this page is accepted by the client", REFUSAL_VARIES)
                .with_hint("Accept `application/vnd.pypi.simple.v1+json` or `text/html`.")
        })?;
        let encoding = accepted_encoding(headers, REFUSAL_VARIES)?;
        Ok(Self { format, encoding, if_none_match: header_text(headers, header::IF_NONE_MATCH) })
    }

    /// The form of the page at this place.
    pub(super) fn form(&self, place: &Place) -> Form {
        Form { format: self.format, encoding: self.encoding, base: place.base }
    }

    /// Whether the client has this page.
    pub(super) fn is_known(&self, page: &PageBody) -> bool {
        self.if_none_match.as_deref().is_some_and(|header| is_listed(header, &page.etag))
    }
}

/// What the form and the encoding of a page depend on.
const NEGOTIATED: Negotiated = Negotiated::FormAndEncoding;

/// The same of a refusal, which says nothing that a token could change.
const REFUSAL_VARIES: &str = "Accept, Accept-Encoding";

/// The encoding that a client wants most; `vary` is what the answer depends on.
pub(super) fn accepted_encoding<'a>(headers: impl Into<Fields<'a>>, vary: &'static str) -> Result<Encoding, Problem> {
    let accept_encoding = header_text(headers, header::ACCEPT_ENCODING);
    negotiate::encoding(accept_encoding.as_deref()).ok_or_else(|| {
        not_acceptable("no encoding of this page is accepted by the client", vary)
            .with_hint("Accept `zstd`, `gzip` or `identity`.")
    })
}

fn not_acceptable(detail: &str, vary: &'static str) -> Problem {
    Problem::new(Kind::NotAcceptable, "simple/not-acceptable", detail).with_header(header::VARY, vary)
}

/// Headers of a page's answer, those of `frame.rs` too: the map is made large enough at once.
const HEADER_COUNT: usize = 14;

/// The answer that shows `page`, or says that the client has it; its headers go into an empty map.
pub(super) fn page_answer(
    app: &App,
    place: &Place,
    page: &PageBody,
    is_known: bool,
    mut headers: HeaderMap,
) -> Response {
    headers.reserve(HEADER_COUNT);
    let whole = (!is_known).then(|| Whole {
        body: Pieces::body(&page.pieces),
        content_type: page.format.content_type(),
        encoding: page.encoding.header(),
    });
    let reads = app.settings.read;
    let (cache_control, vary) = (place.cache_control(reads), NEGOTIATED.vary(reads));
    Validators { etag: page.etag.clone(), cache_control, vary, last_serial: Some(page.last_serial) }
        .answer(whole, headers)
}

/// To the one URL of a page. For ever where only a slash or a spelling differ, nothing that a promotion could change
/// (IDX-04); where a snapshot was looked up, just this time: that of a day that is not over may be another soon.
///
/// Built from parsed parts and the public URL that was set, never from the `Host` that a client sends.
fn redirect(app: &App, place: &Place, project: &(impl Display + ?Sized), uri: &Uri) -> Answer {
    let root = app.settings.public_root().unwrap_or_default();
    let mut location = match place.base {
        Base::Default => format!("{root}/simple/"),
        Base::Channel | Base::ChannelUpload => format!("{root}/{}/simple/", place.wanted),
    };
    let project = project.to_string();
    if !project.is_empty() {
        location.push_str(&project);
        location.push('/');
    }
    let status = if place.is_found { StatusCode::FOUND } else { StatusCode::MOVED_PERMANENTLY };
    redirect_to(location, uri, status, NEGOTIATED.vary(app.settings.read))
}

/// To this URL with the query of the request. What was found this time is not kept.
pub(super) fn redirect_to(mut location: String, uri: &Uri, status: StatusCode, vary: &'static str) -> Answer {
    if let Some(query) = uri.query() {
        location.push('?');
        location.push_str(query);
    }
    let location = HeaderValue::from_str(&location).map_err(|error| Problem::internal(error.to_string()))?;
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::VARY, HeaderValue::from_static(vary));
    if status == StatusCode::FOUND {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}
