#!/usr/bin/env python3
"""Checks servers that others wrote with `mio-echo check`, and prints which promises each of them breaks.

usage: benches/check_peers.py [NAME...] [--program FILE] [--results FILE] > table.md

The servers are those of benches/peers, a server from a blog, and mio's example. Those that this machine lacks are
named on standard error and left out. --results writes versions and symptoms as JSON; with NAMEs, it replaces theirs in
the file. Build the program first: cargo build. It takes about fifteen minutes.
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
    return version(output("python3", "--version"))


def locked_version(name, folder=ROOT):
    lock = (folder / "Cargo.lock").read_text()
    return re.search(f'name = "{name}"\nversion = "(.*?)"', lock).group(1)


PEER_VERSIONS = {
    "epoll": lambda: version(output("gcc", "--version")),
    "io_uring": lambda: package_version("liburing-dev"),
    "io_uring-calls": lambda: version(output("gcc", "--version")),
    "c-threads": lambda: version(output("gcc", "--version")),
    "libuv": lambda: package_version("libuv1-dev"),
    "std-threads": lambda: version(output("rustc", "--version")),
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
    """Name, what it is, and a function for its version and its command."""
    for mode in ["event-loop", "threads"]:
        command = [str(PROGRAM), "serve", "-v", "--listen", "127.0.0.1:{port}", "--mode", mode]
        yield mode, f"`mio-echo serve --mode {mode}`", lambda command=command: (locked_version("mio-echo"), command)
    for recipe in json.loads((PEERS / "peers.json").read_text())["peers"]:
        yield recipe["name"], recipe["about"], lambda recipe=recipe: peer(recipe)
    yield "blog", "a Python server from a blog, `tests/blog/server.py`", blog
    yield "mio-example", "mio's example `tcp_server` (it sends a greeting and echoes nothing)", mio_example


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


def row(about, number, report):
    results = report["results"]
    count = {status: 0 for status in ["passed", "failed", "not-applicable"]}
    for result in results:
        count[result["status"]] += 1
    broken = [f"`{it['name']}`" for it in results if it["status"] == "failed"]
    kept = f"{count['passed']} of {count['passed'] + count['failed']}"
    what = "everything else" if count["passed"] < 2 else ", ".join(broken) or "–"
    return f"| {about} | {number} | {kept} | {what} |"


def symptoms(number, report):
    """What of a report is kept: the version, and what was not as promised."""
    of = {"failed": "symptom", "not-applicable": "reason"}
    found = {it["name"]: it[of[it["status"]]] for it in report["results"] if it["status"] in of}
    return {"version": number, "seconds": round(report["seconds"], 1), "symptoms": found}


def main():
    global PROGRAM
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--program", metavar="FILE", type=Path, default=PROGRAM)
    parser.add_argument("--results", metavar="FILE", type=Path)
    options = parser.parse_args()
    PROGRAM = options.program
    WORK.mkdir(parents=True, exist_ok=True)
    keep = options.names and options.results and options.results.exists()
    results = json.loads(options.results.read_text()) if keep else {}
    print("| server | version | keeps | breaks |\n| --- | --- | ---: | --- |")
    for name, about, prepare in servers():
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
        results[name] = symptoms(number, report)
        print(row(about, number, report), flush=True)
    if options.results:
        results = {name: results[name] for name, *_ in servers() if name in results}
        options.results.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


main()
