//! A headless browser, driven over `WebDriver`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use broca::http::{Call, Http, Patience};
use serde_json::{Value, json};

const DRIVER: &str = "/usr/bin/chromedriver";
const BROWSER: &str = "/usr/bin/chromium";

/// A browser window with a profile of its own. Closes when it is dropped.
pub(crate) struct Browser {
    http: Http,
    session: String,
    driver: Child,
    profile: tempfile::TempDir,
}

impl Browser {
    /// A window of this size, or `None` (with the reason printed) where there is no browser.
    #[expect(clippy::print_stderr, reason = "says why a test shows nothing")]
    pub(crate) fn open(width: u32, height: u32) -> Option<Self> {
        let there = [DRIVER, BROWSER]
            .iter()
            .all(|path| std::fs::exists(path).is_ok_and(|is| is));
        if !there {
            assert!(
                std::env::var_os("BROCA_TEST_BROWSER").is_none(),
                "no browser is installed"
            );
            eprintln!("skipped: {BROWSER} and {DRIVER} are not installed");
            return None;
        }
        let (driver, port) = start_driver();
        let profile = tempfile::tempdir().expect("a folder");
        let mut browser = Self {
            http: Http::new(1),
            session: format!("http://127.0.0.1:{port}/session"),
            driver,
            profile,
        };
        let folder = browser.profile.path().display();
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": {
            "binary": BROWSER,
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                "--no-first-run", "--disable-quic", "--hide-scrollbars",
                format!("--user-data-dir={folder}"),
            ],
            "mobileEmulation": { "deviceMetrics": {
                "width": width, "height": height, "pixelRatio": 1, "touch": width < 600,
            } },
        } } } });
        let told = browser.ask("POST", "", &wanted);
        let id = told["sessionId"].as_str().expect("a session");
        browser.session = format!("{}/{id}", browser.session);
        Some(browser)
    }

    pub(crate) fn go(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    pub(crate) fn reload(&self) {
        self.ask("POST", "/refresh", &json!({}));
    }

    /// What the body of a function gives.
    pub(crate) fn script(&self, body: &str) -> Value {
        self.ask(
            "POST",
            "/execute/sync",
            &json!({ "script": body, "args": [] }),
        )
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&self, expression: &str) {
        let end = Instant::now() + Duration::from_secs(20);
        while self.script(&format!("return !!({expression})")) != true {
            let text = || self.script("return document.body.innerText");
            assert!(
                Instant::now() < end,
                "never came true: {expression}\n{}",
                text()
            );
            std::thread::yield_now();
        }
    }

    /// Types into the element that has the focus; `\n` is the Enter key.
    pub(crate) fn keys(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        let text = text.replace('\n', "\u{E007}");
        self.ask(
            "POST",
            &format!("/element/{element}/value"),
            &json!({ "text": text }),
        );
    }

    pub(crate) fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.ask("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// A command of the browser's own protocol.
    pub(crate) fn command(&self, name: &str, values: &Value) -> Value {
        self.ask(
            "POST",
            "/goog/cdp/execute",
            &json!({ "cmd": name, "params": values }),
        )
    }

    pub(crate) fn dark(&self) {
        let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        self.command("Emulation.setEmulatedMedia", &dark);
    }

    /// Keeps a picture in the folder that `BROCA_TEST_PICTURES` names, if it does.
    pub(crate) fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("BROCA_TEST_PICTURES") else {
            return;
        };
        let told = self.ask("GET", "/screenshot", &Value::Null);
        let picture = decode(told.as_str().expect("base64"));
        let path = std::path::Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(path, picture).expect("the folder is writable");
    }

    fn find(&self, selector: &str) -> String {
        let by = json!({ "using": "css selector", "value": selector });
        let told = self.ask("POST", "/element", &by);
        let mut values = told.as_object().expect("an element").values();
        let id = values.next_back().and_then(Value::as_str);
        id.expect("an element's id").to_owned()
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.session);
        let text = body.to_string();
        let call = Call {
            method: method.parse().expect("a method"),
            url: &url,
            headers: Vec::new(),
            json: (method == "POST").then_some(text.as_str()),
            patience: Patience::brief(Duration::from_mins(1)),
        };
        let answer = self.http.send(&call).expect("the driver answers");
        let ok = answer.is_ok();
        let mut told: Value = answer.json().expect("JSON");
        assert!(ok, "{method} {path} {body}: {told}");
        told["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let call = Call {
            method: "DELETE".parse().expect("a method"),
            url: &self.session,
            headers: Vec::new(),
            json: None,
            patience: Patience::brief(Duration::from_secs(10)),
        };
        let _ = self.http.send(&call);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn start_driver() -> (Child, u16) {
    let mut driver = Command::new(DRIVER)
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let output = driver.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        let rest = line.split_once("started successfully on port ")?.1;
        rest.trim_end_matches('.').parse().ok()
    });
    (driver, port.expect("it says its port"))
}

fn decode(base64: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let letters: Vec<u8> = base64
        .bytes()
        .filter(|letter| *letter != b'=')
        .map(value)
        .collect();
    let groups = letters.chunks(4).flat_map(|group| {
        let bits = group
            .iter()
            .fold(0_u32, |all, six| (all << 6) | u32::from(*six));
        let bits = bits << (6 * (4 - group.len()));
        let bytes: Vec<u8> = bits.to_be_bytes()[1..group.len()].to_vec();
        bytes
    });
    groups.collect()
}
