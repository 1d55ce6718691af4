//! The integration tests, in one binary.

mod architecture;
mod config;
mod docs;
mod feed;
mod letta;
mod page;
mod support;
#[cfg(feature = "telegram")]
mod telegram;
mod webchat;
