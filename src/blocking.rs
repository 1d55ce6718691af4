//! The one way onto a blocking thread.

use crate::error::{Code, Error, Result};

/// Runs `work` where it may block, and gives back its result. A panic in it becomes
/// `internal.panic`, so that one adapter's bug does not end the bridge.
pub async fn run<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failure) if failure.is_panic() => Err(Error::new(
            Code::InternalPanic,
            words_of(failure.into_panic().as_ref()),
        )),
        Err(_) => Err(Error::new(
            Code::Stopping,
            "the work was not begun before the stop",
        )),
    }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let error = run::<(), _>(|| panic!("boom {}", 1))
            .await
            .expect_err("it panicked");
        assert_eq!(
            (error.code, error.message()),
            (Code::InternalPanic, "boom 1")
        );
    }
}
