//! All integration tests in one binary.

mod letta;
mod support;
