//! The one table of routes: method, path, what the sender must be allowed, and where the manual describes it.
//!
//! The router is built from it, and tests read it: each route is documented, each one that writes refuses strangers.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use super::auth::{Gate, guard};
use super::frame::{Frame, Framed};
use super::{
    Problem, advisories, audit, batch_preview, batches, bundles, changes, channels, cross_origin, files, files_api,
    health, legacy, legacy_answer, legacy_json, locks, marks, namespaces, pages, provenance, search, shortcut, signers,
    status, ui, upload_body, upload2, upload2_form, upload2_stage,
};
use crate::app::App;
use crate::config::CrossOriginReads;
use crate::model::{Kind, Permission};

/// One row of the table.
pub struct Route {
    /// Method; a `GET` answers `HEAD` too.
    pub method: &'static str,
    /// Path with its parameters in braces. Words win over parameters, so no channel can hide a route of ours.
    pub path: &'static str,
    /// What the sender must be allowed; `None` is open to everybody, whatever the settings say.
    pub permission: Option<Permission>,
    /// Anchor of its description in `static/manual/api.html`.
    pub manual: &'static str,
    handler: fn() -> MethodRouter<Arc<App>>,
}

const fn route(
    method: &'static str,
    path: &'static str,
    permission: Option<Permission>,
    manual: &'static str,
    handler: fn() -> MethodRouter<Arc<App>>,
) -> Route {
    Route { method, path, permission, manual, handler }
}

const READ: Option<Permission> = Some(Permission::Read);
const UPLOAD: Option<Permission> = Some(Permission::Upload);
const PROMOTE: Option<Permission> = Some(Permission::Promote);
const EXPORT: Option<Permission> = Some(Permission::Export);
const ADMIN: Option<Permission> = Some(Permission::Admin);

