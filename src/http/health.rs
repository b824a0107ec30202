//! `/-/live` and `/-/ready`: for service managers and load balancers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::Problem;
use crate::app::App;
use crate::model::Kind;

/// The process runs and answers.
pub async fn live() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], "live\n").into_response()
}

/// The server can do its work: the index answers.
pub async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    match app.index.find_channel(&app.settings.default_channel).await {
        Ok(_) => Ok(([(header::CACHE_CONTROL, "no-store")], "ready\n").into_response()),
        // Whatever the reason, a balancer only needs to know that this one is to be left out for a while.
        Err(error) => {
            tracing::warn!(error = %error, "not ready: the index does not answer");
            Err(Problem::new(Kind::Unavailable, "http/not-ready", "the index does not answer"))
        }
    }
}
