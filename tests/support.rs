//! Servers that stand in for the networks.

#[cfg(feature = "telegram")]
pub(crate) mod http;
#[cfg(feature = "telegram")]
pub(crate) mod telegram;
