//! `mio-echo bench --help`: the text below the options.

pub(crate) const EXAMPLES: &str = "\
Without ADDR, bench starts a server as a separate process, measures it
and stops it. It may open as many descriptors as the system allows.

Without --rate, each connection sends a message when the echo of the last
one is back (closed loop). A server that stalls then gets less load while
it stalls, and the percentiles hide the stall. With --rate, messages are
due at fixed times (open loop), and the response time counts from the
time at which a message was due, even if it could not be sent then. Both
parts of the response time are shown: from due to sent, and the service
time. The generator's own part of both is shown too; above a tenth of the
whole, there is a warning. Where one core is too little for the
generator, --threads divides its connections among several.

At the end, the run waits for the messages in flight, up to --timeout. A
message that does not come back counts with its age in the latencies;
figures marked > are at least that. It is a failure, and so is a starved
connection: one without a reply throughout the second half of the
measurement, or its last second. A stall is a time without any reply: at
least 100 ms and ten times the median.

With --udp, each datagram carries a number. A lost datagram is no
failure, unless all are lost. It is counted and stays in the latencies
with its age, and in the closed loop another one takes its place after
--timeout. Late, reordered and duplicate echoes are counted too. A server
that limits the rate of a source drops what exceeds it; the server that
bench starts does not.

--counters and --flamegraph use perf(1), which observes the server during
the measurement only. Counting adds a little to each context switch;
sampling needs about 4 MB of temporary space for each second and busy
core. Virtual machines often have no hardware counters, but all have
flame graphs.

On a terminal, a line shows the figures of the latest second.

Metrics for --fail-if:
  p50 p90 p99 p99.9 p99.99 mean max
              latency: response time with --rate, otherwise service time
  cpu         processor time of the server per message
  instructions cycles cache-misses
              of the server per message, with --counters
  stall       the longest time without any reply, 0s if it is no stall
  rate        messages per second
  errors      failed connections
  starved     starved connections
  unanswered  messages without a reply
  loss        share of the datagrams that were lost, with --udp

A FILE of - is standard output, where it replaces the summary.

Exit codes:
  0    measured
  1    a threshold was crossed, a byte came back wrong or not at all, a
       connection failed, or the server was never sampled
  2    wrong usage, a load that is too much for this machine, a file that
       cannot be written, a server that did not start or could not be
       reached, or perf missing or not allowed
  130, 143, 129
       ended by SIGINT, SIGTERM, SIGHUP; the report covers what was
       measured until then

Examples:
  mio-echo bench
  mio-echo bench --mode threads --connections 1000 --duration 5s
  mio-echo bench localhost:50007 --rate 10000 --fail-if 'p99>2ms'
  mio-echo bench --udp --rate 10000 --fail-if 'loss>0.1%'
  mio-echo bench localhost:50007 --pid 4711 --pattern stream --json -
  mio-echo bench --mode threads --counters --flamegraph threads.svg";
