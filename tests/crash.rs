//! `kill -9`, at named points and at random: nothing lost, nothing asked twice, order kept.

mod canaries;
mod load;
mod points;
