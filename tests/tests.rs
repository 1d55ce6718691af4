//! The integration tests, in one binary.
#![expect(
    clippy::print_stderr,
    reason = "tests say on what they run, and show the daemon.s log where they fail"
)]

mod architecture;
mod command;
mod config;
#[cfg(feature = "telegram")]
mod crash;
mod docs;
#[cfg(feature = "telegram")]
mod e2e;
mod feed;
#[cfg(feature = "telegram")]
mod flow;
#[cfg(all(feature = "kill-points", feature = "telegram"))]
mod kill_points;
mod letta;
mod page;
mod schema;
mod store;
mod support;
#[cfg(feature = "telegram")]
mod telegram;
mod webchat;
