//! Web chat: a page at `/` and the HTTP API that it uses, under `/api/v1`.
//!
//! A session is whoever holds its token. What it posts is answered with 202 only once it is committed,
//! and everything that it sees comes as server-sent events that can be resumed.

use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::message::{Address, Batch, Cursor, Outbound, Outcome, Part, PartId, Progress, Receipt};
use crate::server::chat::Chat;
use crate::server::guard::Guard;
use crate::server::limit::Limiter;
use crate::server::session::Sessions;
use crate::server::{Mount, Server, Side};

use super::{Endpoint, Kind, Opening};

mod door;
mod page;
mod routes;
mod settings;

use settings::{Access, Settings};

/// The kind.
pub const KIND: Kind = Kind {
    name: "webchat",
    default_on: true,
    read: |section| {
        settings::read(section);
    },
    open,
};

/// Sessions that one address may begin in a minute.
const SESSIONS_PER_MINUTE: u32 = 30;
/// Messages of a session that may come at once, where its rate allows as many in a minute.
const BURST: u32 = 10;

/// What the routes share.
struct Web {
    chat: Chat,
    sessions: Sessions,
    guard: Guard,
    settings: Settings,
    posts: Limiter,
    beginnings: Limiter,
    server: Arc<Server>,
}

struct Webchat {
    web: Arc<Web>,
    mount: Mount,
}

fn open(mut opening: Opening) -> Result<Arc<dyn Endpoint>> {
    let settings = settings::read(&mut opening.section);
    if settings.access == Access::Token && settings.token.is_none() {
        return Err(missing_token());
    }
    let Opening { shelf, server, .. } = opening;
    let web = Arc::new(Web {
        chat: Chat::new(KIND.name, "web", Arc::clone(&shelf)),
        sessions: Sessions::new(shelf),
        guard: Guard {
            local: settings.access == Access::Local,
            origins: settings.origins.clone(),
        },
        posts: Limiter::new(settings.rate, settings.rate.min(BURST)),
        beginnings: Limiter::new(SESSIONS_PER_MINUTE, SESSIONS_PER_MINUTE),
        settings,
        server: Arc::clone(&server),
    });
    let mount = server.mount(Side::Public, KIND.name, routes::router(&web));
    Ok(Arc::new(Webchat { web, mount }))
}

impl Endpoint for Webchat {
    fn account(&self) -> String {
        self.web.chat.account().to_owned()
    }

    fn receive(&self, _: Option<&Cursor>) -> Result<Batch> {
        Ok(self.web.chat.receive())
    }

    fn settled(&self, batch: &Batch, outcomes: &[Outcome]) {
        self.web.chat.settled(batch, outcomes);
    }

    fn render(&self, reply: &Outbound) -> Vec<Part> {
        Chat::render(reply)
    }

    fn send(&self, to: &Address, part: &Part, id: PartId) -> Result<Receipt> {
        if self.web.sessions.exists(&to.chat)? {
            return self.web.chat.send(to, part, id);
        }
        Err(Error::new(
            Code::EndpointBlocked,
            "the web session was ended or has expired",
        ))
    }

    fn progress(&self, progress: &Progress) -> Result<()> {
        self.web.chat.progress(progress);
        Ok(())
    }

    fn shows_once(&self) -> bool {
        true
    }

    fn check(&self) -> Result<String> {
        Ok(format!("access is `{}`", self.web.settings.access.as_str()))
    }

    fn stop_receiving(&self) {
        self.web.chat.inbox.close();
    }
}

impl Drop for Webchat {
    fn drop(&mut self) {
        self.web.server.unmount(self.mount);
    }
}

fn missing_token() -> Error {
    Error::new(
        Code::ConfigMissing,
        "`endpoint.webchat.access` is `token`, and no token is set",
    )
    .hint("set `WEBCHAT_TOKEN`, or `token` in `[endpoint.webchat]`")
}
