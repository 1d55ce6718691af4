//! The page's files, compiled in.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use sha2::{Digest, Sha256};

/// A file of the page.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const FILES: &[File] = &[
    File::new("/", HTML, include_str!("index.html")),
    File::new("/page.css", CSS, include_str!("page.css")),
    File::new("/page.js", SCRIPT, include_str!("page.js")),
    File::new("/parts.js", SCRIPT, include_str!("parts.js")),
    File::new("/rows.js", SCRIPT, include_str!("rows.js")),
    File::new("/outbox.js", SCRIPT, include_str!("outbox.js")),
    File::new("/wire.js", SCRIPT, include_str!("wire.js")),
    File::new("/markdown.js", SCRIPT, include_str!("markdown.js")),
];

impl File {
    const fn new(path: &'static str, kind: &'static str, text: &'static str) -> Self {
        Self { path, kind, text }
    }
}

/// A route for each file.
pub(super) fn routes<S: Clone + Send + Sync + 'static>()
-> impl Iterator<Item = (&'static str, MethodRouter<S>)> {
    FILES.iter().map(|file| {
        let tag = tag_of(file.text);
        let route = get(move |headers: HeaderMap| async move { serve(file, &tag, &headers) });
        (file.path, route)
    })
}

/// Browsers ask each time whether what they have is still right, so that an update shows at once.
fn serve(file: &File, tag: &HeaderValue, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH) == Some(tag);
    let mut answer = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, file.kind)], file.text).into_response()
    };
    let fields = answer.headers_mut();
    fields.insert(header::ETAG, tag.clone());
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

fn tag_of(text: &str) -> HeaderValue {
    let digest = Sha256::digest(text);
    let number = digest[..8]
        .iter()
        .fold(0_u64, |all, byte| (all << 8) | u64::from(*byte));
    HeaderValue::from_str(&format!("\"{number:016x}\"")).expect("hex is plain ASCII")
}
