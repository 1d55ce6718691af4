//! What the store promises, on every database of this build.

mod intake;
mod model;
mod operator;
mod outbox;
mod plans;
mod queue;
mod settling;
mod shelf;
mod silent;
mod states;
mod stress;
mod trace;
mod waiting;
mod writer;
