//! Every raw value, a line per measurement, for spreadsheets and for statistics other than ours. RFC 4180, but with
//! LF as line break.

use crate::measure::bench::{ServerCost, Values};
use crate::measure::compare::metric::Metric;
use crate::measure::compare::model::{Comparison, MeasurementStatus};
use crate::measure::compare::scenario::{OfferedLoad, Scenario};
use crate::measure::load::DatagramCounts;
use crate::measure::process::ProcessorEvent;

const HEADER: &str = "pattern,connections,size,depth,rate,contender,round,failure,stolen_share,elapsed_ns,messages,bytes,\
p50_ns,p99_ns,p999_ns,max_ns,flood_bytes,flood_elapsed_ns,server_user_ns,server_system_ns,voluntary_switches,\
involuntary_switches,server_run_queue_delay_ns,instructions,cycles,cache_misses,threads,resident_bytes_before,connections_before,resident_bytes,tcp_buffers_before,tcp_buffers,generator_threads,generator_cpu_ns,generator_run_queue_delay_ns,cpu_pressure_ns,\
messages_per_second,bytes_per_second,cpu_s_per_message,memory_bytes_per_connection,datagrams_sent,datagrams_lost,\
datagrams_late,datagrams_reordered,datagrams_duplicated";

/// The comparison as CSV. A missing value is an empty field. Round 0 is a measurement of a search for the highest rate.
pub fn csv(comparison: &Comparison) -> String {
    let mut text = format!("{HEADER}\n");
    for results in &comparison.scenarios {
        for measurement in &results.measurements {
            let contender = comparison.contenders.get(measurement.contender);
            let name = contender.map_or("", |contender| &contender.name);
            let round = measurement.round;
            let stolen = measurement.stolen_share;
            text.push_str(&line(
                &results.scenario,
                name,
                round,
                stolen,
                &measurement.status,
            ));
            text.push('\n');
        }
        for found in &results.highest_rates {
            let contender = comparison.contenders.get(found.contender);
            let name = contender.map_or("", |contender| &contender.name);
            for attempt in &found.attempts {
                let scenario = Scenario {
                    load: OfferedLoad::Rate(attempt.rate),
                    ..results.scenario
                };
                text.push_str(&line(&scenario, name, 0, None, &attempt.status));
                text.push('\n');
            }
        }
    }
    text
}

fn line(
    scenario: &Scenario,
    name: &str,
    round: u32,
    stolen_share: Option<f64>,
    status: &MeasurementStatus,
) -> String {
    let (values, failure) = match status {
        MeasurementStatus::Measured(values) => (Some(values.as_ref()), String::new()),
        MeasurementStatus::Failed(failure) => (None, failure.to_string()),
    };
    let mut fields = vec![
        scenario.pattern.to_string(),
        scenario.connections.to_string(),
        scenario.size.to_string(),
        scenario.depth.to_string(),
        field(scenario.rate()),
        quoted(name),
        round.to_string(),
        quoted(&failure),
        field(stolen_share),
    ];
    fields.extend(raw_fields(values));
    let computed = [
        Metric::Throughput,
        Metric::Bandwidth,
        Metric::CpuPerMessage,
        Metric::MemoryPerConnection,
    ];
    fields.extend(
        computed.map(|metric| field(values.and_then(|values| metric.value(scenario, values)))),
    );
    fields.extend(datagram_fields(values));
    fields.join(",")
}

/// The raw values of a measurement; all empty if there are none.
fn raw_fields(values: Option<&Values>) -> [String; 27] {
    let cost =
        |read: fn(&ServerCost) -> u64| field(values.and_then(|v| v.server.as_ref()).map(read));
    let event = |event| field(values.and_then(|v| v.counters.as_ref()?.of(event).counted()));
    let percentile = |name| field(values.and_then(|v| v.latency().percentile(name)));
    [
        field(values.map(|v| v.elapsed_ns)),
        field(values.map(|v| v.messages)),
        field(values.map(|v| v.bytes)),
        percentile("p50"),
        percentile("p99"),
        percentile("p99.9"),
        field(values.and_then(|v| v.latency().max_ns)),
        field(values.and_then(|v| v.flood).map(|flood| flood.bytes)),
        field(values.and_then(|v| v.flood).map(|flood| flood.elapsed_ns)),
        cost(|cost| cost.user_ns),
        cost(|cost| cost.system_ns),
        cost(|cost| cost.voluntary_switches),
        cost(|cost| cost.involuntary_switches),
        field(values.and_then(|v| v.server?.run_queue_delay_ns)),
        event(ProcessorEvent::Instructions),
        event(ProcessorEvent::Cycles),
        event(ProcessorEvent::CacheMisses),
        cost(|cost| cost.threads),
        cost(|cost| cost.resident_bytes_before),
        cost(|cost| cost.connections_before),
        cost(|cost| cost.resident_bytes),
        field(values.and_then(|v| v.server?.tcp_buffers_before)),
        field(values.and_then(|v| v.server?.tcp_buffers)),
        field(values.map(|v| v.generator_threads)),
        field(values.map(|v| v.generator_cpu_ns)),
        field(values.and_then(|v| v.generator_run_queue_delay_ns)),
        field(values.and_then(|v| v.cpu_pressure_ns)),
    ]
}

/// What became of the datagrams; all empty over TCP.
fn datagram_fields(values: Option<&Values>) -> [String; 5] {
    let count = |read: fn(&DatagramCounts) -> u64| {
        let counts = values.and_then(|values| values.datagrams.as_ref());
        field(counts.map(read))
    };
    [
        count(|counts| counts.sent),
        count(|counts| counts.lost),
        count(|counts| counts.late),
        count(|counts| counts.reordered),
        count(|counts| counts.duplicated),
    ]
}

fn field(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::example;

    #[test]
    fn every_measurement_is_a_line_with_all_fields() {
        let comparison = example::comparison();
        let text = csv(&comparison);
        let measurements = comparison
            .scenarios
            .iter()
            .map(|results| results.measurements.len());
        assert_eq!(text.lines().count(), 1 + measurements.sum::<usize>());
        let columns = HEADER.split(',').count();
        for line in text.lines() {
            assert_eq!(fields(line), columns, "{line}");
        }
        assert!(
            text.contains("0x5a was sent, 0x00"),
            "a failure with a comma"
        );
    }

    /// The number of fields in a line. Commas between quotes do not separate fields.
    fn fields(line: &str) -> usize {
        let outside = line.split('"').step_by(2);
        1 + outside.map(|part| part.matches(',').count()).sum::<usize>()
    }

    #[test]
    fn quotes_and_commas_stay_in_their_field() {
        assert_eq!(quoted(r#"<other> & "co""#), r#""<other> & ""co""""#);
        assert_eq!(quoted("a, b"), r#""a, b""#);
        assert_eq!(quoted("plain"), "plain");
    }
}
