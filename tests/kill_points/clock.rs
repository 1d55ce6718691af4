//! A clock that is set wrong.
