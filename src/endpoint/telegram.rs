//! To be written.

use super::Kind;

/// The kind.
pub const KIND: Kind = Kind {
    name: "telegram",
    default_on: false,
    read: |_| {},
    open: |_| unreachable!(),
};
