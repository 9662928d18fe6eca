//! A page, as a browser sees it.

use super::{command, run};
use std::fs;

/// The document that a browser makes of `page`, once the scripts in it have run. The address ends with `fragment`;
/// `options` are chromium's.
pub(crate) fn document_of(page: &str, fragment: &str, options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    let profile = folder.path().join("profile");
    fs::write(&file, page).unwrap();
    let mut browser = command("chromium");
    browser
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(options)
        .arg(format!("file://{}{fragment}", file.display()));
    let exit = run(&mut browser);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    exit.text().to_owned()
}
