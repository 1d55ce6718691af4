//! Writing configuration files: whole or not at all, and for the owner alone.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Replaces `file` by `text` in one step. A file that is there keeps its mode, a new one gets 0600; a
/// link keeps pointing where it does.
pub fn write(file: &Path, text: &str) -> io::Result<()> {
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let beside = beside(&file);
    let result = fill(&beside, text)
        .and_then(|()| keep_mode(&file, &beside))
        .and_then(|()| fs::rename(&beside, &file));
    if result.is_err() {
        // The first failure is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    result
}

/// Writes `text` beside `file`, hands the path to `look`, and takes it away again.
pub fn try_out<T>(file: &Path, text: &str, look: impl FnOnce(&Path) -> T) -> io::Result<T> {
    let beside = beside(file);
    let result = fill(&beside, text).map(|()| look(&beside));
    let _ = fs::remove_file(&beside);
    result
}

fn beside(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

fn fill(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file: File = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn keep_mode(from: &Path, to: &Path) -> io::Result<()> {
    let mode = fs::metadata(from).map_or(0o600, |file| file.permissions().mode() & 0o7777);
    fs::set_permissions(to, Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(file: &Path) -> u32 {
        fs::metadata(file)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    }

    #[test]
    fn a_file_is_replaced_and_keeps_its_mode_and_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("a"), folder.path().join("b"));
        write(&file, "1").expect("written");
        assert_eq!(mode(&file), 0o600);
        fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("set");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        write(&link, "2").expect("written");
        assert_eq!(fs::read_to_string(&file).expect("readable"), "2");
        assert_eq!(mode(&file), 0o640);
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 2);
    }
}
