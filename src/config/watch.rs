//! Whether files changed since somebody last looked.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What tells one state of a file from another; `None` where it is not there.
type Mark = Option<(SystemTime, u64, u64)>;

/// Looks at files, and remembers what it saw.
#[derive(Debug, Clone)]
pub struct Watch {
    seen: Vec<(PathBuf, Mark)>,
}

impl Watch {
    /// Begins to watch `files`, there or not, as they are now.
    pub fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let seen = files.into_iter().map(|file| {
            let mark = look(&file);
            (file, mark)
        });
        Self {
            seen: seen.collect(),
        }
    }

    /// Whether any file was made, changed, replaced or removed since this was last asked. Does a few
    /// system calls.
    pub fn changed(&mut self) -> bool {
        let mut changed = false;
        for (file, seen) in &mut self.seen {
            let now = look(file);
            changed |= *seen != now;
            *seen = now;
        }
        changed
    }
}

fn look(file: &Path) -> Mark {
    use std::os::unix::fs::MetadataExt;
    let data = std::fs::metadata(file).ok()?;
    Some((data.modified().ok()?, data.len(), data.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_change_is_seen_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        let mut watch = Watch::new([file.clone()]);
        assert!(!watch.changed());
        std::fs::write(&file, "1").expect("written");
        assert!(watch.changed() && !watch.changed());
        std::fs::write(&file, "22").expect("written");
        assert!(watch.changed() && !watch.changed());
        let other = folder.path().join("b");
        std::fs::write(&other, "22").expect("written");
        std::fs::rename(&other, &file).expect("renamed");
        assert!(watch.changed() && !watch.changed());
        std::fs::remove_file(&file).expect("removed");
        assert!(watch.changed() && !watch.changed());
    }
}
