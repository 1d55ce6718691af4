//! Servers that stand in for the networks.

pub(crate) mod http;
pub(crate) mod telegram;
