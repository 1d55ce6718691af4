//! The control routes on the daemon's socket, and health on the public port.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::error::Result;
use crate::server::problem::Body;
use crate::server::{Server, Side};
use crate::store::change::{self, Change};
use crate::time::Timestamp;

use super::flow::Flow;

/// Mounts both.
pub(super) fn mount(server: &Server, flow: &Arc<Flow>) {
    let control = Router::new()
        .route("/control/v1/status", get(status))
        .route("/control/v1/change", post(apply))
        .with_state(Arc::clone(flow));
    let health = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Arc::clone(flow));
    server.mount(Side::Local, "control", control);
    server.mount(Side::Public, "health", health);
}

/// How the daemon is: its mode, the agent and the endpoints.
async fn status(State(flow): State<Arc<Flow>>) -> Json<Value> {
    Json(json!({
        "pid": std::process::id(),
        "boot": flow.boot,
        "version": env!("CARGO_PKG_VERSION"),
        "mode": flow.config().mode,
        "health": flow.health.all(),
    }))
}

/// Makes a change to the database where it takes effect at once.
async fn apply(State(flow): State<Arc<Flow>>, Body(change): Body<Change>) -> Result<Json<Value>> {
    let done = flow
        .store
        .write(move |conn| change::apply(conn, &change, Timestamp::now()))
        .await?;
    for turn in &done.to_stop {
        flow.stops.stop(*turn);
    }
    flow.wake();
    Ok(Json(done.report))
}

/// Whether messages are carried right now, and if not, what is in the way.
async fn ready(State(flow): State<Arc<Flow>>) -> Response {
    let parts = flow.health.all();
    let store = flow.store.read(crate::store::report::depth).await;
    let ready = flow.health.is_well() && store.is_ok();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let unwell: Vec<_> = parts
        .iter()
        .filter_map(|(name, state)| Some(json!({ "part": name, "code": state.code? })))
        .collect();
    (status, Json(json!({ "ready": ready, "unwell": unwell }))).into_response()
}
