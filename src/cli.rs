//! The command line.

pub mod init;
pub mod output;
pub mod settings;
