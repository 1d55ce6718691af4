//! What the tests share: stand-ins for what lies outside, and what drives the real thing.

pub(crate) mod broca;
pub(crate) mod browser;
#[cfg(feature = "telegram")]
pub(crate) mod canary;
pub(crate) mod chat;
pub(crate) mod database;
pub(crate) mod dice;
#[cfg(feature = "telegram")]
pub(crate) mod disk;
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
pub(crate) mod storm;
#[cfg(feature = "telegram")]
pub(crate) mod telegram;
pub(crate) mod web;
