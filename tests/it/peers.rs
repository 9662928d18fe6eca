//! The servers in `benches/peers` echo correctly, however fast they are, and a manifest builds what the machine can.

use crate::harness::{
    Child, DEADLINE, PROGRAM, assert_same, command, connect, echo_roundtrip, eventually,
    fill_until_blocked, more_than_buffers_hold, pattern, peer, read_to_eof, skip, tool_or_skip,
};
use mio_echo::measure::compare::peers::{
    Manifest, PeerServer, Peers, PeersError, Recipe, SkippedPeer, prepare,
};
use mio_echo::measure::process::{self, CommandLine};
use std::fs::{self, File};
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

const MANIFEST_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers");

/// The longest build that a test waits for, unless skips are forbidden.
const QUICK_BUILD: Duration = Duration::from_secs(3);

#[test]
fn every_peer_that_can_be_built_is_an_echo_server() {
    let manifest = Manifest::read(Path::new(MANIFEST_DIR), Path::new(PROGRAM)).unwrap();
    assert_eq!(manifest.recipes().len(), 22);
    // Side by side: most of the time is spent in waiting for buffers to fill up.
    thread::scope(|scope| {
        for recipe in manifest.recipes() {
            scope.spawn(|| build_and_verify(&manifest, recipe));
        }
    });
}

fn build_and_verify(manifest: &Manifest, recipe: &Recipe) {
    let skips_are_forbidden = std::env::var_os("MIO_ECHO_FORBID_SKIPS").is_some();
    let is_slow = recipe.build_time() > QUICK_BUILD && !manifest.is_built(recipe);
    if is_slow && !skips_are_forbidden {
        let seconds = recipe.build_time().as_secs();
        skip(&format!("{}: its build takes {seconds} s", recipe.name()));
        return;
    }
    match manifest.build(recipe) {
        Ok(peer) if recipe.has_source() => verify(&peer, more_than_buffers_hold()),
        Ok(program) => echoes_a_message(&program),
        // Programs of others, which nothing here is built from, may be missing everywhere.
        Err(SkippedPeer { name, reason }) => {
            let is_failure = skips_are_forbidden && recipe.has_source();
            assert!(!is_failure, "{name}: {reason}");
            skip(&format!("{name}: {reason}"));
        }
    }
}

/// All that is expected of programs of others. `benches/check_peers.py` shows which promises they break.
fn echoes_a_message(program: &PeerServer) {
    let address = process::free_address().unwrap();
    let port = address.port().to_string();
    let command = program.command.replace("{port}", &port);
    let mut server = process::Child::spawn(&command, None).unwrap();
    let accepting = server.wait_until_accepting(address, DEADLINE);
    accepting.unwrap_or_else(|failure| panic!("{}: {failure}", program.name));
    echo_roundtrip(&connect(address), b"hello");
}

/// It echoes every byte, after a half-close, to a late reader, and to many connections at once; and a reset ends only
/// its own connection.
fn verify(peer: &PeerServer, much: &[u8]) {
    eprintln!("verifying {}", peer.name);
    assert!(peer.command.contains("{port}"));
    let line = peer.command.replace("{port}", "0");
    let mut server = Child::spawn(command(line.program).args(line.arguments));
    let address = server.address();

    echoes_everything_after_a_half_close(address);
    echoes_everything_to_a_late_reader(address, much);
    serves_two_hundred_connections_at_once(address);
    survives_resets(address, much);
    assert!(server.is_running(), "{}", server.log());
}

