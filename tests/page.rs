//! The web chat's page in a real browser.

use std::sync::mpsc;

use broca::message::{Inbound, ReplyKind, Step};
use serde_json::json;

use crate::support::browser::Browser;
use crate::support::chat::{Running, text_of};

const RICH: &str = "## Today\n\nHere is **what** I _found_ in `notes.md`:\n\n1. First, [the page](https://example.com/a_(b))\n   - with a part\n2. Second ~~gone~~\n\n> Quoted, from <https://example.org>.\n\n| what | how many |\n|:--|--:|\n| apples | 12 |\n| pears | 7 |\n\n```rust\nfn main() {\n    println!(\"<b>hello</b>\");\n}\n```\n\nMore at https://example.com/x?y=1.";

fn page(table: &str) -> std::sync::Arc<Running> {
    let running = Running::start("webchat", table);
    let about = json!({ "mode": "echo", "agent": false, "name": "Broca", "version": "0" });
    running.server.set_about(about);
    running
}

#[test]
fn a_chat_from_hello_to_a_rich_answer() {
    let Some(browser) = Browser::open(390, 844) else {
        return;
    };
    let running = page("title = \"Garden help\"");
    let (step, steps) = mpsc::channel::<fn(&Running, &Inbound)>();
    running.play(move |me, inbound| {
        while let Ok(step) = steps.recv() {
            step(me, inbound);
        }
    });
    browser.go(&running.base);
    browser.until("document.title == 'Garden help'");
    browser.until("banner.innerText.includes('broca init')");
    browser.picture("phone-1-hello");
    browser.keys("#text", "What did you find?\n");
    browser.until("document.querySelector('#log .user')");
    browser.until("outbox.children.length == 0");
    step.send(|me, inbound| me.progress(inbound, 1, Step::Tool("search".into())))
        .expect("it plays");
    browser.until("live.innerText.includes('Using search')");
    step.send(|me, inbound| {
        me.progress(inbound, 1, Step::Text("Here is **what** I".into()));
    })
    .expect("it plays");
    browser.until("document.getElementById('live-text').innerText == 'Here is **what** I'");
    browser.picture("phone-2-streaming");
    assert_eq!(
        browser.script("return document.getElementById('stop').hidden"),
        false
    );
    step.send(|me, inbound| {
        me.reply(inbound, RICH, ReplyKind::Answer);
        me.progress(inbound, 1, Step::Over);
    })
    .expect("it plays");
    browser.until("document.querySelector('#log .agent table')");
    browser.until("live.hidden");
    browser.picture("phone-3-answer");
    step.send(|me, inbound| {
        me.reply(
            inbound,
            "Your message is kept; the agent cannot be reached at the moment.",
            ReplyKind::Notice,
        );
        me.reply(
            inbound,
            "The agent failed to answer (`agent.failed`). Please write again.",
            ReplyKind::Error,
        );
    })
    .expect("it plays");
    browser.until("document.querySelector('#log .error')");
    browser.dark();
    browser.picture("phone-4-dark");
    let link = browser.script("return document.querySelector('#log a').outerHTML");
    assert_eq!(
        link,
        r#"<a href="https://example.com/a_(b)" rel="noopener noreferrer nofollow" target="_blank">the page</a>"#
    );
    assert_eq!(
        browser.script("return document.querySelector('.code code').textContent"),
        "fn main() {\n    println!(\"<b>hello</b>\");\n}"
    );
    browser.reload();
    browser.until("document.querySelectorAll('#log article').length == 4");
    browser.until("document.getElementById('link').dataset.state == 'on'");
}

#[test]
fn the_desktop_looks_well() {
    let Some(browser) = Browser::open(1280, 800) else {
        return;
    };
    let running = page("");
    running.play(|me, inbound| {
        me.reply(inbound, RICH, ReplyKind::Answer);
    });
    browser.go(&running.base);
    browser.keys("#text", "Hello\n");
    browser.until("document.querySelector('#log .agent table')");
    browser.keys("#text", "And again, with a somewhat longer message that has to wrap at some point, since it goes on and on and on and on.\n");
    browser.until("document.querySelectorAll('#log .agent table').length == 2");
    browser.until("outbox.children.length == 0");
    browser.picture("desktop-light");
    browser.dark();
    browser.picture("desktop-dark");
}

#[test]
fn nothing_in_a_message_becomes_markup() {
    let Some(browser) = Browser::open(390, 844) else {
        return;
    };
    let running = page("");
    running.echo();
    browser.go(&running.base);
    let attack = r#"<img src=x onerror=alert(1)> <script>alert(2)</script> [a](javascript:alert(3)) ![b](https://example.com/c.png) <javascript:alert(4)> [d](data:text/html,x) [e](https://example.com "onclick=alert(5)")"#;
    browser.keys("#text", &format!("{attack}\n"));
    browser.until("document.querySelector('#log .agent')");
    assert_eq!(
        browser.script("return document.querySelectorAll('#log img, #log script').length"),
        0
    );
    let links = browser
        .script("return [...document.querySelectorAll('#log a')].map((a) => a.href).join(' ')");
    assert_eq!(links, "https://example.com/c.png https://example.com/");
}

