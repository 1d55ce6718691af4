//! The integration tests, in one binary.

mod config;
mod docs;
mod feed;
mod letta;
mod page;
mod support;
mod webchat;
