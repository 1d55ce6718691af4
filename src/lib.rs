//! Broca carries messages between the places where people write and a Letta agent.
//!
//! ```text
//! endpoint ──receive──▶ intake ──▶ [queue] ──▶ processor ──▶ [outbox] ──▶ delivery ──send──▶ endpoint
//!                                                 │  ▲
//!                                                 ▼  │
//!                                               agent (Letta)
//! ```
//!
//! Data flows one way, and so do imports: a room imports only what stands above it in this list.
//! The queue and the outbox are tables; the stages meet only there.

// words
pub mod error;
pub mod exchange;
pub mod kill;
pub mod message;
pub mod secret;
pub mod shelf;
pub mod time;

// tools
pub mod blocking;
pub mod config;
pub mod http;
pub mod logging;
pub mod retry;
pub mod server;
pub mod shutdown;

// doors
pub mod agent;
pub mod endpoint;
pub mod store;

// stages, and what joins them
pub mod bridge;

// front
pub mod cli;

#[cfg(test)]
#[path = "../tests/support/mutate.rs"]
mod mutate;
