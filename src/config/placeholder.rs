//! Values that stand in examples and that nobody can mean.

/// Whether `text` looks like an example's `your-token`, `<key>`, `agent-…` or `changeme`.
pub fn is_placeholder(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let words = || text.split(|c: char| !c.is_alphanumeric());
    let squeezed: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    text.contains('…')
        || text.contains("...")
        || (text.starts_with('<') && text.ends_with('>'))
        || words().any(|word| matches!(word, "your" | "placeholder" | "changeme"))
        || matches!(
            squeezed.as_str(),
            "changeme" | "replaceme" | "todo" | "agentid"
        )
        || words().any(|word| word.len() > 2 && word.bytes().all(|letter| letter == b'x'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_told_from_real_values() {
        let examples = [
            "agent-…",
            "agent-...",
            "your-api-key",
            "your_telegram_bot_token_here",
            "<agent id>",
            "changeme",
            "change-me",
            "agent-xxxxxxxx-xxxx",
            "https://your.letta.server",
        ];
        for text in examples {
            assert!(is_placeholder(text), "{text}");
        }
        let real = [
            "agent-1c0b9d7e-6f0f-4b6e-9a0e-0d9f5b7f0c11",
            "123456:AAH-dummy",
            "https://api.letta.com",
            "",
            "hunter2",
        ];
        for text in real {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
