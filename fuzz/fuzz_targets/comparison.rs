//! A saved comparison: whatever is read can be reported in every form, and written as one that reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mio_echo::measure::compare::report;

fuzz_target!(|text: &str| {
    let comparison = match report::from_json(text) {
        Ok(comparison) => comparison,
        Err(error) => {
            assert!(!error.contains('\n'), "more than one line: {error}");
            return;
        }
    };
    report::terminal(&comparison);
    report::html(&comparison);
    report::svg(&comparison);
    report::markdown(&comparison);
    report::csv(&comparison);
    let written = report::json(&comparison).unwrap();
    let again = report::from_json(&written).unwrap();
    assert_eq!(report::json(&again).unwrap(), written);
});
