//! Secrets from files and commands, and who else may read the files.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a command may take to give a secret.
const PATIENCE: Duration = Duration::from_secs(10);
/// No secret is larger.
const LIMIT: u64 = 64 * 1024;

/// The trimmed text of the file at `path`, or what is wrong with it.
pub(super) fn from_file(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("names `{}`: {error}", path.display());
    let file = std::fs::File::open(path).map_err(cannot)?;
    let text = read(file).map_err(cannot)?;
    not_empty(text, &format!("`{}`", path.display()))
}

/// The trimmed standard output of a command that is run in `folder` without a shell. An error names only
/// the program: arguments may hold secrets.
pub(super) fn from_command(words: &[String], folder: &Path) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("has an empty command")?;
    let child = Command::new(in_folder(program, folder))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot run `{program}`: {error}"))?;
    let text = output(child, program)?;
    not_empty(text, &format!("the output of `{program}`"))
}

/// A warning where others than the owner may read the file at `path`.
pub(super) fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o004 != 0)
}

fn in_folder(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') {
        folder.join(program)
    } else {
        PathBuf::from(program)
    }
}

fn output(mut child: Child, program: &str) -> Result<String, String> {
    let deadline = Instant::now() + PATIENCE;
    let pipe = child.stdout.take().ok_or("has a command without output")?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(read(pipe)));
    let Ok(text) = receiver.recv_timeout(PATIENCE) else {
        return Err(end(&mut child, program));
    };
    let text = text.map_err(|error| format!("cannot read from `{program}`: {error}"))?;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(text),
            Ok(Some(status)) => {
                return Err(format!("comes from `{program}`, which failed: {status}"));
            }
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            _ => return Err(end(&mut child, program)),
        }
    }
}

fn end(child: &mut Child, program: &str) -> String {
    // It may have ended by itself in the meantime: then there is nothing to kill.
    let _ = child.kill();
    let _ = child.wait();
    format!("comes from `{program}`, which did not end within {PATIENCE:?}")
}

fn read(from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    from.take(LIMIT).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

fn not_empty(text: String, what: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(format!("finds nothing in {what}"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Result<String, String> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        from_command(&words, Path::new("/"))
    }

    #[test]
    fn a_command_gives_its_trimmed_output() {
        assert_eq!(run(&["echo", " s3cret $HOME "]), Ok("s3cret $HOME".into()));
    }

    #[test]
    fn a_failing_command_shows_neither_output_nor_arguments() {
        let error = run(&["sh", "-c", "echo s3cret; exit 3"]).expect_err("it failed");
        assert!(
            error.contains("`sh`") && !error.contains("s3cret"),
            "{error}"
        );
        assert!(run(&["/no/such/program"]).is_err());
        assert!(run(&["true"]).is_err());
        assert!(run(&[]).is_err());
    }

    #[test]
    fn a_file_gives_its_trimmed_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        assert!(from_file(&file).is_err());
        std::fs::write(&file, "s3cret\n").expect("written");
        assert_eq!(from_file(&file), Ok("s3cret".into()));
        std::fs::write(&file, "\n").expect("written");
        assert!(from_file(&file).is_err());
    }
}
