//! The API under `/api/v1`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /about` | `{title, access, max_message, mode, name, version, agent}` |
//! | `POST /sessions` | 201 `{token, session}`; with access `token`, `Authorization: Bearer <the operator's>` |
//! | `DELETE /sessions/current` | 204; forgets the session and its messages |
//! | `POST /messages` `{text, key}` | 202 `{key, fresh}` once it is committed |
//! | `GET /events` | server-sent events: `message` (with id) and `progress` |
//! | `GET /history?before=&after=&limit=` | `{messages: […]}`, oldest first |
//!
//! All but the first two want `Authorization: Bearer <token>`. Errors are `{code, message, hint}`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{any, delete, get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::blocking;
use crate::error::{Code, Error, Result};
use crate::message::Sender;
use crate::server::Peer;
use crate::server::chat::Post;
use crate::server::feed::Start;
use crate::server::problem::{Body, Query};
use crate::server::session::same;
use crate::shutdown::Stop;
use crate::time::Timestamp;

use super::door::{self, Session, bearer};
use super::settings::Access;
use super::{Web, page};

/// Messages that one look at the history gives at most.
const HISTORY: usize = 200;

pub(super) fn router(web: &Arc<Web>) -> Router {
    let api = Router::new()
        .route("/about", get(about))
        .route("/sessions", post(begin))
        .route("/sessions/current", delete(end))
        .route("/messages", post(say))
        .route("/events", get(listen))
        .route("/history", get(history))
        .route("/{*rest}", any(nothing));
    let all = page::routes().fold(Router::new().nest("/api/v1", api), |all, (path, route)| {
        all.route(path, route)
    });
    all.layer(from_fn_with_state(Arc::clone(web), door::pass))
        .with_state(Arc::clone(web))
}

async fn nothing() -> Error {
    Error::new(Code::NotFound, "the API has nothing at this address")
        .hint("look at the address again")
}

async fn about(State(web): State<Arc<Web>>) -> Json<Value> {
    let mut about = web.server.about();
    if !about.is_object() {
        about = json!({});
    }
    about["title"] = web.settings.title.as_str().into();
    about["access"] = web.settings.access.as_str().into();
    about["max_message"] = web.settings.max_message.into();
    Json(about)
}

async fn begin(
    State(web): State<Arc<Web>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<Value>)> {
    let key = peer_key(peer.map(|Extension(peer)| peer));
    web.beginnings.take(&key, Timestamp::now())?;
    may_begin(&web, &headers)?;
    let (token, session) = blocking::run(move || web.sessions.begin()).await?;
    let answer = json!({ "token": token.reveal(), "session": session });
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn end(State(web): State<Arc<Web>>, session: Session) -> Result<StatusCode> {
    blocking::run(move || {
        web.sessions.end(session.token.reveal(), &session.id)?;
        web.chat.feed.forget(&session.id)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn say(
    State(web): State<Arc<Web>>,
    session: Session,
    Body(post): Body<Post>,
) -> Result<(StatusCode, Json<Value>)> {
    check_length(&post.text, web.settings.max_message)?;
    web.posts.take(&session.id, Timestamp::now())?;
    let from = Sender {
        id: session.id.clone(),
        name: Some("Web visitor".to_owned()),
        ..Sender::default()
    };
    let key = post.key.clone();
    let fresh = web.chat.post(&session.id, from, post).await?;
    let answer = json!({ "key": key, "fresh": fresh });
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

#[derive(Debug, Deserialize)]
struct Wanted {
    after: Option<String>,
}

async fn listen(
    State(web): State<Arc<Web>>,
    session: Session,
    Extension(stop): Extension<Stop>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    let start = Start::of(&headers, wanted.after.as_deref())?;
    web.chat.feed.follow(&session.id, start, stop).await
}

#[derive(Debug, Deserialize)]
struct Range {
    before: Option<i64>,
    after: Option<i64>,
    limit: Option<usize>,
}

async fn history(
    State(web): State<Arc<Web>>,
    session: Session,
    Query(range): Query<Range>,
) -> Result<Json<Value>> {
    let most = range.limit.unwrap_or(50).clamp(1, HISTORY);
    let messages = blocking::run(move || match (range.before, range.after) {
        (None, Some(number)) => web.chat.feed.after(&session.id, number, most),
        (before, None) => {
            let before = before.unwrap_or(i64::MAX);
            web.chat.feed.before(&session.id, before, most)
        }
        (Some(_), Some(_)) => Err(Error::new(
            Code::RequestMalformed,
            "give either `before` or `after`",
        )),
    });
    Ok(Json(json!({ "messages": messages.await? })))
}

fn may_begin(web: &Web, headers: &HeaderMap) -> Result<()> {
    if web.settings.access != Access::Token {
        return Ok(());
    }
    match (bearer(headers), &web.settings.token) {
        (Some(given), Some(token)) if same(given, token.reveal()) => Ok(()),
        _ => Err(Error::new(
            Code::RequestUnauthorized,
            "the access token is missing or wrong",
        )
        .hint("ask the operator for the web chat's access token")),
    }
}

fn check_length(text: &str, most: usize) -> Result<()> {
    if text.chars().count() <= most {
        return Ok(());
    }
    let message = format!("the message is longer than {most} characters");
    let hint = format!("send at most {most} characters at once");
    Err(Error::new(Code::RequestTooLarge, message).hint(hint))
}

/// One person may have a whole IPv6 network of 64 bits.
fn peer_key(peer: Option<Peer>) -> String {
    match peer {
        Some(Peer::Tcp(IpAddr::V6(ip))) => format!("{:x?}", &ip.segments()[..4]),
        Some(Peer::Tcp(ip)) => ip.to_string(),
        Some(Peer::Unix) | None => String::new(),
    }
}