#[test]
fn odd_text_is_rendered_quickly() {
    let Some(browser) = Browser::open(390, 844) else {
        return;
    };
    let running = page("");
    browser.go(&running.base);
    let odd = [
        "'*a '.repeat(20000)",
        "'_'.repeat(60000)",
        "'['.repeat(60000)",
        "'`a'.repeat(30000)",
        "'> '.repeat(30000)",
        "'# ' + ' '.repeat(59990) + 'x'",
        "'```' + 'a'.repeat(59990) + '`'",
        "'- '.repeat(30000)",
        "'|'.repeat(60000) + '\\n|-|'",
        "'**a *b '.repeat(8000)",
        "'[a]('.repeat(15000)",
        "'http://'.repeat(8000)",
        "'<http://'.repeat(7000)",
        "('x | y\\n').repeat(9000)",
        "('  '.repeat(20) + '- a\\n').repeat(1000)",
    ];
    for text in odd {
        let body = format!(
            "
            return import('/markdown.js').then((markdown) => {{
                const begun = performance.now();
                markdown.render({text});
                return performance.now() - begun;
            }});"
        );
        let spent = browser.script(&body);
        assert!(
            spent.as_f64().is_some_and(|spent| spent < 1500.0),
            "{text}: {spent}"
        );
    }
}

#[test]
fn what_is_written_offline_is_sent_once_it_can_be() {
    let Some(browser) = Browser::open(390, 844) else {
        return;
    };
    let running = page("");
    running.echo();
    browser.go(&running.base);
    browser.keys("#text", "first\n");
    browser.until("document.querySelector('#log .agent')");
    let network = |offline: bool| {
        let values = json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        browser.command("Network.enable", &json!({}));
        browser.command("Network.emulateNetworkConditions", &values);
    };
    network(true);
    browser.keys("#text", "second\n");
    browser.until("outbox.innerText.includes('trying again')");
    browser.picture("phone-5-offline");
    network(false);
    browser.until("document.querySelectorAll('#log .agent').length == 2");
    assert_eq!(
        browser.script("return document.querySelectorAll('#log .user').length"),
        2
    );
    assert_eq!(
        browser.script("return localStorage.getItem('broca.outbox')"),
        "[]"
    );
}

#[test]
fn a_new_chat_forgets_the_one_before() {
    let Some(browser) = Browser::open(390, 844) else {
        return;
    };
    let running = page("");
    running.echo();
    browser.go(&running.base);
    browser.keys("#text", "old\n");
    browser.until("document.querySelector('#log .agent')");
    let before = browser.script("return localStorage.getItem('broca.session')");
    browser.click("#fresh");
    browser.picture("phone-6-ask");
    browser.click("#ask-yes");
    browser.until("!localStorage.getItem('broca.session')");
    browser.until("log.children.length == 0");
    browser.keys("#text", "new\n");
    browser.until("document.querySelector('#log .agent')");
    assert_eq!(
        browser.script("return document.querySelectorAll('#log article').length"),
        2
    );
    assert_ne!(
        browser.script("return localStorage.getItem('broca.session')"),
        before
    );
    assert_eq!(
        running
            .post(before.as_str().expect("a token"), "k", "x")
            .status,
        401
    );
}

#[test]
fn every_tab_shows_the_same_chat() {
    let Some(browser) = Browser::open(390, 844) else {
        return;
    };
    let running = page("");
    running.echo();
    browser.go(&running.base);
    browser.keys("#text", "mine\n");
    browser.until("document.querySelector('#log .agent')");
    let other = running.session();
    running.post(&other, "k", "from the other tab");
    browser.script(&format!(
        "localStorage.setItem('broca.session', '{other}');
         dispatchEvent(new StorageEvent('storage', {{ key: 'broca.session' }}));"
    ));
    browser
        .until("log.innerText.includes('from the other tab') && !log.innerText.includes('mine')");
    browser.keys("#text", "here too\n");
    browser.until("document.querySelectorAll('#log .agent').length == 2");
}

#[test]
fn the_access_token_is_asked_for() {
    let Some(browser) = Browser::open(390, 844) else {
        return;
    };
    let running = page("access = \"token\"\ntoken = \"open sesame\"");
    running.echo();
    browser.go(&running.base);
    browser.keys("#text", "hello\n");
    browser.until("gate.open");
    browser.keys("#gate-token", "wrong\n");
    browser.until("gate.open && gate.innerText.includes('not right')");
    browser.picture("phone-7-gate");
    browser.keys("#gate-token", "open sesame\n");
    browser.until("document.querySelector('#log .agent')");
}

#[test]
fn stop_sends_the_command() {
    let Some(browser) = Browser::open(390, 844) else {
        return;
    };
    let running = page("");
    running.play(|me, inbound| {
        if text_of(inbound) == "/stop" {
            me.progress(inbound, 1, Step::Over);
            me.reply(inbound, "Stopped.", ReplyKind::Notice);
        } else {
            me.progress(inbound, 1, Step::Thinking);
        }
    });
    let reconnected = "document.getElementById('link').innerText == 'Connected'";
    browser.go(&running.base);
    browser.keys("#text", "long\n");
    browser.until(reconnected);
    browser.keys("#text", "longer\n");
    browser.until("!document.getElementById('stop').hidden");
    browser.click("#stop");
    browser.until("document.querySelector('#log .notice')");
    assert_eq!(
        browser.script("return document.getElementById('stop').hidden"),
        true
    );
    assert_eq!(
        browser.script("return document.querySelectorAll('#log .user').length"),
        2
    );
}
