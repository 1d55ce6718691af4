//! Errors as HTTP answers, and JSON requests whose errors are ours.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::error::{Code, Error};

use super::BODY_LIMIT;

/// A request's body must be there within this time.
const BODY_TIME: Duration = Duration::from_secs(20);

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

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let read = tokio::time::timeout(BODY_TIME, Json::<T>::from_request(request, state));
        let read = read
            .await
            .map_err(|_| Error::new(Code::RequestMalformed, "the body did not come in time"))?;
        read.map(|Json(value)| Self(value))
            .map_err(|error| wrong_body(&error))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|query| Self(query.0))
            .map_err(|error: QueryRejection| {
                Error::new(Code::RequestMalformed, sentence(&error.body_text()))
            })
    }
}

fn wrong_body(error: &JsonRejection) -> Error {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let message = format!("the request's body is larger than {BODY_LIMIT} bytes");
        return Error::new(Code::RequestTooLarge, message);
    }
    Error::new(Code::RequestMalformed, sentence(&error.body_text()))
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
