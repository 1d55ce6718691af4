//! The one integration binary.

mod feed;
mod page;
mod support;
mod webchat;
