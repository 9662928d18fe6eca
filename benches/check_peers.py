#!/usr/bin/env python3
"""Checks servers that others wrote with `mio-echo check`, and prints which promises each of them breaks.

usage: benches/check_peers.py [NAME...] [--program FILE] [--results FILE]
       benches/check_peers.py --readme

The servers are those of benches/peers, a server from a blog, and mio's example. Those that this machine lacks are
named on standard error and left out. --results writes versions and symptoms as JSON; with NAMEs, it replaces theirs in
the file. The servers get the limit on descriptors of the shell (ulimit -n). Build the program first: cargo build. It
takes about fifteen minutes.

--readme checks nothing and prints the table of the README, from benches/results/check.json.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benches" / "peers"
TARGET = ROOT / "target"
# Where servers are installed is not in every user's PATH.
os.environ["PATH"] += ":/usr/sbin:/sbin"
WORK = TARGET / "check-peers"
PROGRAM = TARGET / "debug" / "mio-echo"
RESULTS = ROOT / "benches" / "results" / "check.json"

# The servers in the words of the README.
TITLES = {
    "event-loop": "`mio-echo serve`",
    "threads": "`mio-echo serve --mode threads`",
    "epoll": "C, epoll",
    "io_uring": "C, io_uring",
    "io_uring-calls": "C, io_uring by its system calls alone",
    "c-threads": "C, threads",
    "libuv": "C, libuv",
    "tokio": "Rust, tokio",
    "monoio": "Rust, monoio",
    "compio": "Rust, compio",
    "smol": "Rust, smol",
    "may": "Rust, may",
    "std-threads": "Rust, std threads",
    "go": "Go",
    "netty": "Java, Netty",
    "node": "node, `net` with `pipe`",
    "asyncio": "Python, asyncio protocol",
    "uvloop": "Python, uvloop",
    "python-threads": "Python, threads",
    "socat": "socat, `fork`, `backlog=4096` and `exec:cat`",
    "ncat": "ncat, `-k -e /bin/cat`",
    "inetd": "inetd with `cat`",
    "xinetd": "xinetd, built-in echo",
    "haproxy": "HAProxy in TCP mode, before ours",
    "blog": "Python, decodes what it reads (`tests/blog`)",
    "mio-example": "mio's example `tcp_server`",
}

# What one run does not show.
REMARKS = {("node", "descriptor-limit"): "in some runs"}

# In place of a list that would be as long as that of the checks.
SUMMARIES = {"mio-example": "nearly everything: it sends a greeting, echoes nothing, and ends at the first reset"}

class Missing(Exception):
    """What a server needs and this machine lacks."""


def need(name):
    if not (Path(name).exists() if name.startswith("/") else shutil.which(name)):
        raise Missing(f"no {name}")


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return done.stdout + done.stderr


def version(text, pattern=r"\d+(\.\d+)+"):
    found = re.search(pattern, text)
    return found.group(0) if found else "?"


def package_version(name):
    return version(output("dpkg-query", "-W", "-f", "${Version}", name))


# Each returns its version and its command.


def blog():
    script = ROOT / "tests" / "blog" / "server.py"
    return python_version(), ["python3", str(script), "127.0.0.1", "{port}"]


def mio_example():
    """As published, but for the port, which is fixed there."""
    metadata = json.loads(output("cargo", "metadata", "--format-version", "1", "--manifest-path", str(ROOT / "Cargo.toml")))
    package = next(it for it in metadata["packages"] if it["name"] == "mio")
    copy = WORK / "mio"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(Path(package["manifest_path"]).parent, copy)
    source = copy / "examples" / "tcp_server.rs"
    port = 'format!("127.0.0.1:{}", std::env::args().nth(1).unwrap())'
    text = source.read_text()
    source.write_text(text.replace('"127.0.0.1:9000".parse()', f"{port}.parse()"))
    (copy / "Cargo.toml").write_text((copy / "Cargo.toml").read_text() + "\n[workspace]\n")
    build = ["cargo", "build", "--quiet", "--example", "tcp_server", "--features", "os-poll net"]
    build += ["--manifest-path", str(copy / "Cargo.toml"), "--target-dir", str(TARGET / "check-peers" / "target")]
    if subprocess.run(build).returncode != 0:
        raise Missing("mio's example cannot be built")
    return package["version"], [str(WORK / "target" / "debug" / "examples" / "tcp_server"), "{port}"]


def python_version():
    return "Python " + version(output("python3", "--version"))


def gcc_version():
    return "gcc " + version(output("gcc", "--version"))


def locked_version(name, folder=ROOT):
    lock = (folder / "Cargo.lock").read_text()
    return re.search(f'name = "{name}"\nversion = "(.*?)"', lock).group(1)


PEER_VERSIONS = {
    "epoll": gcc_version,
    "io_uring": lambda: "liburing " + package_version("liburing-dev"),
    "io_uring-calls": gcc_version,
    "c-threads": gcc_version,
    "libuv": lambda: package_version("libuv1-dev"),
    "std-threads": lambda: "rustc " + version(output("rustc", "--version")),
    "go": lambda: version(output("go", "version"), r"\d+\.\d+(\.\d+)?"),
    "netty": lambda: package_version("libnetty-java"),
    "node": lambda: version(output("node", "--version")),
    "asyncio": python_version,
    "uvloop": lambda: version(output("python3", "-c", "import uvloop; print(uvloop.__version__)")),
    "python-threads": python_version,
    "socat": lambda: version(output("socat", "-V")),
    "ncat": lambda: version(output("ncat", "--version")),
    "inetd": lambda: package_version("openbsd-inetd"),
    "xinetd": lambda: version(output("xinetd", "-version")),
    "haproxy": lambda: version(output("haproxy", "-v")),
}
for library in ["tokio", "monoio", "compio", "smol", "may"]:
    PEER_VERSIONS[library] = lambda library=library: locked_version(library, PEERS / "rust")


def peer(recipe):
    """A server of benches/peers."""
    for program in recipe["needs"]:
        need(program)
    name = recipe["name"]
    names = {"dir": str(PEERS), "target": str(TARGET), "mio-echo": str(PROGRAM)}
    names["out"] = fill(recipe.get("product", "{target}/peers/" + name), names)
    Path(names["out"]).parent.mkdir(parents=True, exist_ok=True)
    build, probe, command = ([fill(word, names) for word in recipe.get(key, [])] for key in ["build", "probe", "run"])
    if build and subprocess.run(build, cwd=PEERS).returncode != 0:
        raise Missing(f"{name} cannot be built")
    if probe and (done := subprocess.run(probe, capture_output=True, text=True)).returncode != 0:
        raise Missing(done.stderr.strip().splitlines()[-1])
    return PEER_VERSIONS[name](), command


def fill(word, names):
    for name, value in names.items():
        word = word.replace("{" + name + "}", value)
    return word


def servers():
    """Name, and a function for its version and its command."""
    for mode in ["event-loop", "threads"]:
        command = [str(PROGRAM), "serve", "-v", "--listen", "127.0.0.1:{port}", "--mode", mode]
        yield mode, lambda command=command: (locked_version("mio-echo"), command)
    for recipe in json.loads((PEERS / "peers.json").read_text())["peers"]:
        yield recipe["name"], lambda recipe=recipe: peer(recipe)
    yield "blog", blog
    yield "mio-example", mio_example


def check(command):
    """The report. A busy machine can make a check fail, so what fails is checked again, and has to fail twice."""
    report = run(command, [])
    failed = [it["name"] for it in report["results"] if it["status"] == "failed"] if report else []
    again = run(command, ["--only", ",".join(failed)]) if failed else None
    if again:
        second = {it["name"]: it for it in again["results"]}
        report["results"] = [second.get(it["name"], it) for it in report["results"]]
    return report


def run(command, options):
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        report = Path(folder) / "check.json"
        done = subprocess.run([PROGRAM, "check", "--time-limit", "never", "--json", report, *options, "--", *command], stdout=subprocess.DEVNULL)
        if done.returncode == 2:
            return None
        return json.loads(report.read_text())["servers"][0]


HEADER = "| server | version | breaks |\n| --- | --- | --- |"


def row(name, result):
    """The row of a server in the table of the README."""

    def with_remark(check):
        remark = REMARKS.get((name, check))
        return f"`{check}` ({remark})" if remark else f"`{check}`"

    breaks = ", ".join(map(with_remark, result["broken"])) or "nothing"
    untested = ", ".join(f"`{check}` ({reason})" for check, reason in result["untested"].items())
    if untested:
        breaks += f"; not tested: {untested}"
    if name in SUMMARIES and result["kept"] < 2:
        breaks = SUMMARIES[name]
    return f"| {TITLES[name]} | {result['version']} | {breaks} |"


def result_of(number, report):
    """What of a report is kept: the version, the number of promises kept, and those that were not, with the symptom."""

    def texts(key, *statuses):
        return {it["name"]: it[key] for it in report["results"] if it["status"] in statuses}

    return {
        "version": number,
        "seconds": round(report["seconds"], 1),
        "kept": sum(it["status"] == "passed" for it in report["results"]),
        "broken": texts("symptom", "failed"),
        "untested": texts("reason", "not-applicable", "not-run"),
    }


def print_readme():
    results = json.loads(RESULTS.read_text())
    print(HEADER)
    for name, _ in servers():
        if name in results:
            print(row(name, results[name]))


def main():
    global PROGRAM
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--program", metavar="FILE", type=Path, default=PROGRAM)
    parser.add_argument("--results", metavar="FILE", type=Path)
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    if options.readme:
        return print_readme()
    PROGRAM = options.program
    WORK.mkdir(parents=True, exist_ok=True)
    keep = options.names and options.results and options.results.exists()
    results = json.loads(options.results.read_text()) if keep else {}
    print(HEADER)
    for name, prepare in servers():
        if options.names and name not in options.names:
            continue
        try:
            number, command = prepare()
        except Missing as missing:
            print(f"{name} is left out: {missing}", file=sys.stderr)
            continue
        report = check(command)
        if report is None:
            print(f"{name} is left out: it does not start", file=sys.stderr)
            continue
        results[name] = result_of(number, report)
        print(row(name, results[name]), flush=True)
    if options.results:
        results = {name: results[name] for name, _ in servers() if name in results}
        options.results.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


main()
