//! A small disk that can be full.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::broca::note;

/// Its size, as `mount` wants it.
const SIZE: &str = "size=48m";

/// A file system in memory.
pub(crate) struct Disk(tempfile::TempDir);

impl Disk {
    /// A new one; `None`, with a word, where this user may not mount.
    pub(crate) fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", SIZE, "tmpfs"])
            .arg(folder.path());
        let done = mount.stderr(Stdio::null()).status();
        if done.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        note("skipped: a small disk needs the right to mount");
        None
    }

    /// A file on it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Leaves no byte.
    pub(crate) fn fill(&self) {
        let mut ballast = File::create(self.path("ballast")).expect("there is room for a name");
        let bytes = vec![0; 1024 * 1024];
        while ballast.write_all(&bytes).is_ok() {}
    }

    /// Whether it was filled, and not relieved since.
    pub(crate) fn is_full(&self) -> bool {
        self.path("ballast").exists()
    }

    /// Takes back what [`Self::fill`] took.
    pub(crate) fn relieve(&self) {
        let _ = fs::remove_file(self.path("ballast"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a database may still be closing.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
