//! Errors as HTTP answers, and JSON requests whose errors are ours.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::error::{Code, Error};

use super::BODY_LIMIT;

/// A request's body must be there within this time.
const BODY_TIME: Duration = Duration::from_secs(20);

/// A body that is too large is read so far, in bytes, before the connection is given up.
const PATIENCE: usize = 4 * 1024 * 1024;

/// A JSON body. Wrong ones are answered with `{code, message, hint}`.
pub struct Body<T>(pub T);

/// The query part of the address, read likewise.
pub struct Query<T>(pub T);

/// `{code, message, hint}` with this status, and `Retry-After` where the error says when.
pub fn respond(status: StatusCode, error: &Error) -> Response {
    let body = json!({
        "code": error.code.as_str(), "message": error.message(), "hint": error.advice(),
    });
    let mut answer = (status, Json(body)).into_response();
    let headers = answer.headers_mut();
    if let Some(wait) = error.retry_after {
        let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}

/// The status that fits a code.
pub const fn status_of(code: Code) -> StatusCode {
    match code {
        Code::RequestMalformed => StatusCode::BAD_REQUEST,
        Code::RequestUnauthorized => StatusCode::UNAUTHORIZED,
        Code::RequestForbidden | Code::AccessRefused | Code::AccessInactive => {
            StatusCode::FORBIDDEN
        }
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::WrongState | Code::ConfigOverridden => StatusCode::CONFLICT,
        Code::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::ConfigInvalid | Code::ConfigMissing => StatusCode::UNPROCESSABLE_ENTITY,
        Code::RequestLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Stopping | Code::StoreUnreachable | Code::StoreFailed => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = status_of(self.code);
        if status.is_server_error() {
            log::warn!("a request failed: {} code={}", self.message(), self.code);
        }
        respond(status, &self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        // Other kinds can be sent by any web page without asking first.
        if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
            return Err(malformed("the body is not of type `application/json`"));
        }
        let bytes = tokio::time::timeout(BODY_TIME, read_all(request.into_body())).await;
        let bytes = bytes.map_err(|_| malformed("the body did not come in time"))??;
        let value = serde_json::from_slice(&bytes);
        value
            .map(Self)
            .map_err(|error| malformed(format!("the body is not the JSON expected: {error}")))
    }
}

/// The whole body. One that is somewhat too large is read to its end all the same, since many clients
/// hear no answer before they have sent everything.
async fn read_all(body: axum::body::Body) -> Result<Vec<u8>, Error> {
    let mut pieces = body.into_data_stream();
    let (mut bytes, mut size) = (Vec::new(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| malformed("the body broke off"))?;
        size += piece.len();
        if size <= BODY_LIMIT {
            bytes.extend_from_slice(&piece);
        } else if size > PATIENCE {
            break;
        }
    }
    if size <= BODY_LIMIT {
        return Ok(bytes);
    }
    let message = format!("the request's body is larger than {BODY_LIMIT} bytes");
    Err(Error::new(Code::RequestTooLarge, message))
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|query| Self(query.0))
            .map_err(|error: QueryRejection| malformed(sentence(&error.body_text())))
    }
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new(Code::RequestMalformed, message)
}

/// A foreign sentence in our style: it begins in lower case.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_when_to_come_back_in_whole_seconds() {
        let error = Error::new(Code::RequestLimited, "too fast").after(Duration::from_millis(1200));
        let answer = error.into_response();
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "2");
    }

    #[test]
    fn a_bug_is_500_and_a_stop_is_503() {
        assert_eq!(
            status_of(Code::InternalPanic),
            StatusCode::INTERNAL_SERVER_ERROR
        );
        assert_eq!(status_of(Code::Stopping), StatusCode::SERVICE_UNAVAILABLE);
    }
}