fn echoes_everything_after_a_half_close(address: SocketAddr) {
    let stream = connect(address);
    let bytes = pattern(1 << 20);
    let echoed = thread::scope(|scope| {
        scope.spawn(|| {
            (&stream).write_all(&bytes).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        read_to_eof(&stream)
    });
    assert_same(&echoed, &bytes);
}

/// Its writes are short, and bytes are pending when the FIN arrives.
fn echoes_everything_to_a_late_reader(address: SocketAddr, much: &[u8]) {
    let stream = connect(address);
    let sent = fill_until_blocked(&stream, much);
    stream.shutdown(Shutdown::Write).unwrap();
    stream.set_nonblocking(false).unwrap();
    assert_same(&read_to_eof(&stream), &much[..sent]);
}

fn serves_two_hundred_connections_at_once(address: SocketAddr) {
    let streams: Vec<_> = (0..200).map(|_| connect(address)).collect();
    for stream in &streams {
        (&*stream).write_all(&pattern(1000)).unwrap();
    }
    for stream in &streams {
        assert_same(&crate::harness::read(stream, 1000), &pattern(1000));
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(read_to_eof(stream).is_empty());
    }
}

/// Before the first byte, while an echo is awaited, and while an echo is blocked.
fn survives_resets(address: SocketAddr, much: &[u8]) {
    for _ in 0..10 {
        peer::reset(connect(address));
        let awaiting = connect(address);
        (&awaiting).write_all(&pattern(1000)).unwrap();
        peer::reset(awaiting);
    }
    let blocked = connect(address);
    fill_until_blocked(&blocked, much);
    peer::reset(blocked);
    peer::reset(pending_after_a_fin(address, much));
    echo_roundtrip(&connect(address), b"still there");
}

/// A connection whose FIN has arrived while the echo of the bytes before it is blocked. If it is reset now, the server
/// gets EPIPE, which comes with SIGPIPE (send(2)).
fn pending_after_a_fin(address: SocketAddr, much: &[u8]) -> TcpStream {
    let stream = connect(address);
    fill_until_blocked(&stream, much);
    stream.shutdown(Shutdown::Write).unwrap();
    // Makes room for what is still in our send buffer, and for no more than the kernel forces us to.
    stream.set_nonblocking(false).unwrap();
    crate::harness::read(&stream, peer::unacknowledged(&stream));
    eventually("the server's kernel has the FIN", || {
        peer::unacknowledged(&stream) == 0 || crate::harness::read(&stream, 64 << 10).is_empty()
    });
    stream
}

#[test]
fn what_every_peer_fails_is_on_record() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/results/check.json");
    let text = fs::read_to_string(path).unwrap();
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    let manifest = Manifest::read(Path::new(MANIFEST_DIR), Path::new(PROGRAM)).unwrap();
    for recipe in manifest.recipes() {
        let broken = &record[recipe.name()]["broken"];
        assert!(broken.is_object(), "{} is missing", recipe.name());
    }
}

#[test]
fn peers_that_cannot_be_built_are_skipped_with_the_reason() {
    let dir = manifest_of(
        r#"{"name": "exotic", "about": "", "source": "s", "needs": ["no-such-tool"], "run": ["x"]},
           {"name": "broken", "about": "", "source": "s", "needs": ["sh"],
            "build": ["sh", "-c", "echo trying >&2; echo disk full >&2; exit 1"], "run": ["x"]},
           {"name": "barred", "about": "", "needs": ["sh"],
            "probe": ["sh", "-c", "echo not permitted >&2; exit 1"], "run": ["x"]},
           {"name": "plain", "about": "", "source": "s", "needs": ["sh"], "run": ["sh", "{dir}/s", "{port}"]}"#,
    );
    let Peers { ready, skipped } = prepare(dir.path(), Path::new(PROGRAM), &[]).unwrap();
    let script = dir.path().join("s").into_os_string();
    assert_eq!(
        ready[0].command,
        CommandLine::new("sh", [script, "{port}".into()])
    );
    let skipped: Vec<String> = skipped
        .into_iter()
        .map(|SkippedPeer { name, reason }| format!("{name}: {reason}"))
        .collect();
    assert_eq!(
        skipped,
        [
            "exotic: no-such-tool is not installed",
            "broken: sh: disk full",
            "barred: sh: not permitted"
        ]
    );
}

#[test]
fn an_installed_program_needs_only_a_command() {
    let dir = manifest_of(
        r#"{"name": "proxy", "about": "", "needs": ["sh", "/bin/sh"], "probe": ["true"],
            "run": ["sh", "-c", "exec \"$1\"", "{mio-echo}", "{port}"]}"#,
    );
    let Peers { ready, skipped } = prepare(dir.path(), Path::new("/our/program"), &[]).unwrap();
    assert_eq!(skipped, []);
    let words = ["-c", "exec \"$1\"", "/our/program", "{port}"];
    assert_eq!(ready[0].command, CommandLine::new("sh", words));
}

