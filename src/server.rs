//! The one HTTP server: routes that endpoints mount, on a TCP port and on a Unix socket.
//!
//! What both chat endpoints stand on is here too, since endpoints import nothing of one another:
//! [`chat`] (messages in, events out), [`session`] (tokens), [`guard`] (who may ask), [`limit`] (how
//! often).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use serde_json::Value;

use crate::error::{Code, Error};

pub mod chat;
pub mod feed;
pub mod guard;
pub mod inbox;
pub mod limit;
mod listen;
pub mod problem;
pub mod session;
pub mod socket;

pub use listen::Peer;

/// No request's body is larger, in bytes.
pub const BODY_LIMIT: usize = 256 * 1024;

/// Who can reach a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Whoever reaches `http.listen`.
    Public,
    /// Whoever may open the socket file (0600).
    Local,
}

/// Dispatches requests to what is mounted at the moment.
pub struct Server {
    public: Half,
    local: Half,
    about: RwLock<Value>,
}

/// One side: its routes, and room for its connections.
struct Half {
    mounted: RwLock<Mounted>,
    slots: listen::Slots,
}

/// Names what was mounted, so that nobody takes away what came in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mount {
    side: Side,
    name: &'static str,
    number: u64,
}

/// The routers of one side, and all of them as one.
struct Mounted {
    by_name: BTreeMap<&'static str, (u64, Router)>,
    whole: Router,
    mounts: u64,
}

impl Server {
    /// Makes `router`'s routes reachable, in place of what the same name mounted before. Requests under
    /// way end on the routes on which they began.
    ///
    /// # Panics
    /// Where a route is mounted under another name already, or `router` has a fallback of its own.
    pub fn mount(&self, side: Side, name: &'static str, router: Router) -> Mount {
        let mut mounted = self.writing(side);
        mounted.mounts += 1;
        let number = mounted.mounts;
        mounted.by_name.insert(name, (number, router));
        mounted.merge();
        Mount { side, name, number }
    }

    /// Takes it away, unless something else is mounted under its name by now.
    pub fn unmount(&self, mount: Mount) {
        let mut mounted = self.writing(mount.side);
        let current = mounted.by_name.get(mount.name);
        if current.is_some_and(|(number, _)| *number == mount.number) {
            mounted.by_name.remove(mount.name);
            mounted.merge();
        }
    }

    /// What the page may know of this Broca: an object with `mode`, `name`, `version` and `agent`.
    pub fn set_about(&self, about: Value) {
        *self.about.write().unwrap_or_else(PoisonError::into_inner) = about;
    }

    /// What [`Self::set_about`] said last; `null` before.
    pub fn about(&self) -> Value {
        self.about
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The routes of `side` as they are now.
    pub fn router(&self, side: Side) -> Router {
        let mounted = self.side(side).mounted.read();
        mounted
            .unwrap_or_else(PoisonError::into_inner)
            .whole
            .clone()
    }

    fn writing(&self, side: Side) -> RwLockWriteGuard<'_, Mounted> {
        let mounted = self.side(side).mounted.write();
        mounted.unwrap_or_else(PoisonError::into_inner)
    }

    const fn side(&self, side: Side) -> &Half {
        match side {
            Side::Public => &self.public,
            Side::Local => &self.local,
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            public: Half::empty(),
            local: Half::empty(),
            about: RwLock::default(),
        }
    }
}

impl Half {
    fn empty() -> Self {
        Self {
            mounted: RwLock::new(Mounted::nothing()),
            slots: listen::Slots::default(),
        }
    }
}

impl Mounted {
    fn nothing() -> Self {
        let mut mounted = Self {
            by_name: BTreeMap::new(),
            whole: Router::new(),
            mounts: 0,
        };
        mounted.merge();
        mounted
    }

    fn merge(&mut self) {
        let routers = self.by_name.values().map(|(_, router)| router.clone());
        self.whole = routers
            .fold(Router::new(), Router::merge)
            .fallback(nothing_there)
            .method_not_allowed_fallback(wrong_method)
            .layer(DefaultBodyLimit::max(BODY_LIMIT));
    }
}

async fn nothing_there(uri: Uri) -> Response {
    let error = Error::new(Code::NotFound, format!("nothing is at `{}`", uri.path()));
    problem::respond(
        StatusCode::NOT_FOUND,
        &error.hint("look at the address again"),
    )
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let error = Error::new(
        Code::RequestMalformed,
        format!("`{}` does not take {method}", uri.path()),
    );
    problem::respond(StatusCode::METHOD_NOT_ALLOWED, &error)
}

/// Locks, also after a panic elsewhere: what our mutexes guard is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use axum::routing::get;
    use tower::ServiceExt;

    async fn status(server: &Server, side: Side, path: &str) -> u16 {
        let request = Request::get(path).body(Body::empty()).expect("it is valid");
        let answer = server.router(side).oneshot(request).await;
        answer
            .unwrap_or_else(|never| match never {})
            .status()
            .as_u16()
    }

    #[tokio::test]
    async fn routes_come_and_go_while_it_runs() {
        let server = Server::default();
        assert_eq!(status(&server, Side::Public, "/a").await, 404);
        let at = |path| Router::new().route(path, get(|| async { "here" }));
        let first = server.mount(Side::Public, "one", at("/a"));
        assert_eq!(status(&server, Side::Public, "/a").await, 200);
        assert_eq!(status(&server, Side::Local, "/a").await, 404);
        let second = server.mount(Side::Public, "one", at("/b"));
        server.unmount(first);
        assert_eq!(status(&server, Side::Public, "/a").await, 404);
        assert_eq!(status(&server, Side::Public, "/b").await, 200);
        server.unmount(second);
        assert_eq!(status(&server, Side::Public, "/b").await, 404);
    }
}
