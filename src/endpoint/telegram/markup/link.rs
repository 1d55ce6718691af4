//! Which addresses can be links.

/// The longest address that is made a link.
const LONGEST: usize = 2048;

/// Whether Telegram takes the address as a link's target.
pub(super) fn is_good(url: &str) -> bool {
    if url.len() > LONGEST || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return false;
    }
    let Some((scheme, rest)) = url.split_once(':') else {
        return false;
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" | "tg" => {
            let host = rest.strip_prefix("//").unwrap_or_default();
            !host.starts_with(['/', '?', '#']) && !host.is_empty()
        }
        "mailto" => rest.contains('@'),
        _ => false,
    }
}

/// Whether a link's text already shows its address.
pub(super) fn is_same(text: &str, url: &str) -> bool {
    let bare = url.strip_prefix("mailto:").unwrap_or(url);
    text == url || text == bare || text == bare.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_a_phone_can_open_are_links() {
        for good in [
            "https://a.b/c?d=e",
            "HTTP://a",
            "tg://user?id=1",
            "mailto:a@b.c",
        ] {
            assert!(is_good(good), "{good}");
        }
        for bad in [
            "",
            "a.md",
            "/x",
            "#top",
            "javascript:alert(1)",
            "file:///etc",
            "https://",
            "https:x",
            "http://a b",
        ] {
            assert!(!is_good(bad), "{bad}");
        }
    }
}
