//! `kill -9`, at named points and at random: nothing lost, nothing asked twice, order kept.

mod load;
mod points;
