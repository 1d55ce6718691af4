//! What the tests share: stand-ins for what lies outside, and what drives the real thing.

pub(crate) mod browser;
pub(crate) mod chat;
pub(crate) mod database;
pub(crate) mod letta;
pub(crate) mod shelf;
