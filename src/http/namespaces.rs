//! Namespaces (PEP 752): what everybody may know of them, and how administrators grant them. Behind a switch.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::auth::Who;
use super::extract::{self, Segments};
use super::{Problem, pages};
use crate::access::{Extent, GrantWish, NamespaceError, grant_namespace, revoke_namespace};
use crate::app::App;
use crate::model::{Namespace, Permission, children_of, parent_of};
use crate::packaging::ProjectName;

/// One line of the public list.
#[derive(Serialize)]
pub struct Listed {
    name: ProjectName,
}

/// A namespace as everybody may see it: never its tokens.
#[derive(Serialize)]
pub struct Shown {
    name: ProjectName,
    owner: String,
    parent: Option<ProjectName>,
    children: Vec<ProjectName>,
}

/// Answer of [`list_grants`].
#[derive(Serialize)]
pub struct Grants {
    namespaces: Vec<Namespace>,
}

/// Body of [`grant`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    owner: String,
    #[serde(default)]
    principals: BTreeSet<String>,
}

/// Answer of [`revoke`].
#[derive(Serialize)]
pub struct Revoked {
    name: ProjectName,
    /// False when it was not granted.
    revoked: bool,
}

/// `GET /namespaces`
pub async fn list(State(app): State<Arc<App>>) -> Result<Json<Vec<Listed>>, Problem> {
    let all = granted(&app).await?;
    Ok(Json(all.iter().map(|namespace| Listed { name: namespace.name.clone() }).collect()))
}

/// `GET /namespace/{namespace}`
pub async fn show(State(app): State<Arc<App>>, Segments(namespace): Segments<String>) -> Result<Json<Shown>, Problem> {
    let all = granted(&app).await?;
    let name = pages::project_name(&namespace)?;
    let Some(found) = all.iter().find(|namespace| namespace.name == name) else {
        return Err(NamespaceError::Unknown { name }.into());
    };
    Ok(Json(Shown {
        owner: found.owner.clone(),
        parent: parent_of(&all, &name).map(|parent| parent.name.clone()),
        children: children_of(&all, &name).into_iter().cloned().collect(),
        name,
    }))
}

/// `GET /simple/namespaces`: where the root of the API is the index itself. Without the switch it is a project's name.
pub async fn list_below_index(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    if !app.settings.namespaces {
        return pages::project_without_slash(State(app), Segments("namespaces".to_owned()), uri).await;
    }
    Ok(list(State(app)).await?.into_response())
}

/// `GET /{channel}/simple/namespaces`
pub async fn list_below_channel(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(channel): Segments<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    if !app.settings.namespaces {
        let segments = Segments((channel, "namespaces".to_owned()));
        return pages::channel_project_without_slash(State(app), who, segments, uri).await;
    }
    see_channel(&app, &who, &channel).await?;
    Ok(list(State(app)).await?.into_response())
}

/// `GET /{channel}/simple/namespace/{namespace}`
pub async fn show_below_channel(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((channel, namespace)): Segments<(String, String)>,
) -> Result<Json<Shown>, Problem> {
    see_channel(&app, &who, &channel).await?;
    show(State(app), Segments(namespace)).await
}

/// `GET /api/v1/namespaces`
pub async fn list_grants(State(app): State<Arc<App>>, who: Who) -> Result<Json<Grants>, Problem> {
    who.reaches(Extent::Everything, "namespaces are granted for every channel and project")?;
    Ok(Json(Grants { namespaces: granted(&app).await?.to_vec() }))
}

/// `PUT /api/v1/namespaces/{namespace}`
pub async fn grant(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(namespace): Segments<String>,
    extract::Json(request): extract::Json<GrantRequest>,
) -> Result<Json<Namespace>, Problem> {
    check_switch(&app)?;
    let name = pages::project_name(&namespace)?;
    who.may(&app, Permission::Admin, None, Some(&name))?;
    who.reaches(Extent::Channels, "a namespace holds in every channel")?;
    let wish = GrantWish { name, owner: request.owner, principals: request.principals };
    Ok(Json(grant_namespace(&app.index, &who.0, &wish, app.clock.now()).await?))
}

/// `DELETE /api/v1/namespaces/{namespace}`
pub async fn revoke(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(namespace): Segments<String>,
) -> Result<Json<Revoked>, Problem> {
    check_switch(&app)?;
    let name = pages::project_name(&namespace)?;
    who.may(&app, Permission::Admin, None, Some(&name))?;
    who.reaches(Extent::Channels, "a namespace holds in every channel")?;
    let revoked = revoke_namespace(&app.index, &who.0, &name).await?;
    Ok(Json(Revoked { name, revoked }))
}

fn check_switch(app: &App) -> Result<(), NamespaceError> {
    if app.settings.namespaces { Ok(()) } else { Err(NamespaceError::Off) }
}

async fn granted(app: &App) -> Result<Arc<[Namespace]>, Problem> {
    check_switch(app)?;
    Ok(app.index.list_namespaces().await?)
}

async fn see_channel(app: &App, who: &Who, channel: &str) -> Result<(), Problem> {
    let wanted = who.place(app, Permission::Read, Some(channel)).await?;
    app.index.open_view(&wanted).await?;
    Ok(())
}
