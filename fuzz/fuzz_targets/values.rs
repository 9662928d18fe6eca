//! Sizes, durations, counts and rates of the command line: a value or an error of one line.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../src/cli/values.rs"]
#[allow(dead_code, reason = "the program uses the rest")]
mod values;

fuzz_target!(|text: &str| {
    let errors = [
        values::size_up_to(1 << 20, text).err(),
        values::duration(text).err(),
        values::positive_duration(text).err(),
        values::at_least_one(text).err(),
        values::number_in(0..=u16::MAX, text).err(),
        values::process_id(text).err(),
        values::time_limit(text, values::positive_duration).err(),
        values::positive_rate(text).err(),
    ];
    for error in errors.into_iter().flatten() {
        assert!(!error.contains('\n'), "more than one line: {error}");
    }
    if let Ok(size) = values::size_up_to(usize::MAX, text) {
        let shown = size.to_string();
        let again = values::size_up_to(usize::MAX, &shown).unwrap();
        // A size is shown with one decimal.
        let lost = size.0.abs_diff(again.0);
        assert!(lost <= size.0 / 20, "{shown} is not {} bytes", size.0);
    }
});