#[test]
fn a_missing_header_is_named() {
    if !tool_or_skip("gcc") {
        return;
    }
    let dir = manifest_of(
        r#"{"name": "c", "about": "", "source": "s", "needs": ["gcc"], "headers": ["no/such.h"],
            "build": ["gcc", "s"], "product": "{dir}/out", "run": ["{out}"]}"#,
    );
    let peers = prepare(dir.path(), Path::new(PROGRAM), &[]).unwrap();
    assert_eq!(peers.skipped[0].reason, "no/such.h is not installed");
}

#[test]
fn a_build_newer_than_its_source_is_reused() {
    let dir = manifest_of(
        r#"{"name": "counted", "about": "", "source": "s", "needs": ["sh"],
            "build": ["sh", "-c", "echo built >> {out}"], "product": "{dir}/made/{name}",
            "run": ["{out}", "{port}"]}"#,
    );
    let times_built = || {
        let peers = prepare(dir.path(), Path::new(PROGRAM), &[]).unwrap();
        assert_eq!(peers.skipped, []);
        let product = dir.path().join("made/counted");
        assert_eq!(peers.ready[0].command.program, product);
        fs::read_to_string(product).unwrap().lines().count()
    };
    assert_eq!(times_built(), 1);
    assert_eq!(times_built(), 1, "nothing has changed");
    let source = File::options()
        .write(true)
        .open(dir.path().join("s"))
        .unwrap();
    let later = SystemTime::now() + Duration::from_mins(1);
    source.set_modified(later).unwrap();
    assert_eq!(times_built(), 2, "the source has changed");
}

#[test]
fn a_missing_or_malformed_manifest_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let error = prepare(dir.path(), Path::new(PROGRAM), &[]).unwrap_err();
    assert!(matches!(error, PeersError::Unreadable(..)));
    let line = error.to_string();
    assert!(
        line.ends_with("peers.json: no such file or directory"),
        "{line}"
    );
    fs::write(
        dir.path().join("peers.json"),
        r#"{"about": [], "beers": []}"#,
    )
    .unwrap();
    let error = prepare(dir.path(), Path::new(PROGRAM), &[]).unwrap_err();
    assert!(matches!(error, PeersError::Malformed(..)));
    assert!(error.to_string().contains("beers"), "{error}");
}

#[test]
fn only_the_servers_asked_for_are_built_and_an_unknown_one_is_named() {
    let dir = manifest_of(
        r#"{"name": "one", "about": "", "needs": ["sh"], "run": ["sh", "{port}"]},
           {"name": "other", "about": "", "needs": ["sh"], "build": ["false"], "run": ["sh", "{port}"]}"#,
    );
    let peers = prepare(dir.path(), Path::new(PROGRAM), &["one".to_owned()]).unwrap();
    let names: Vec<&str> = peers.ready.iter().map(|peer| peer.name.as_str()).collect();
    assert_eq!(
        (names.as_slice(), peers.skipped),
        (["one"].as_slice(), vec![])
    );
    let error = prepare(dir.path(), Path::new(PROGRAM), &["two".to_owned()]).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("peers.json has no server `two`"),
        "{error}"
    );
}

/// A folder with a manifest of `peers` and a source file `s`.
fn manifest_of(peers: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(r#"{{"about": [], "peers": [{peers}]}}"#);
    fs::write(dir.path().join("peers.json"), text).unwrap();
    fs::write(dir.path().join("s"), "").unwrap();
    dir
}
