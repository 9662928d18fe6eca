//! What is started in a container: arguments that the program understands.

use super::changed;
use crate::harness::{Child, program};

/// The strings of the list that follows `key`, at the first line that begins with it.
fn list_after(text: &str, key: &str) -> Vec<String> {
    let mut lines = text.lines().map(str::trim);
    let list = lines.find_map(|line| line.strip_prefix(key)).unwrap();
    let list = list.trim().trim_start_matches('[').trim_end_matches(']');
    let strings = list.split(", ").map(|text| text.trim_matches('"'));
    strings.map(str::to_owned).collect()
}

#[test]
fn a_container_starts_a_server_that_its_probe_finds_healthy() {
    let port_of_the_container = [("*:7007", "127.0.0.1:0")];
    for (file, start, probe) in [
        (
            "container/Dockerfile",
            "CMD ",
            "HEALTHCHECK --interval=30s --timeout=5s CMD ",
        ),
        ("kubernetes/mio-echo.yaml", "args: ", "command: "),
    ] {
        let text = changed(file, &port_of_the_container);
        let server = Child::spawn(program(&[]).args(list_after(&text, start)));
        let address = server.address().to_string();
        let text = text.replace("127.0.0.1:7007", &address);
        let probe = list_after(&text, probe);
        assert_eq!(probe[0], "/mio-echo", "{file}");
        if cfg!(feature = "measure") {
            let exit = Child::spawn(program(&[]).args(&probe[1..])).wait();
            assert_eq!(exit.code, Some(0), "{file}: {}", exit.text());
        }
    }
}
