//! The one HTTP server: routes that endpoints mount, on a TCP port and on a Unix socket.

use axum::Router;

/// Who can reach a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Whoever reaches `http.listen`.
    Public,
    /// Whoever may open the socket file (0600).
    Local,
}

/// Dispatches requests to what is mounted at the moment.
#[derive(Default)]
pub struct Server {}

impl Server {
    /// Makes `router`'s routes reachable, in place of what the same name mounted before.
    pub fn mount(&self, _side: Side, _name: &'static str, _router: Router) {}

    /// Takes them away.
    pub fn unmount(&self, _side: Side, _name: &'static str) {}
}