/// Every route of the server.
pub const ROUTES: &[Route] = &[
    route("GET", "/", None, "get-start", || get(ui::start)),
    route("GET", "/ui/{file}", None, "get-ui", || get(ui::file)),
    route("GET", "/manual", None, "get-manual", || get(ui::manual_without_slash)),
    route("GET", "/manual/", None, "get-manual", || get(ui::manual)),
    route("GET", "/manual/{page}", None, "get-manual-page", || get(ui::manual_page)),
    route("GET", "/-/live", None, "get-live", || get(health::live)),
    route("GET", "/-/ready", None, "get-ready", || get(health::ready)),
    route("GET", "/simple", READ, "get-simple", || get(pages::root_without_slash)),
    route("GET", "/simple/", READ, "get-simple", || get(pages::root)),
    route("GET", "/simple/{project}", READ, "get-simple-project", || get(pages::project_without_slash)),
    route("GET", "/simple/{project}/", READ, "get-simple-project", || get(pages::project)),
    route("GET", "/namespaces", READ, "get-namespaces", || get(namespaces::list)),
    route("GET", "/namespace/{namespace}", READ, "get-namespace", || get(namespaces::show)),
    route("GET", "/simple/namespaces", READ, "get-namespaces", || get(namespaces::list_below_index)),
    route("GET", "/simple/namespace/{namespace}", READ, "get-namespace", || get(namespaces::show)),
    route("GET", "/{channel}/simple/namespaces", READ, "get-namespaces", || get(namespaces::list_below_channel)),
    route("GET", "/{channel}/simple/namespace/{namespace}", READ, "get-namespace", || {
        get(namespaces::show_below_channel)
    }),
    route("GET", "/{channel}/simple", READ, "get-channel-simple", || get(pages::channel_root_without_slash)),
    route("GET", "/{channel}/simple/", READ, "get-channel-simple", || get(pages::channel_root)),
    route("GET", "/{channel}/simple/{project}", READ, "get-channel-simple-project", || {
        get(pages::channel_project_without_slash)
    }),
    route("GET", "/{channel}/simple/{project}/", READ, "get-channel-simple-project", || get(pages::channel_project)),
    route("GET", "/pypi/{project}/json", READ, "get-legacy-json", || get(legacy_json::project)),
    route("GET", "/pypi/{project}/json/", READ, "get-legacy-json", || get(legacy_json::project)),
    route("GET", "/pypi/{project}/{version}/json", READ, "get-legacy-json-release", || get(legacy_json::release)),
    route("GET", "/pypi/{project}/{version}/json/", READ, "get-legacy-json-release", || get(legacy_json::release)),
    route("GET", "/{channel}/pypi/{project}/json", READ, "get-legacy-json", || get(legacy_json::channel_project)),
    route("GET", "/{channel}/pypi/{project}/json/", READ, "get-legacy-json", || get(legacy_json::channel_project)),
    route("GET", "/{channel}/pypi/{project}/{version}/json", READ, "get-legacy-json-release", || {
        get(legacy_json::channel_release)
    }),
    route("GET", "/{channel}/pypi/{project}/{version}/json/", READ, "get-legacy-json-release", || {
        get(legacy_json::channel_release)
    }),
    route("GET", "/packages/{aa}/{bb}/{rest}/{filename}", READ, "get-packages", || get(files::download)),
    route("GET", "/integrity/{project}/{version}/{filename}/provenance", READ, "get-provenance", || {
        get(provenance::show)
    }),
    route("PUT", "/api/v1/files/{filename}/provenance", UPLOAD, "put-provenance", || put(provenance::put)),
    route("POST", "/legacy", UPLOAD, "post-legacy", || post(legacy::upload).fallback(legacy::help)),
    route("POST", "/legacy/", UPLOAD, "post-legacy", || post(legacy::upload).fallback(legacy::help)),
    route("POST", "/{channel}/legacy", UPLOAD, "post-channel-legacy", || {
        post(legacy::upload_to_channel).fallback(legacy::help)
    }),
    route("POST", "/{channel}/legacy/", UPLOAD, "post-channel-legacy", || {
        post(legacy::upload_to_channel).fallback(legacy::help)
    }),
    // Routes are compared as they are sent, and hatch writes `+` as `%2B`.
    route("GET", "/legacy/%2Bsimple/{project}/", READ, "get-legacy-simple", || get(pages::uploaded)),
    route("GET", "/{channel}/legacy/%2Bsimple/{project}/", READ, "get-legacy-simple", || get(pages::channel_uploaded)),
    route("GET", "/legacy/+simple/{project}/", READ, "get-legacy-simple", || get(pages::uploaded)),
    route("GET", "/{channel}/legacy/+simple/{project}/", READ, "get-legacy-simple", || get(pages::channel_uploaded)),
    route("POST", "/upload/2.0", UPLOAD, "post-upload2", || post(upload2::open)),
    route("POST", "/upload/2.0/", UPLOAD, "post-upload2", || post(upload2::open)),
    route("POST", "/{channel}/upload/2.0", UPLOAD, "post-channel-upload2", || post(upload2::open_in_channel)),
    route("POST", "/{channel}/upload/2.0/", UPLOAD, "post-channel-upload2", || post(upload2::open_in_channel)),
    route("GET", "/upload/2.0/sessions/{token}", UPLOAD, "get-upload2-session", || get(upload2::show)),
    route("DELETE", "/upload/2.0/sessions/{token}", UPLOAD, "delete-upload2-session", || delete(upload2::cancel)),
    route("POST", "/upload/2.0/sessions/{token}/publish", UPLOAD, "post-upload2-publish", || post(upload2::publish)),
    route("POST", "/upload/2.0/sessions/{token}/extend", UPLOAD, "post-upload2-extend", || post(upload2::extend)),
    route("POST", "/upload/2.0/sessions/{token}/files", UPLOAD, "post-upload2-files", || post(upload2::begin_file)),
    route("GET", "/upload/2.0/sessions/{token}/files/{key}", UPLOAD, "get-upload2-file", || get(upload2::show_file)),
    route("DELETE", "/upload/2.0/sessions/{token}/files/{key}", UPLOAD, "delete-upload2-file", || {
        delete(upload2::delete_file)
    }),
    route("POST", "/upload/2.0/sessions/{token}/files/{key}/content", UPLOAD, "post-upload2-content", || {
        post(upload2::receive)
    }),
    route("POST", "/upload/2.0/sessions/{token}/files/{key}/attestations", UPLOAD, "post-upload2-attestations", || {
        post(upload2::attest)
    }),
    route("POST", "/upload/2.0/sessions/{token}/files/{key}/complete", UPLOAD, "post-upload2-complete", || {
        post(upload2::complete)
    }),
    route("GET", "/upload/2.0/stage/{token}/simple", None, "get-upload2-stage", || {
        get(upload2_stage::root_without_slash)
    }),
    route("GET", "/upload/2.0/stage/{token}/simple/", None, "get-upload2-stage", || get(upload2_stage::root)),
    route("GET", "/upload/2.0/stage/{token}/simple/{project}", None, "get-upload2-stage-project", || {
        get(upload2_stage::project_without_slash)
    }),
    route("GET", "/upload/2.0/stage/{token}/simple/{project}/", None, "get-upload2-stage-project", || {
        get(upload2_stage::project)
    }),
    route(
        "GET",
        "/upload/2.0/stage/{token}/packages/{aa}/{bb}/{rest}/{filename}",
        None,
        "get-upload2-stage-packages",
        || get(upload2_stage::download),
    ),
    route("PUT", "/api/v1/channels/{channel}/files/{filename}", UPLOAD, "put-file", || put(files_api::put)),
    route("PATCH", "/api/v1/channels/{channel}/files/{filename}", UPLOAD, "patch-file", || patch(marks::mark_file)),
    route("DELETE", "/api/v1/channels/{channel}/files/{filename}", UPLOAD, "remove-file", || {
        delete(marks::remove_file)
    }),
    route("PATCH", "/api/v1/channels/{channel}/files", UPLOAD, "patch-files", || patch(marks::mark_files)),
    route("POST", "/api/v1/channels/{channel}/removals", UPLOAD, "post-removals", || post(marks::remove_files)),
    route("PUT", "/api/v1/channels/{channel}/projects/{project}/status", UPLOAD, "put-status", || {
        put(marks::set_status)
    }),
    route("GET", "/api/v1/channels/{channel}/projects/{project}/provenance", READ, "get-signers", || {
        get(signers::list)
    }),
    route("POST", "/api/v1/provenance/verifications", ADMIN, "post-verifications", || post(signers::verify)),
    route("DELETE", "/api/v1/files/{filename}", ADMIN, "delete-file", || delete(marks::delete_file)),
    route("POST", "/api/v1/deletions", ADMIN, "post-deletions", || post(marks::delete_files)),
    route("POST", "/api/v1/batches", UPLOAD, "post-batches", || post(batches::open)),
    route("GET", "/api/v1/batches/{id}", UPLOAD, "get-batch", || get(batches::show)),
    route("DELETE", "/api/v1/batches/{id}", UPLOAD, "delete-batch", || delete(batches::abandon)),
    route("PUT", "/api/v1/batches/{id}/files/{filename}", UPLOAD, "put-batch-file", || put(batches::put_file)),
    route("GET", "/api/v1/batches/{id}/files/{filename}", UPLOAD, "get-batch-file", || get(batches::show_file)),
    route("DELETE", "/api/v1/batches/{id}/files/{filename}", UPLOAD, "delete-batch-file", || {
        delete(batches::remove_file)
    }),
    route("POST", "/api/v1/batches/{id}/archive", UPLOAD, "post-batch-archive", || post(batches::put_archive)),
    route("POST", "/api/v1/batches/{id}/have", UPLOAD, "post-batch-have", || post(batches::adopt)),
    route("POST", "/api/v1/batches/{id}/commit", UPLOAD, "post-batch-commit", || post(batches::commit)),
    route("GET", "/api/v1/batches/{id}/simple", READ, "get-batch-simple", || get(batch_preview::root_without_slash)),
    route("GET", "/api/v1/batches/{id}/simple/", READ, "get-batch-simple", || get(batch_preview::root)),
    route("GET", "/api/v1/batches/{id}/simple/{project}", READ, "get-batch-simple-project", || {
        get(batch_preview::project_without_slash)
    }),
    route("GET", "/api/v1/batches/{id}/simple/{project}/", READ, "get-batch-simple-project", || {
        get(batch_preview::project)
    }),
    route("GET", "/api/v1/batches/{id}/packages/{aa}/{bb}/{rest}/{filename}", READ, "get-batch-packages", || {
        get(batch_preview::download)
    }),
    route("POST", "/api/v1/have", UPLOAD, "post-have", || post(batches::have)),
    route("GET", "/api/v1/namespaces", ADMIN, "get-grants", || get(namespaces::list_grants)),
    route("PUT", "/api/v1/namespaces/{namespace}", ADMIN, "put-namespace", || put(namespaces::grant)),
    route("DELETE", "/api/v1/namespaces/{namespace}", ADMIN, "delete-namespace", || delete(namespaces::revoke)),
    route("GET", "/api/v1/status", READ, "get-status", || get(status::status)),
    route("GET", "/api/v1/search", READ, "get-search", || get(search::search)),
    route("GET", "/api/v1/channels", READ, "get-channels", || get(channels::list)),
    route("GET", "/api/v1/channels/{channel}", READ, "get-channel", || get(channels::show)),
    route("GET", "/api/v1/channels/{channel}/snapshots", READ, "get-snapshots", || get(channels::snapshots)),
    route("GET", "/api/v1/channels/{channel}/changes", READ, "get-changes", || get(changes::list)),
    route("GET", "/{channel}/changes.atom", READ, "get-changes-atom", || get(changes::atom)),
    route("POST", "/api/v1/channels/{channel}/promotions", PROMOTE, "post-promotions", || post(channels::promote)),
    route("POST", "/api/v1/bundles", EXPORT, "post-bundles", || post(bundles::create)),
    route("GET", "/api/v1/bundles/{id}", READ, "get-bundle", || get(bundles::show)),
    route("GET", "/api/v1/bundles/{id}/download", READ, "get-bundle-download", || get(bundles::download)),
    route("GET", "/bundle/{file}", READ, "get-bundle-pyz", || get(bundles::download_built)),
    route("GET", "/api/v1/targets", READ, "get-targets", || get(locks::targets)),
    route("POST", "/api/v1/locks", READ, "post-locks", || post(locks::lock)),
    route("POST", "/api/v1/advisories", ADMIN, "post-advisories", || post(advisories::post)),
    route("GET", "/api/v1/advisories", READ, "get-advisories", || get(advisories::list)),
    route("POST", "/api/v1/advisories/query", READ, "post-advisories-query", || post(advisories::query)),
    route("GET", "/api/v1/advisories/{id}", READ, "get-advisory", || get(advisories::show)),
    route("GET", "/api/v1/audit", ADMIN, "get-audit", || get(audit::list)),
];

