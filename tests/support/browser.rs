//! A browser to look at the page with.
