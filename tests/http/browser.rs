//! A real Chromium, driven by ChromeDriver (the W3C's WebDriver protocol).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use interop::{Missing, Namespace, Program};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);
const DRIVER: &str = "127.0.0.1:9515";

pub(crate) struct Browser<'a> {
    host: &'a Namespace,
    session: String,
    // It ends what it started.
    _driver: Program,
    _profile: tempfile::TempDir,
}

impl<'a> Browser<'a> {
    /// Starts one on `host`, with a window of this size.
    pub(crate) fn start(host: &'a Namespace, size: (u32, u32)) -> Result<Browser<'a>, Missing> {
        for program in ["/usr/bin/chromedriver", "/usr/bin/chromium"] {
            if !Path::new(program).exists() {
                return Err(Missing(format!("{program} (Debian's chromium-driver)")));
            }
        }
        let profile = tempfile::tempdir().unwrap();
        let driver = Path::new("/usr/bin/chromedriver");
        let driver = Program::start(driver, Some(host), &["--port=9515"], &[]);
        driver.wait_line(LIMIT, |line| line.contains("started successfully"));
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--window-size={},{}", size.0, size.1),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let mut browser = Browser {
            host,
            session: String::new(),
            _driver: driver,
            _profile: profile,
        };
        let session = browser.ask("POST", "/session", &wanted);
        let id = session["sessionId"].as_str().unwrap().to_owned();
        browser.session = format!("/session/{id}");
        Ok(browser)
    }

    /// One request to the driver; the value that it answers with.
    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = match method {
            "GET" | "DELETE" => String::new(),
            _ => body.to_string(),
        };
        let path = format!("{}{path}", self.session);
        let connected = self.host.inside(|| TcpStream::connect(DRIVER));
        let mut stream = connected.unwrap().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {DRIVER}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer: Value = serde_json::from_slice(&body_of(stream)).unwrap();
        assert!(
            answer["value"]["error"].is_null(),
            "{method} {path}: {answer}"
        );
        answer["value"].take()
    }

    pub(crate) fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({"url": url}));
    }

    /// The value of an expression of JavaScript.
    #[track_caller]
    pub(crate) fn value(&self, expression: &str) -> Value {
        let script = json!({"script": format!("return {expression}"), "args": []});
        self.ask("POST", "/execute/sync", &script)
    }

    /// Waits until the expression is true.
    #[track_caller]
    pub(crate) fn wait(&self, expression: &str) {
        let begin = Instant::now();
        while self.value(expression) != json!(true) {
            let text = self.value("document.body.innerText");
            assert!(
                begin.elapsed() < LIMIT,
                "{expression} is not true of\n{text}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Presses a key.
    pub(crate) fn press(&self, key: char) {
        let strokes = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        let actions = json!({"actions": [{"type": "key", "id": "keys", "actions": strokes}]});
        self.ask("POST", "/actions", &actions);
    }

    /// A command of the DevTools.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.ask("POST", "/goog/cdp/execute", &body)
    }

    /// What the console says, from level WARNING up.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let lines = self.ask("POST", "/se/log", &json!({"type": "browser"}));
        let lines = lines.as_array().unwrap().iter();
        let bad = lines.filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING");
        bad.map(|line| line["message"].to_string()).collect()
    }

    /// Keeps a picture of the window where `SCREENSHOTS` says, for the documents.
    pub(crate) fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("SCREENSHOTS") {
            let picture = self.ask("GET", "/screenshot", &Value::Null);
            let picture = data_encoding::BASE64.decode(picture.as_str().unwrap().as_bytes());
            std::fs::write(Path::new(&folder).join(name), picture.unwrap()).unwrap();
        }
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.ask("DELETE", "", &Value::Null);
        }
    }
}

/// The body of an answer, by its length: ChromeDriver says that it closes the connection, and does not.
fn body_of(stream: TcpStream) -> Vec<u8> {
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    while stream.read_line(&mut line).unwrap() > "\r\n".len() {
        if let Some((name, value)) = line.trim_end().split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    body
}
