//! The Letta adapter against its stand-in, and against a real server where one is named.

mod common;
mod fates;
mod people;
mod real;
mod turns;
