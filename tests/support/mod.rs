//! What the tests share.

pub(crate) mod browser;
pub(crate) mod chat;
pub(crate) mod shelf;
