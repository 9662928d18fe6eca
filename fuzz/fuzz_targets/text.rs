//! What an argument can be: an endpoint, an address, a threshold of `bench`, a contender or a condition of `compare`, a
//! banner. Each that can be written reads back as it is written, and each error is one line.

#![no_main]

use humantime::format_duration;
use libfuzzer_sys::fuzz_target;
use mio_echo::measure::bench::Origin;
use mio_echo::measure::bench::Threshold;
use mio_echo::measure::compare::{ContenderSpec, RatioCondition};
use mio_echo::server::Banner;
use mio_echo::text::address::Address;
use mio_echo::text::endpoint::Endpoint;

fuzz_target!(|text: &str| {
    match text.parse::<Endpoint>() {
        Ok(endpoint) => assert_eq!(endpoint.to_string().parse(), Ok(endpoint)),
        Err(error) => one_line(&error),
    }
    match text.parse::<Address>() {
        Ok(address) => assert_eq!(address.to_string().parse(), Ok(address)),
        Err(error) => one_line(&error),
    }
    match text.parse::<Threshold>() {
        Ok(threshold) => assert_eq!(threshold.to_string().parse(), Ok(threshold)),
        Err(error) => one_line(&error),
    }
    match text.parse::<ContenderSpec>() {
        Ok(spec) => assert_eq!(written(&spec).parse(), Ok(spec)),
        Err(error) => one_line(&error),
    }
    match text.parse::<RatioCondition>() {
        Ok(condition) => assert_eq!(condition.to_string().parse(), Ok(condition)),
        Err(error) => one_line(&error),
    }
    if let Err(error) = text.parse::<Banner>() {
        one_line(&error);
    }
});

fn written(spec: &ContenderSpec) -> String {
    let warm_up = spec
        .warm_up
        .map(|time| format!(",warmup={}", format_duration(time)));
    let name = format!("{}{}", spec.name, warm_up.unwrap_or_default());
    match &spec.origin {
        Origin::Own(_) => name,
        Origin::Running { endpoint, pid } => {
            let pid = pid.map(|pid| format!(",pid={pid}")).unwrap_or_default();
            format!("{name}={endpoint}{pid}")
        }
        Origin::Command(command) => format!("{name}={command}"),
    }
}

fn one_line(error: &str) {
    assert!(!error.contains('\n'), "more than one line: {error}");
}
