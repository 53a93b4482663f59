//! A browser without a window, driven by WebDriver (https://www.w3.org/TR/webdriver2): Chromium's driver speaks
//! it as JSON over HTTP.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Makes a skip a failure.
const REQUIRED: &str = "ROLLCALL_TEST_REQUIRE_BROWSER";

/// How long a page may take to show something: far longer than on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The key under which the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page; it ends with this value.
pub struct Browser {
    client: reqwest::Client,
    session: String,
    driver: Driver,
}

/// Something on the page.
pub struct Element(String);

impl Browser {
    /// A browser with a window of this size; none where there is no Chromium.
    pub async fn open(width: u32, height: u32) -> Option<Self> {
        let Some(driver) = Driver::start() else {
            skip();
            return None;
        };
        let options = json!({ "args": [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            format!("--window-size={width},{height}"),
        ] });
        let wanted = json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" }
        });
        let mut browser = Self {
            client: reqwest::Client::new(),
            session: format!("{}/session", driver.url()),
            driver,
        };
        let body = json!({ "capabilities": { "alwaysMatch": wanted } });
        let made = browser.post("", body).await;
        let id = made["sessionId"].as_str().expect("no session");
        browser.session = format!("{}/{id}", browser.session);
        Some(browser)
    }

    /// Opens a page.
    pub async fn go_to(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await;
    }

    /// What a function with this body gives.
    pub async fn run(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.post("/execute/sync", body).await
    }

    /// Waits until a function with this body gives what is expected.
    pub async fn wait_until(&self, script: &str, expected: Value) {
        let begun = Instant::now();
        loop {
            let found = self.run(script).await;
            if found == expected {
                return;
            }
            let is_late = begun.elapsed() > TIMEOUT;
            assert!(!is_late, "{script} gives {found}, not {expected}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits for what this XPath names.
    pub async fn find(&self, path: &str) -> Element {
        self.post("/timeouts", json!({ "implicit": 60_000 })).await;
        let body = json!({ "using": "xpath", "value": path });
        let found = self.post("/element", body).await;
        Element(found[ELEMENT].as_str().expect("no element").to_owned())
    }

    /// Clicks on it.
    pub async fn click(&self, Element(id): &Element) {
        self.post(&format!("/element/{id}/click"), json!({})).await;
    }

    /// Types into it.
    pub async fn enter(&self, Element(id): &Element, text: &str) {
        let body = json!({ "text": text });
        self.post(&format!("/element/{id}/value"), body).await;
    }

    /// What the page has complained of.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().expect("no log").iter();
        entries
            .filter(|entry| entry["level"] != "INFO")
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    async fn post(&self, command: &str, body: Value) -> Value {
        let url = format!("{}{command}", self.session);
        let sent = self.client.post(url).json(&body).send().await;
        let mut answer: Value = sent.expect("no answer").json().await.expect("no JSON");
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{command}: {value}");
        value
    }
}

impl Drop for Browser {
    /// The driver ends the browser with its session; one that is killed leaves it.
    fn drop(&mut self) {
        let path = self.session.trim_start_matches(&self.driver.url());
        let request =
            format!("DELETE {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        if let Ok(mut connection) = TcpStream::connect(("127.0.0.1", self.driver.port)) {
            let _ = connection.write_all(request.as_bytes());
            // The answer comes when the browser has ended.
            let _ = connection.read(&mut [0; 64]);
        }
    }
}

/// The process that speaks the protocol; it ends with this value.
struct Driver {
    process: Child,
    port: u16,
    /// Read no further, but open: what it writes breaks nothing.
    _output: BufReader<ChildStdout>,
}

impl Driver {
    /// A driver on a free port of its choice, which its output names; none where it is not installed.
    fn start() -> Option<Self> {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut output = BufReader::new(process.stdout.take().expect("no output"));
        let port = output.by_ref().lines().find_map(|line| {
            let line = line.expect("no line");
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        Some(Self {
            process,
            port: port.expect("no port"),
            _output: output,
        })
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn skip() {
    let why = "chromedriver is not installed (Debian: chromium-driver)";
    assert!(
        env::var_os(REQUIRED).is_none(),
        "{REQUIRED} is set, but {why}"
    );
    eprintln!("skipped: {why}");
}
