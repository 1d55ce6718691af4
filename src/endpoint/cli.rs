//! To be written.

use super::Kind;

/// The kind.
pub const KIND: Kind = Kind {
    name: "cli",
    default_on: true,
    read: |_| {},
    open: |_| unreachable!(),
};
