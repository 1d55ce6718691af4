//! The daemon killed, at named points and at random.

mod canaries;
mod disk;
mod points;
mod storm;
mod syscalls;
