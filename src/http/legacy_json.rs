//! `/pypi/{project}/json` and `/pypi/{project}/{version}/json`, for every channel: PyPI's legacy JSON API (standards LEG-01).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::Problem;
use super::auth::Who;
use super::conditional::{Negotiated, Validators, Whole, moving};
use super::extract::Segments;
use super::pages::{accepted_encoding, redirect_to};
use crate::app::App;
use crate::model::{ChannelRef, Kind, Permission};
use crate::packaging::{ProjectName, Version, parse_version};
use crate::simple::{LegacyUrls, LegacyWish};

type Answer = Result<Response, Problem>;

/// `GET /pypi/{project}/json`
pub async fn project(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(project): Segments<String>,
    request: Request,
) -> Answer {
    let wanted = Wanted::default(&app).of(&project, None)?;
    answer(&app, &who, &wanted, &request.into_parts().0).await
}

/// `GET /pypi/{project}/{version}/json`
pub async fn release(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((project, version)): Segments<(String, String)>,
    request: Request,
) -> Answer {
    let wanted = Wanted::default(&app).of(&project, Some(&version))?;
    answer(&app, &who, &wanted, &request.into_parts().0).await
}

/// `GET /{channel}/pypi/{project}/json`
pub async fn channel_project(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((channel, project)): Segments<(String, String)>,
    request: Request,
) -> Answer {
    let wanted = Wanted::channel(&app, &who, &channel).await?.of(&project, None)?;
    answer(&app, &who, &wanted, &request.into_parts().0).await
}

/// `GET /{channel}/pypi/{project}/{version}/json`
pub async fn channel_release(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((channel, project, version)): Segments<(String, String, String)>,
    request: Request,
) -> Answer {
    let wanted = Wanted::channel(&app, &who, &channel).await?.of(&project, Some(&version))?;
    answer(&app, &who, &wanted, &request.into_parts().0).await
}

/// The view that a URL names.
struct Wanted {
    view: ChannelRef,
    urls: LegacyUrls,
    /// Whether the URL names it by a day or a digest, which had to be looked up.
    is_found: bool,
}

/// What a URL names in it.
struct WantedRelease {
    view: ChannelRef,
    urls: LegacyUrls,
    project: ProjectName,
    /// Where this very release is asked for in another way; what is found may be another one tomorrow.
    redirect: Option<StatusCode>,
    version: Option<Version>,
}

impl Wanted {
    fn default(app: &App) -> Self {
        let view = ChannelRef { name: app.settings.default_channel.clone(), serial: None };
        Self { view, urls: LegacyUrls { root: root(app), place: String::new() }, is_found: false }
    }

    async fn channel(app: &App, who: &Who, segment: &str) -> Result<Self, Problem> {
        let (view, is_found) = who.segment(app, segment).await?;
        let urls = LegacyUrls { root: root(app), place: format!("/{view}") };
        Ok(Self { view, urls, is_found })
    }

    fn of(self, project: &str, version: Option<&str>) -> Result<WantedRelease, Problem> {
        let name: ProjectName = project.parse().map_err(|_| not_a("name of a project"))?;
        let version = version.map(|version| parse_version(version).map_err(|_| not_a("version"))).transpose()?;
        let redirect = match self.is_found {
            true => Some(StatusCode::FOUND),
            false => (name.as_str() != project).then_some(StatusCode::MOVED_PERMANENTLY),
        };
        Ok(WantedRelease { view: self.view, urls: self.urls, project: name, redirect, version })
    }
}

/// The public address without its last slash, or nothing: a link then begins at the root of the server that was asked.
/// Never what a client sent as `Host`: the answer is kept for others.
fn root(app: &App) -> String {
    app.settings.public_root().unwrap_or_default().to_owned()
}

fn not_a(what: &str) -> Problem {
    let detail = format!("a part of the URL cannot be the {what}");
    Problem::new(Kind::NotFound, "simple/no-such-release", detail)
}

async fn answer(app: &App, who: &Who, wanted: &WantedRelease, parts: &Parts) -> Answer {
    if let Some(status) = wanted.redirect {
        return redirect(app, wanted, parts, status);
    }
    who.may(app, Permission::Read, Some(&wanted.view.name), Some(&wanted.project))?;
    let encoding = accepted_encoding(&parts.headers, vary(app))?;
    let WantedRelease { view, urls, project, version, .. } = wanted;
    let wish = LegacyWish { view, project, version: version.as_ref(), urls };
    let page = app.legacy_pages.page(&app.index, &*app.blobs, wish).await?;
    let body = page.body(encoding);
    let validators = Validators {
        etag: body.etag.clone(),
        // Of a snapshot too: files never change there, but what is known of their vulnerabilities does.
        cache_control: moving(app.settings.read),
        vary: vary(app),
        last_serial: Some(page.last_serial),
    };
    let whole = (!validators.is_known(&parts.headers)).then(|| Whole {
        body: Body::from(body.bytes.clone()),
        content_type: "application/json",
        encoding: encoding.header(),
    });
    Ok(validators.answer(whole, HeaderMap::new()))
}

fn vary(app: &App) -> &'static str {
    Negotiated::Encoding.vary(app.settings.read)
}

/// To the one URL of an answer: for ever where only the spelling differs, this time where a snapshot was looked up.
fn redirect(app: &App, wanted: &WantedRelease, parts: &Parts, status: StatusCode) -> Answer {
    let mut location = format!("{}{}/pypi/{}", wanted.urls.root, wanted.urls.place, wanted.project);
    if let Some(version) = &wanted.version {
        location.push('/');
        location.push_str(&version.to_string().replace('+', "%2B").replace('!', "%21"));
    }
    location.push_str("/json");
    redirect_to(location, &parts.uri, status, vary(app))
}
