//! What all calibration servers have in common: a thread for each connection, and a blocking echo.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// The start of the line with which a server announces its address.
pub(crate) const READY: &str = "listening on ";

/// Bytes read at once. Small, because every connection has a buffer of its own.
const BUFFER: usize = 4096;

/// Accepts connections, and serves each in a thread of its own with `serve`, which is given its number, from 1.
pub(super) fn listen(serve: impl Fn(u64, &TcpStream) -> io::Result<()> + Sync) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    announce(listener.local_addr()?)?;
    thread::scope(|scope| {
        for (number, peer) in (1..).zip(listener.incoming()) {
            let (peer, serve) = (peer?, &serve);
            peer.set_nodelay(true)?;
            // The end of a connection, clean or not, concerns only its peer.
            scope.spawn(move || serve(number, &peer));
        }
        Ok(())
    })
}

fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{READY}{address}")?;
    stdout.flush()
}

/// Writes back what it reads, after `prepare`, which is given the bytes and the offset of the first one in the stream.
pub(super) fn echo(
    mut peer: &TcpStream,
    mut prepare: impl FnMut(&mut Vec<u8>, u64),
) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    let mut offset = 0;
    loop {
        let bytes = peer.read(&mut buffer)?;
        if bytes == 0 {
            return Ok(());
        }
        let mut answer = buffer.get(..bytes).unwrap_or_default().to_vec();
        prepare(&mut answer, offset);
        peer.write_all(&answer)?;
        offset += bytes as u64;
    }
}

/// Reads until the peer ends the connection, and writes nothing.
pub(super) fn swallow(mut peer: &TcpStream) -> io::Result<()> {
    io::copy(&mut peer, &mut io::sink()).map(drop)
}
