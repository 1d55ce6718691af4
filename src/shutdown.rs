//! Stop signals: who is told, and who tells.

use tokio::sync::watch;

/// Tells everyone who holds a [`Stop`] made from it.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Waits to be told to stop.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// A pair of the two.
pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Tells them, once and for all.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether the word has come.
    pub fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the word comes, or when nobody is left who could give it.
    pub async fn told(&mut self) {
        let _ = self.0.wait_for(|told| *told).await;
    }
}
