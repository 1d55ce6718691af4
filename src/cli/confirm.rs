//! Destructive commands ask first.

use std::io::{IsTerminal as _, Write as _};

use crate::error::{Code, Error};

/// Asks on a terminal whether to do `what`; elsewhere `--yes` must say so.
pub(super) fn confirm(what: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        let words = format!("this would {what}");
        return Err(Error::new(Code::Usage, words)
            .hint("say `--yes` where nobody can be asked")
            .into());
    }
    let mut err = std::io::stderr();
    write!(err, "This will {what}. Go on? [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Error::new(Code::Usage, "nothing was done")
        .hint("answer `y` to go on")
        .into())
}
