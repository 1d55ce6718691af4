//! All integration tests, in one binary.

mod support;

#[cfg(feature = "telegram")]
mod telegram;
