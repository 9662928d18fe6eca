//! A page, as a browser sees it.
//!
//! To start a browser takes far longer than to load a page. So the tests that run at the same time share one, in which a
//! page is loaded after the other; it ends with the last of them.
//!
//! The browser is driven by the Chrome `DevTools` Protocol (<https://chromedevtools.github.io/devtools-protocol/>) on two
//! pipes: JSON, each message with a zero byte behind it.

use super::Child;
use serde_json::{Value, json};
use std::fs;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tempfile::TempDir;

/// What a page is shown on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    /// In CSS pixels, without a scroll bar.
    pub(crate) width: u32,
    /// In CSS pixels.
    pub(crate) height: u32,
    /// What the user prefers, a value of the CSS media feature `prefers-color-scheme`.
    pub(crate) colours: &'static str,
}

impl Screen {
    pub(crate) const DESKTOP: Self = Self {
        width: 1280,
        height: 900,
        colours: "light",
    };

    /// A telephone that prefers dark pages.
    pub(crate) const TELEPHONE: Self = Self {
        width: 390,
        height: 844,
        colours: "dark",
    };
}

/// The document that a browser makes of `page`, once it is loaded and the scripts in it have run. The address ends with
/// `fragment`.
pub(crate) fn document_of(page: &str, fragment: &str, screen: Screen) -> String {
    let browser = shared();
    let mut browser = browser.lock().expect("the browser works");
    browser.document_of(page, fragment, screen)
}

/// The browser of the tests that need one now.
fn shared() -> Arc<Mutex<Browser>> {
    static SHARED: Mutex<Weak<Mutex<Browser>>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let running = shared.upgrade().filter(|browser| !browser.is_poisoned());
    running.unwrap_or_else(|| {
        let started = Arc::new(Mutex::new(Browser::start()));
        *shared = Arc::downgrade(&started);
        started
    })
}

/// A browser with one tab.
struct Browser {
    process: Child,
    /// The pages, and what the browser stores.
    folder: TempDir,
    /// The protocol's name of the connection to the tab.
    session: Value,
    /// How many requests it has had; the last one has this number as its `id`.
    requests: u64,
    /// The documents that are loaded, as the protocol names them.
    loaded: Vec<Value>,
}

impl Browser {
    /// It ends when its pipes are closed, so also when the test program is killed. The signal by which
    /// [`command`](super::command) sees to that would end it together with the test that has started it.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null"])
            .args(["sh", "--remote-debugging-pipe", "--headless"])
            .args(["--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut browser = Self {
            process: Child::spawn_with_input(&mut command),
            folder,
            session: Value::Null,
            requests: 0,
            loaded: Vec::new(),
        };
        let blank = json!({ "url": "about:blank" });
        let tab = browser.request("Target.createTarget", &blank);
        let attach = json!({ "targetId": tab["targetId"], "flatten": true });
        browser.session = browser.request("Target.attachToTarget", &attach)["sessionId"].take();
        browser.request("Page.enable", &json!({}));
        let enabled = json!({ "enabled": true });
        browser.request("Page.setLifecycleEventsEnabled", &enabled);
        browser
    }

    fn document_of(&mut self, page: &str, fragment: &str, screen: Screen) -> String {
        let file = format!("page{}.html", self.requests);
        let file = self.folder.path().join(file);
        fs::write(&file, page).unwrap();
        let Screen { width, height, .. } = screen;
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.request("Emulation.setDeviceMetricsOverride", &size);
        let colours = json!({ "name": "prefers-color-scheme", "value": screen.colours });
        let preferences = json!({ "features": [colours] });
        self.request("Emulation.setEmulatedMedia", &preferences);

        let address = format!("file://{}{fragment}", file.display());
        let document = self.request("Page.navigate", &json!({ "url": address }))["loaderId"].take();
        while !self.loaded.contains(&document) {
            self.next_message();
        }
        let text = json!({ "expression": "document.documentElement.outerHTML" });
        let mut evaluated = self.request("Runtime.evaluate", &text);
        match evaluated["result"]["value"].take() {
            Value::String(document) => document,
            _ => panic!("expected a document: {evaluated}"),
        }
    }

    /// Calls a method of the protocol. Returns its result.
    fn request(&mut self, method: &str, parameters: &Value) -> Value {
        self.requests += 1;
        let mut request = json!({ "id": self.requests, "method": method, "params": parameters });
        if !self.session.is_null() {
            request["sessionId"] = self.session.clone();
        }
        self.process.write(format!("{request}\0").as_bytes());
        loop {
            let mut message = self.next_message();
            if message["id"] == self.requests {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
        }
    }

    /// Waits for a message, and notes it if it reports that a document is loaded.
    fn next_message(&mut self) -> Value {
        let message: Value = serde_json::from_str(&self.process.next_until(0)).unwrap();
        let parameters = &message["params"];
        if message["method"] == "Page.lifecycleEvent" && parameters["name"] == "load" {
            self.loaded.push(parameters["loaderId"].clone());
        }
        message
    }
}
