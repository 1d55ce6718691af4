//! The real binary between its networks and the agent, as both go wrong in every known way.

mod chat;
mod endpoints;
mod letta;
mod letta_away;
mod process;
mod real;
mod real_canaries;
mod real_kills;
mod real_people;
mod telegram;
mod web;
