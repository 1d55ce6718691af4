//! What every request passes: the guard on the way in, safe headers on the way out.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::blocking;
use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use crate::server::Peer;

use super::Web;

/// The page runs its own files and nothing else, and nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const SAFE: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// The session of the request's bearer token.
pub(super) struct Session {
    pub id: String,
    pub token: Secret,
}

/// Lets a request through or refuses it; a listed site's may be read by that site.
pub(super) async fn pass(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let origin = listed_origin(&web, request.headers());
    let passed = web.guard.check(request.method(), request.headers(), peer);
    let mut answer = match passed {
        Err(error) => error.into_response(),
        Ok(()) if origin.is_some() && request.method() == Method::OPTIONS => {
            StatusCode::NO_CONTENT.into_response()
        }
        Ok(()) => next.run(request).await,
    };
    let headers = answer.headers_mut();
    for (name, value) in SAFE {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Some(origin) = origin {
        share(headers, origin);
    }
    answer
}

/// The token after `Bearer`, where there is one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl FromRequestParts<Arc<Web>> for Session {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self> {
        let token = bearer(&parts.headers).ok_or_else(|| {
            Error::new(Code::RequestUnauthorized, "the session's token is missing")
        })?;
        let token = Secret::new(token);
        let (web, wanted) = (Arc::clone(web), token.clone());
        let id = blocking::run(move || web.sessions.find(wanted.reveal())).await?;
        Ok(Self { id, token })
    }
}

fn listed_origin(web: &Web, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let listed = origin.to_str().is_ok_and(|origin| web.guard.lists(origin));
    listed.then(|| origin.clone())
}

fn share(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let allowed = [
        (header::VARY, "Origin"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, Last-Event-ID",
        ),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Retry-After"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    for (name, value) in allowed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
