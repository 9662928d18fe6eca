#!/usr/bin/env python3
"""Measures one echo server with `mio-echo bench` and with sockperf, which others wrote, and prints the ratios.

usage: benches/outside.py [--rounds N] [--seconds S] [--size BYTES] [--program FILE]

Is the generator of mio-echo right about rate, p50 and p99? Both tools play ping-pong with the same running server over one
connection, in turn and in random order, on the same core; the server has another. sockperf (Debian: sockperf) measures
twice, since it can wait in epoll, as mio-echo does, or in recvfrom, which is a system call less per message. Its second row
shows how large that difference is. Needs sockperf and cc. Build first: cargo build --release. It takes about a minute.
"""

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIGURES = ("messages/s", "p50 µs", "p99 µs")
OURS, EPOLL, RECVFROM = "mio-echo bench", "sockperf, epoll", "sockperf, recvfrom"


def on_core(core):
    """What a child process runs before its program: it binds itself to `core`."""
    return lambda: os.sched_setaffinity(0, {core})


def output(command, core, **environment):
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=on_core(core),
                          env={**os.environ, **environment})
    if done.returncode != 0:
        sys.exit(f"outside: {command[0]} failed:\n{done.stdout[-800:]}{done.stderr[-800:]}")
    return done.stdout


def mio_echo(options, address, core):
    """Messages per second, p50 and p99, as all of these return."""
    report = json.loads(output(
        [options.program, "bench", address, "--connections", "1", "--size", str(options.size),
         "--duration", f"{options.seconds}s", "--warmup", "400ms", "--json", "-"], core))
    percentiles = report["service_time"]["percentiles_ns"]
    return report["figures"]["messages_per_second"], percentiles["p50"] / 1e3, percentiles["p99"] / 1e3


def sockperf(options, address, core, wait, folder):
    host, port = address.rsplit(":", 1)
    # It uses epoll only for a list of connections.
    connections = Path(folder, "connections")
    connections.write_text(f"T:{host}:{port}\n")
    target = ["-f", str(connections), "-F", "epoll"] if wait == EPOLL else ["-i", host, "-p", port, "--tcp"]
    text = output(["sockperf", "ping-pong", *target, "--full-rtt", "-m", str(options.size),
                   "-t", str(options.seconds)], core, LD_PRELOAD=str(Path(folder, "sockperf_echo.so")))
    seconds, messages = re.search(r"\[Valid Duration\] RunTime=([\d.]+) sec;.* ReceivedMessages=(\d+)", text).groups()
    percentile = {which: float(re.search(rf"percentile {which}\.000 = +([\d.]+)", text)[1]) for which in (50, 99)}
    return int(messages) / float(seconds), percentile[50], percentile[99]


def spread(values, digits):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"


def report(rounds):
    print(f"{'median (range)':20}" + "".join(f"{name:>30}" for name in FIGURES))
    for tool in (OURS, EPOLL, RECVFROM):
        columns = zip(*(measured[tool] for measured in rounds))
        print(f"{tool:20}" + "".join(f"{spread(it, digits):>30}" for it, digits in zip(columns, (0, 1, 1))))
    print(f"\n{'ratio by round':20}" + "".join(f"{name:>30}" for name in FIGURES))
    for other in (EPOLL, RECVFROM):
        columns = zip(*([ours / theirs for ours, theirs in zip(measured[OURS], measured[other])] for measured in rounds))
        print(f"{'to ' + other:20}" + "".join(f"{spread(it, 3):>30}" for it in columns))


def measure(options, address, core, folder):
    tools = {OURS: lambda: mio_echo(options, address, core),
             EPOLL: lambda: sockperf(options, address, core, EPOLL, folder),
             RECVFROM: lambda: sockperf(options, address, core, RECVFROM, folder)}
    rounds = []
    for number in range(options.rounds):
        print(f"\rround {number + 1} of {options.rounds}", end="", file=sys.stderr, flush=True)
        rounds.append({tool: tools[tool]() for tool in random.sample(list(tools), len(tools))})
    print(file=sys.stderr)
    return rounds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--size", type=int, default=64, help="at least 14, the header of sockperf")
    parser.add_argument("--program", default=str(HERE.parent / "target" / "release" / "mio-echo"))
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    print(f"load average {os.getloadavg()[0]:.2f}; server on core {cores[0]}, generators on core {cores[-1]}; "
          f"messages of {options.size} B, {options.seconds} s each")
    with tempfile.TemporaryDirectory() as folder:
        library = str(Path(folder, "sockperf_echo.so"))
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, str(HERE / "sockperf_echo.c"), "-ldl"], check=True)
        server = subprocess.Popen([options.program, "serve", "--quiet", "--listen", "127.0.0.1:0"],
                                  stdout=subprocess.PIPE, text=True, preexec_fn=on_core(cores[0]))
        try:
            address = server.stdout.readline().split()[-1]
            rounds = measure(options, address, cores[-1], folder)
        finally:
            server.terminate()
            server.wait()
    report(rounds)


if __name__ == "__main__":
    main()
