//! The one integration binary.

mod page;
mod support;
mod webchat;
