//! Reading the configuration again while running: on SIGHUP, and whenever a file of it changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::blocking;
use crate::config::{Config, Problem, Reader, Watch, load};
use crate::error::{Error, Result};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// Watches the files that the configuration was read from.
pub struct Reloader {
    file: Option<PathBuf>,
    readers: &'static [Reader],
    watch: Watch,
}

impl Reloader {
    /// Watches `watch`, to read `file` again as at the start.
    pub fn new(file: Option<PathBuf>, readers: &'static [Reader], watch: Watch) -> Self {
        Self {
            file,
            readers,
            watch,
        }
    }

    /// Returns with a new configuration once there is one. One that is wrong is logged, and passed over.
    pub async fn changed(&mut self) -> Arc<Config> {
        loop {
            tokio::time::sleep(EVERY).await;
            if self.watch.changed()
                && let Some(config) = self.read().await
            {
                return config;
            }
        }
    }

    /// Reads it now.
    pub async fn read(&mut self) -> Option<Arc<Config>> {
        let (file, readers) = (self.file.clone(), self.readers);
        let read: Result<_> = blocking::run(move || Ok(load(file.as_deref(), readers))).await;
        match read {
            Ok(Ok((config, watched))) => {
                self.watch = Watch::new(watched);
                return Some(Arc::new(config));
            }
            Ok(Err(problems)) => problems.into_iter().for_each(complain),
            Err(error) => log::error!("the configuration was not read: {error}"),
        }
        log::error!("the configuration stays as it was");
        None
    }
}

fn complain(problem: Problem) {
    let error = Error::from(problem);
    log::error!(code = error.code.as_str(); "{}; hint: {}", error.message(), error.advice());
}
