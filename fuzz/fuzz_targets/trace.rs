//! A trace in JSON Lines: whatever is read can be drawn, and written as one that reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mio_echo::trace::json_lines::{write_header, write_record};
use mio_echo::trace::{Trace, perfetto, timeline};
use std::io;

fuzz_target!(|bytes: &[u8]| {
    let trace = match Trace::read(&mut &*bytes) {
        Ok(trace) => trace,
        Err(error) => {
            assert!(
                !error.to_string().contains('\n'),
                "more than one line: {error}"
            );
            return;
        }
    };
    let mut written = Vec::new();
    write_header(&trace.header, &mut written).unwrap();
    for record in &trace.records {
        write_record(record, &mut written).unwrap();
    }
    assert_eq!(Trace::read(&mut &*written).unwrap(), trace);
    timeline::write(&trace, &mut io::sink()).unwrap();
    perfetto::write(&trace, &mut io::sink()).unwrap();
});
