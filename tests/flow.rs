//! Messages on their way through the real binary: order, concurrency, modes, access, commands.

mod access;
mod isolation;
mod modes;
mod order;
mod stopping;
