//! The command line of the real binary: help, exit codes, JSON, and what each command does.

mod check;
mod db;
mod help;
mod init;
mod queue;
mod send;
mod settings;
