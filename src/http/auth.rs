//! Who sent a request. The guard stands before every handler of a route that names a permission.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Problem;
use crate::access::{Extent, FileAccess, ReadPolicy, authenticate, authorize, check_extent, file_access, read_limits};
use crate::app::App;
use crate::model::{
    ChannelAddress, ChannelName, ChannelRef, ChannelSummary, Lock, LockedFile, Permission, Principal, Scope,
};
use crate::packaging::ProjectName;

/// What the guard of one route needs.
#[derive(Clone)]
pub struct Gate {
    /// The opened server.
    pub app: Arc<App>,
    /// What the route needs.
    pub permission: Permission,
}

/// Name of the caller, left on the answer for the log.
#[derive(Clone)]
pub struct CallerName(pub String);

/// The checked sender of a request; extract it in handlers that need to know.
#[derive(Clone, Debug)]
pub struct Who(pub Principal);

impl Who {
    /// Checks a permission for a channel and a project, where the guard could only check it at all.
    pub fn may(
        &self,
        app: &App,
        permission: Permission,
        channel: Option<&ChannelName>,
        project: Option<&ProjectName>,
    ) -> Result<(), Problem> {
        Ok(authorize(&self.0, permission, channel, project, app.settings.read)?)
    }

    /// The channel or snapshot that a text names, the default channel without one, if the sender may do this there.
    ///
    /// Asked before the index is, so that whoever may not look learns nothing of what is there.
    pub async fn place(&self, app: &App, permission: Permission, text: Option<&str>) -> Result<ChannelRef, Problem> {
        let address = match text {
            Some(text) => text.parse()?,
            None => ChannelAddress::head(app.settings.default_channel.clone()),
        };
        self.may(app, permission, Some(&address.name), None)?;
        Ok(app.index.find_ref(&address).await?)
    }

    /// The channel or snapshot that the first segment of a page's URL names, and whether it had to be looked up because
    /// the segment names it by a day or a digest; only then is the sender asked about here.
    pub async fn segment(&self, app: &App, segment: &str) -> Result<(ChannelRef, bool), Problem> {
        let address: ChannelAddress = segment.parse()?;
        if let Some(settled) = address.settled() {
            return Ok((settled, false));
        }
        self.may(app, Permission::Read, Some(&address.name), None)?;
        Ok((app.index.find_ref(&address).await?, true))
    }

    /// Checks that the sender reaches all that `what` concerns, a beginning of a sentence.
    pub fn reaches(&self, extent: Extent, what: &'static str) -> Result<(), Problem> {
        Ok(check_extent(&self.0, extent, what)?)
    }

    /// The limits of a sender who may know of some projects only: he reads a channel as if no other were in it.
    pub fn project_limits(&self, app: &App) -> Option<&Scope> {
        read_limits(&self.0, app.settings.read).filter(|limits| !limits.covers_all_projects())
    }

    /// What the sender is told of a file that is here. Only who reads a part pays for the look at its channels.
    ///
    /// `is_withheld` is the answer for everybody else.
    pub async fn file_access(
        &self,
        app: &App,
        filename: &str,
        project: &ProjectName,
        is_withheld: bool,
    ) -> Result<FileAccess, Problem> {
        let Some(limits) = read_limits(&self.0, app.settings.read) else {
            return Ok(if is_withheld { FileAccess::Withheld } else { FileAccess::Granted });
        };
        let holders = app.index.list_holders(&[filename]).await?;
        Ok(file_access(limits, project, holders.get(filename).map_or(&[], Vec::as_slice)))
    }

    /// Whether the sender may have every file of a lock, as [`Who::file_access`] tells of one.
    pub async fn reads_all_of(&self, app: &App, lock: &Lock) -> Result<bool, Problem> {
        let Some(limits) = read_limits(&self.0, app.settings.read) else { return Ok(true) };
        let filenames: Vec<&str> = lock.files.iter().map(|file| file.filename.as_str()).collect();
        let holders = app.index.list_holders(&filenames).await?;
        let is_hidden = |file: &LockedFile| {
            let holders = holders.get(&file.filename).map_or(&[][..], Vec::as_slice);
            file_access(limits, &file.project, holders) == FileAccess::Hidden
        };
        Ok(!lock.files.iter().any(is_hidden))
    }

    /// Those of the channels that the sender may look at.
    pub fn visible(&self, app: &App, channels: Vec<ChannelSummary>) -> Vec<ChannelSummary> {
        let may = |channel: &ChannelSummary| self.may(app, Permission::Read, Some(&channel.name), None).is_ok();
        channels.into_iter().filter(may).collect()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Absent only if a handler asks on a route that the table marks as open to all.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::internal("no guard stands before this route"))
    }
}

/// Lets a request through if its sender has the route's permission in some channel; handlers then check which one.
pub async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let mut sent = request.headers().get_all(header::AUTHORIZATION).iter();
    let authorization = match (sent.next().map(|value| value.to_str()), sent.next()) {
        (None, _) => None,
        (Some(Ok(text)), None) => Some(text.to_owned()),
        // Not ASCII is no token of ours, and of two a proxy may have judged the other; neither is a reason to fall back
        // to anonymous.
        (Some(_), _) => Some(String::new()),
    };
    let who = match authenticate(&gate.app.index, gate.app.clock.now(), authorization.as_deref()).await {
        Ok(who) => Who(who),
        Err(error) => return Problem::from(error).into_response(),
    };
    let name = (who.0 != Principal::Anonymous).then(|| CallerName(who.0.name().to_owned()));
    let is_personal = gate.app.settings.read == ReadPolicy::Token || gate.permission != Permission::Read;
    let mut response = match who.may(&gate.app, gate.permission, None, None) {
        Ok(()) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    if is_personal {
        // What one token is told is not for another, nor for a cache between them.
        let headers = response.headers_mut();
        headers.entry(header::VARY).or_insert(HeaderValue::from_static("Authorization"));
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    }
    if let Some(name) = name {
        response.extensions_mut().insert(name);
    }
    response
}
