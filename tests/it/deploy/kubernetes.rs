//! The manifests: valid by the schema of Kubernetes, and with enough time to stop.

use super::{changed, path};
use crate::harness::{command, run, tool_or_skip};

const MANIFEST: &str = "kubernetes/mio-echo.yaml";

/// The schemas come with the tool: <https://pypi.org/project/kubernetes-validate>.
#[test]
fn the_manifests_are_valid_by_the_schema_of_kubernetes() {
    if !tool_or_skip("kubernetes-validate") {
        return;
    }
    let mut validate = command("kubernetes-validate");
    let exit = run(validate.arg("--strict").arg(path(MANIFEST)));
    assert_eq!(exit.code, Some(0), "{}\n{}", exit.text(), exit.stderr);
}

/// The number behind `key`, at the first place where it stands.
fn number_after(text: &str, key: &str) -> u64 {
    let (_, rest) = text.split_once(key).unwrap();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// The grace period begins with preStop and ends with SIGKILL.
#[test]
fn the_grace_period_is_longer_than_pre_stop_and_drain_together() {
    let manifest = changed(MANIFEST, &[]);
    let grace = number_after(&manifest, "terminationGracePeriodSeconds: ");
    let pre_stop = number_after(&manifest, "sleep:\n                seconds: ");
    let drain = number_after(&manifest, "\"--drain-timeout\", \"");
    assert!(grace > pre_stop + drain, "{grace} > {pre_stop} + {drain}");
}
