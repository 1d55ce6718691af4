//! The integration tests, in one binary.

mod config;
mod docs;
mod letta;
mod page;
mod schema;
mod store;
mod support;
mod webchat;
