//! The command line of the real binary: help, exit codes, JSON, and what each command does.

mod check;
mod db;
mod help;
mod init;
mod queue;
mod send;
mod settings;
mod trace;

#[cfg(not(feature = "kill-points"))]
#[test]
fn the_binary_holds_no_trace_of_the_places_where_tests_make_it_die() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_broca")).expect("it is there");
    let trace = b"BROCA_KILL";
    assert!(!binary.windows(trace.len()).any(|bytes| bytes == trace));
}
