//! Sizes, durations, counts, rates and faults of the command line: a value or an error of one line. A size reads back as
//! it is written.

#![no_main]

use libfuzzer_sys::fuzz_target;

// The files of the program, with as much around them as they need.
#[path = "../../src/cli"]
#[allow(dead_code, reason = "the program uses the rest")]
mod cli {
    mod values;

    mod logger {
        pub(super) const TARGET: &str = "";
    }

    pub(super) mod serve {
        mod misbehave;

        use super::values;
        use clap::Parser;
        use clap::error::ErrorKind;
        use mio_echo::server::Misbehaviour;
        use std::error::Error;

        pub(crate) fn check_value(text: &str) {
            let errors = [
                values::size_up_to(1 << 20, text).err(),
                values::duration(text).err(),
                values::positive_duration(text).err(),
                values::at_least_one(text).err(),
                values::number_in(0..=u16::MAX, text).err(),
                values::process_id(text).err(),
                values::time_limit(text, values::positive_duration).err(),
                values::warm_up_length(text, values::duration).err(),
                values::positive_rate(text).err(),
            ];
            for error in errors.into_iter().flatten() {
                one_line(&error);
            }
            if let Ok(size) = values::size_up_to(usize::MAX, text) {
                let shown = size.to_string();
                let again = values::size_up_to(usize::MAX, &shown).unwrap();
                assert_eq!(again.0, size.0, "{shown}");
            }
        }

        #[derive(Debug, Parser)]
        struct Options {
            #[command(flatten)]
            misbehave: misbehave::MisbehaveArguments,
        }

        /// An option of `serve` with its value: a fault or an error.
        pub(crate) fn check_fault(argument: &str) {
            match Options::try_parse_from(["serve", argument]) {
                Ok(options) => check_misbehaviour(&options.misbehave.misbehaviour().expect("one")),
                Err(error) if error.kind() == ErrorKind::ValueValidation => {
                    one_line(&error.source().expect("a reason").to_string());
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidValue, "{argument}"),
            }
        }

        fn check_misbehaviour(asked: &Misbehaviour) {
            if let Some(delay) = &asked.delay {
                assert!(delay.value.jitter <= delay.value.mean);
            }
            if let Some(chunk) = &asked.chunk {
                assert!(*chunk.value.start() >= 1 && !chunk.value.is_empty());
            }
            let probabilities = [
                asked.delay.as_ref().map(|it| it.probability),
                asked.chunk.as_ref().map(|it| it.probability),
                asked.throttle.as_ref().map(|it| it.probability),
                asked.close_after.as_ref().map(|it| it.probability),
                asked.reset_after.as_ref().map(|it| it.probability),
                asked.stall_after.as_ref().map(|it| it.probability),
                asked.corrupt_every.as_ref().map(|it| it.probability),
            ];
            let given: Vec<f64> = probabilities.into_iter().flatten().collect();
            assert!(matches!(given[..], [one] if one > 0.0 && one <= 1.0));
        }

        fn one_line(error: &str) {
            assert!(!error.contains('\n'), "more than one line: {error}");
        }
    }
}

const FAULTS: [&str; 7] = [
    "delay",
    "chunk",
    "throttle",
    "close-after",
    "reset-after",
    "stall-after",
    "corrupt-every",
];

fuzz_target!(|text: &str| {
    cli::serve::check_value(text);
    for fault in FAULTS {
        cli::serve::check_fault(&format!("--{fault}={text}"));
    }
});
