//! Stand-ins for what lies outside.

pub(crate) mod letta;