/// The whole server: takes requests, gives answers.
pub fn server(app: Arc<App>) -> Framed {
    let frame = Frame::new(app.clock.clone());
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, guarded(route, &app));
    }
    let router = router.method_not_allowed_fallback(wrong_method).fallback(no_such_page).with_state(app.clone());
    Framed::new(router, frame, move |asked, outbox, headers| shortcut::at_hand(&app, asked, outbox, headers))
}

fn guarded(route: &Route, app: &Arc<App>) -> MethodRouter<Arc<App>> {
    let handler = (route.handler)();
    let Some(permission) = route.permission else { return handler };
    let is_open = app.settings.cross_origin_reads == CrossOriginReads::Allowed;
    let handler = match is_open && route.method == "GET" && permission == Permission::Read {
        true => cross_origin::opened(handler),
        false => handler,
    };
    let guard = from_fn_with_state(Gate { app: app.clone(), permission }, guard);
    if !takes_a_file(route) {
        return dressed(route, handler.route_layer(guard));
    }
    // `ingest` counts the bytes of an upload and stops at the limit that was set.
    let handler = handler.route_layer(DefaultBodyLimit::disable());
    let handler = handler.route_layer(from_fn_with_state(app.clone(), upload_body::admit));
    dressed(route, handler.route_layer(guard).route_layer(from_fn(upload_body::watch)))
}

/// Where clients read errors in a form of their own.
fn dressed(route: &Route, handler: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    match route.manual {
        "post-legacy" | "post-channel-legacy" => handler.layer(from_fn(legacy_answer::dress)),
        manual if manual.contains("-upload2") => handler.route_layer(from_fn(upload2_form::dress)),
        _ => handler,
    }
}

/// Whether the body is a file of any length, which its handler counts; other bodies are small and read whole.
fn takes_a_file(route: &Route) -> bool {
    matches!(route.manual, "put-file" | "post-upload2-content" | "put-batch-file" | "post-batch-archive")
        || route.path.trim_end_matches('/').ends_with("/legacy")
}

async fn wrong_method() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "http/method-not-offered", "this URL does not offer that method")
        .with_hint("The answer's `Allow` header lists what it offers.")
}

async fn no_such_page() -> Problem {
    Problem::new(Kind::NotFound, "http/no-such-page", "this server has nothing at that URL")
}
