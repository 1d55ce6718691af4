//! What the tests share: stand-ins for what lies outside, and what drives the real thing.

pub(crate) mod broca;
pub(crate) mod browser;
pub(crate) mod chat;
pub(crate) mod database;
#[cfg(feature = "telegram")]
pub(crate) mod http;
pub(crate) mod letta;
pub(crate) mod mutate;
#[cfg(feature = "telegram")]
pub(crate) mod proxy;
#[cfg(feature = "telegram")]
pub(crate) mod real;
#[cfg(feature = "telegram")]
pub(crate) mod scene;
pub(crate) mod shelf;
#[cfg(feature = "telegram")]
pub(crate) mod telegram;
pub(crate) mod web;
