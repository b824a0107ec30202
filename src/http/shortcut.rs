//! The short way to pages and files: answers at once what everybody may read and what is in memory.
//!
//! Installers ask for hundreds of them at a time. The way through the routes costs more than the answer itself: it matches
//! forty routes, authenticates, and allocates at each step. Here nothing is decided anew: a request that is not plainly one
//! for a page or a file, that names who sends it, or whose answer is not in memory takes the way of all others, and so does
//! every error.

use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::cross_origin::OPEN_HEADERS;
use super::files;
use super::pages::{Place, Wish, page_answer};
use super::quick::Asked;
use super::sendfile::Outbox;
use crate::access::{ReadPolicy, authorize};
use crate::app::App;
use crate::config::CrossOriginReads;
use crate::model::{ChannelRef, Permission, Principal};
use crate::packaging::ProjectName;
use crate::simple::Base;

/// The answer that the routes would give, if it is at hand; its headers go into an empty map. `outbox` is that of the
/// connection.
pub fn at_hand(app: &App, asked: &Asked<'_>, outbox: Option<&Outbox>, headers: HeaderMap) -> Option<Response> {
    let mut answer = find(app, asked, outbox, headers)?;
    if app.settings.cross_origin_reads == CrossOriginReads::Allowed {
        answer.headers_mut().extend(OPEN_HEADERS);
    }
    Some(answer)
}

fn find(app: &App, asked: &Asked<'_>, outbox: Option<&Outbox>, headers: HeaderMap) -> Option<Response> {
    if app.settings.read != ReadPolicy::Open || asked.fields.contains(&header::AUTHORIZATION) {
        return None;
    }
    let path = asked.path;
    if path.starts_with("/packages/") {
        return files::at_hand(app, asked, outbox, headers);
    }
    let (channel, project) = parts_of(path)?;
    let place = match channel {
        None => Place::default(app),
        Some(channel) => Place::new(channel.parse::<ChannelRef>().ok()?, Base::Channel),
    };
    let project = project.map(|segment| project_of(segment).ok_or(())).transpose().ok()?;
    let may = (Permission::Read, Some(&place.wanted.name), project.as_ref());
    authorize(&Principal::Anonymous, may.0, may.1, may.2, app.settings.read).ok()?;
    let wish = Wish::of(asked.query, asked.fields).ok()?;
    let form = wish.form(&place);
    let page = match &project {
        None => app.pages.root_at_hand(&app.index, &place.wanted, form)?,
        Some(project) => app.pages.project_at_hand(&app.index, &place.wanted, project, form)?,
    };
    Some(page_answer(app, &place, &page, wish.is_known(&page), headers))
}

/// Channel and project of `/simple/`, `/simple/{project}/`, `/{channel}/simple/` or `/{channel}/simple/{project}/`.
fn parts_of(path: &str) -> Option<(Option<&str>, Option<&str>)> {
    let path = path.strip_prefix('/')?;
    let (channel, rest) = match path.strip_prefix("simple/") {
        Some(rest) => (None, rest),
        None => {
            let (channel, rest) = path.split_once('/')?;
            (Some(channel), rest.strip_prefix("simple/")?)
        }
    };
    if rest.is_empty() {
        return Some((channel, None));
    }
    let project = rest.strip_suffix('/')?;
    (!project.contains('/')).then_some((channel, Some(project)))
}

/// The project, if this is the one spelling of its name that has a page.
fn project_of(segment: &str) -> Option<ProjectName> {
    let project: ProjectName = segment.parse().ok()?;
    (project.as_str() == segment).then_some(project)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err_paths() {
        for (path, expected) in [
            ("/simple/", Some((None, None))),
            ("/simple/demo/", Some((None, Some("demo")))),
            ("/blessed@7/simple/", Some((Some("blessed@7"), None))),
            ("/blessed/simple/demo/", Some((Some("blessed"), Some("demo")))),
            ("/simple/simple/", Some((None, Some("simple")))),
            ("/simple", None),
            ("/simple/demo", None),
            ("/simple//", Some((None, Some("")))),
            ("/simple/demo/more/", None),
            ("/a/b/simple/demo/", None),
            ("/", None),
            ("", None),
            ("/packages/aa/bb/cc/demo-1.0.whl", None),
        ] {
            assert_eq!(parts_of(path), expected, "{path}");
        }
        assert_eq!(project_of(""), None);
        assert_eq!(project_of("De_mo"), None);
        assert_eq!(project_of("de%6do"), None);
        assert!(project_of("de-mo").is_some());
    }
}
