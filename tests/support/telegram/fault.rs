//! How a method of the Bot API can fail.

/// How a method fails once.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// A proper refusal; nothing is done.
    Refuse {
        /// `error_code` and HTTP status.
        code: u16,
        /// `description`.
        description: String,
        /// `parameters.retry_after`, in seconds.
        retry_after: Option<u64>,
    },
    /// This status with a page of a proxy; nothing is done.
    Html(u16),
    /// Status 200 with half an object; nothing is done.
    Malformed,
    /// The connection ends, nothing is done.
    ResetBefore,
    /// It is done, then the connection ends.
    ResetAfter,
    /// It is done, then the answer ends midway.
    TornAfter,
    /// No answer until the server goes away; nothing is done.
    Hang,
}

impl Fault {
    /// A refusal.
    pub(crate) fn refuse(code: u16, description: &str) -> Self {
        Self::Refuse {
            code,
            description: description.to_owned(),
            retry_after: None,
        }
    }

    /// 429, `retry_after` in seconds.
    pub(crate) fn flood(retry_after: u64) -> Self {
        Self::Refuse {
            code: 429,
            description: format!("Too Many Requests: retry after {retry_after}"),
            retry_after: Some(retry_after),
        }
    }

    /// 403: the person blocked the bot.
    pub(crate) fn blocked() -> Self {
        Self::refuse(403, "Forbidden: bot was blocked by the user")
    }
}
