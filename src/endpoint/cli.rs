//! The terminal: `broca chat` over the daemon's local socket, whose file only its user may open.
//!
//! `POST /chat/v1/messages` and `GET /chat/v1/events`. Clients name their session.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Code, Error, Result};
use crate::message::{
    Address, Batch, Cursor, Outbound, Outcome, Part, PartId, Progress, Receipt, Sender,
};
use crate::server::chat::{Chat, Post};
use crate::server::feed::Start;
use crate::server::problem::{Body, Query};
use crate::server::{Mount, Server, Side};
use crate::shutdown::Stop;

use super::{Endpoint, Kind, Opening};

/// The kind.
pub const KIND: Kind = Kind {
    name: "cli",
    default_on: true,
    read: |section| {
        section.get::<bool>("enabled", &[], true);
    },
    open,
};

/// Where the routes are.
pub const PREFIX: &str = "/chat/v1";
/// The session of a client that names none.
pub const SESSION: &str = "terminal";

struct Cli {
    chat: Arc<Chat>,
    server: Arc<Server>,
    mount: Mount,
}

#[derive(Debug, Deserialize)]
struct Said {
    #[serde(default = "terminal")]
    session: String,
    /// Who speaks; the operator where it is not said.
    user: Option<String>,
    #[serde(flatten)]
    post: Post,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default = "terminal")]
    session: String,
    after: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of `Kind::open`")]
fn open(opening: Opening) -> Result<Arc<dyn Endpoint>> {
    let Opening { shelf, server, .. } = opening;
    let chat = Arc::new(Chat::new(KIND.name, "local", shelf));
    let routes = Router::new()
        .route("/messages", post(say))
        .route("/events", get(listen))
        .with_state(Arc::clone(&chat));
    let routes = Router::new().nest(PREFIX, routes);
    let mount = server.mount(Side::Local, KIND.name, routes);
    Ok(Arc::new(Cli {
        chat,
        server,
        mount,
    }))
}

impl Endpoint for Cli {
    fn account(&self) -> String {
        self.chat.account().to_owned()
    }

    fn receive(&self, _: Option<&Cursor>) -> Result<Batch> {
        Ok(self.chat.receive())
    }

    fn settled(&self, batch: &Batch, outcomes: &[Outcome]) {
        self.chat.settled(batch, outcomes);
    }

    fn render(&self, reply: &Outbound) -> Vec<Part> {
        Chat::render(reply)
    }

    fn send(&self, to: &Address, part: &Part, id: PartId) -> Result<Receipt> {
        self.chat.send(to, part, id)
    }

    fn progress(&self, progress: &Progress) -> Result<()> {
        self.chat.progress(progress);
        Ok(())
    }

    fn shows_once(&self) -> bool {
        true
    }

    fn check(&self) -> Result<String> {
        Ok("`broca chat` reaches it over the instance's socket".to_owned())
    }

    fn stop_receiving(&self) {
        self.chat.inbox.close();
    }
}

impl Drop for Cli {
    fn drop(&mut self) {
        self.server.unmount(self.mount);
    }
}

async fn say(
    State(chat): State<Arc<Chat>>,
    Body(said): Body<Said>,
) -> Result<(StatusCode, Json<Value>)> {
    check_session(&said.session)?;
    let name = said.user.filter(|user| !user.trim().is_empty());
    let from = Sender {
        id: name.clone().unwrap_or_else(|| "operator".to_owned()),
        username: name.clone(),
        name,
        language: None,
    };
    let key = said.post.key.clone();
    let fresh = chat.post(&said.session, from, said.post).await?;
    let answer = json!({ "key": key, "fresh": fresh });
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

async fn listen(
    State(chat): State<Arc<Chat>>,
    Extension(stop): Extension<Stop>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    check_session(&wanted.session)?;
    let start = Start::of(&headers, wanted.after.as_deref())?;
    chat.feed.follow(&wanted.session, start, stop).await
}

fn terminal() -> String {
    SESSION.to_owned()
}

/// A session's name is part of keys and drawers.
fn check_session(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    let message = "`session` is not 1 to 64 of the characters a-z, A-Z, 0-9, `.`, `_`, `@`, `-`";
    Err(Error::new(Code::RequestMalformed, message))
}
