//! The real binary before a real Letta, where the environment names one:
//!
//! | variable | is |
//! |---|---|
//! | `BROCA_TEST_LETTA` | its address |
//! | `BROCA_TEST_LETTA_AGENT` | an agent of it, whose model obeys directives in the text |
//! | `BROCA_TEST_FAKE_LLM` | the address of that model, with a log at `/_requests` and `/_last` |
//! | `BROCA_TEST_LETTA_KIT` | a folder with `start.sh` and `stop.sh` |
//! | `BROCA_TEST_LETTA_STATE` | what those take as the server's state, if it may be stopped |
//! | `LETTA_KIT_REDIS` | `0` where the server has no Redis: it is started again as it was |

use std::process::{Command, Stdio};
use std::{env, fs};

use broca::http::{Call, Http};
use serde_json::Value;

use super::broca::{Broca, note, until};
use super::chat::PATIENCE;
use super::telegram::{Sent, Telegram};

/// Real servers are slower than stand-ins.
pub(crate) const PATIENTLY: std::time::Duration = std::time::Duration::from_secs(90);

/// All of it.
pub(crate) struct Real {
    pub(crate) telegram: Telegram,
    pub(crate) broca: Broca,
    /// Distinguishes this run's texts from every other's.
    tag: String,
}

/// The server's address, or `None` after saying that the test is skipped.
pub(crate) fn address() -> Option<String> {
    let both = (
        env::var("BROCA_TEST_LETTA"),
        env::var("BROCA_TEST_LETTA_AGENT"),
    );
    if let (Ok(url), Ok(_)) = both {
        return Some(url);
    }
    note("skipped: BROCA_TEST_LETTA and BROCA_TEST_LETTA_AGENT name no Letta");
    None
}

impl Real {
    /// Everything runs, with this isolation; `None` where there is no real Letta.
    pub(crate) fn start(isolation: &str) -> Option<Self> {
        Some(Self::start_at(&address()?, isolation))
    }

    /// The same, with Letta at this address.
    pub(crate) fn start_at(url: &str, isolation: &str) -> Self {
        let real = Self::ready_at(url, isolation);
        real.broca.start();
        real
    }

    /// The same, but no daemon runs yet.
    pub(crate) fn ready_at(url: &str, isolation: &str) -> Self {
        let telegram = Telegram::start();
        let agent = env::var("BROCA_TEST_LETTA_AGENT").expect("it goes with the address");
        let api = telegram.url();
        let broca = Broca::new(&format!(
            "[agent]\nid = \"{agent}\"\nendpoint = \"{url}\"\nisolation = \"{isolation}\"\n\
             template = \"{{text}}\"\nturn_timeout = \"60s\"\n\
             [log]\nlevel = \"debug\"\n[shutdown]\ngrace = \"500ms\"\n\
             [endpoint.telegram]\napi_url = \"{api}\"\naccess = \"open\"\n"
        ));
        broca.write(
            ".env",
            &format!("TELEGRAM_BOT_TOKEN={}\n", telegram.token()),
        );
        let tag = broca::time::Timestamp::now().0.to_string();
        Self {
            telegram,
            broca,
            tag,
        }
    }

    /// A text that no other test uses.
    pub(crate) fn text(&self, words: &str) -> String {
        format!("{words} #{}", self.tag)
    }

    /// The person writes; gives all that was sent once that is so many messages.
    pub(crate) fn say(&self, chat: i64, text: &str, sent: usize) -> Vec<Sent> {
        self.telegram.push(chat, text);
        self.telegram.wait_sent(sent, PATIENTLY)
    }

    /// The texts sent to a chat so far.
    pub(crate) fn texts(&self, chat: i64) -> Vec<String> {
        let sent = self.telegram.sent().into_iter();
        sent.filter(|sent| sent.chat == chat)
            .map(|sent| sent.text)
            .collect()
    }
}

/// What the model says at this path; `None` where its address is not given.
pub(crate) fn model(path: &str) -> Option<Value> {
    let url = env::var("BROCA_TEST_FAKE_LLM").ok()?;
    Some(get(&format!("{url}{path}")))
}

fn get(url: &str) -> Value {
    let call = Call {
        method: "GET".parse().expect("a method"),
        url,
        headers: Vec::new(),
        json: None,
        patience: PATIENCE,
    };
    let answer = Http::new(1).send(&call).expect("it is there");
    answer.json().expect("JSON")
}

/// What Letta has stored of what people said to the agent, in all conversations, the latest thousand.
pub(crate) fn stored() -> Vec<String> {
    let agent = env::var("BROCA_TEST_LETTA_AGENT").expect("it goes with the address");
    let url = address().expect("a Letta is there");
    let path = format!("/v1/agents/{agent}/messages?order=desc&limit=1000");
    let messages = get(&format!("{url}{path}"));
    let messages = messages.as_array().expect("a list").iter();
    let said = messages.filter(|message| message["message_type"] == "user_message");
    said.map(|message| message["content"].to_string()).collect()
}

/// How often the model was asked with `text` as the last that was said; `None` where nobody knows.
pub(crate) fn asked(text: &str) -> Option<usize> {
    let log = model("/_requests?n=1000")?;
    let requests = log["requests"].as_array().expect("a list");
    let of_text = requests.iter().filter(|request| {
        request["user"]
            .as_str()
            .is_some_and(|user| user.contains(text))
    });
    Some(of_text.count())
}

/// Runs `start.sh` or `stop.sh` of the kit; `None` where the server may not be touched.
pub(crate) fn kit(script: &str) -> Option<()> {
    let (folder, state) = (
        env::var("BROCA_TEST_LETTA_KIT").ok()?,
        env::var("BROCA_TEST_LETTA_STATE").ok()?,
    );
    let status = Command::new(format!("{folder}/{script}"))
        .arg(state)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("the script runs").success(), "{script}");
    Some(())
}

/// Kills the server as `kill -9` does, and it alone; `None` where it may not be touched.
pub(crate) fn kill_letta() -> Option<()> {
    let (_, state) = (
        env::var("BROCA_TEST_LETTA_KIT").ok()?,
        env::var("BROCA_TEST_LETTA_STATE").ok()?,
    );
    let pid = fs::read_to_string(format!("{state}/run/letta.pid")).expect("it was started");
    let pid = pid.trim();
    let runs = || {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("letta")
    };
    assert!(runs(), "process {pid} is not Letta");
    let killed = Command::new("kill").args(["-9", pid]).status();
    assert!(killed.expect("there is a `kill`").success());
    until("Letta's end", || !runs());
    Some(())
}
