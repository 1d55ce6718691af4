//! Parses, runs, prints the error with its hint, exits with its code.

fn main() {}
