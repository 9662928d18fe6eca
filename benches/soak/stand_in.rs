//! Servers of known truth: a small threaded echo server with one fault, to show that the soak finds it.

use clap::ValueEnum;
use socket2::SockRef;
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem;
use std::net::{TcpListener, TcpStream};
use std::thread;

/// What is wrong with a stand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Keeps 4 KiB of each connection for ever.
    Memory,
    /// Never closes one descriptor in a hundred connections.
    Descriptor,
    /// Changes a byte in every fourth mebibyte of a connection.
    Corruption,
}

impl Fault {
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

const FOUR_MIB: usize = 4 << 20;

/// Serves until it is killed.
pub(crate) fn serve(fault: Fault) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // Inherited by accepted sockets: an urgent byte may arrive before its connection is accepted.
    SockRef::from(&listener).set_out_of_band_inline(true)?;
    println!("listening on {}", listener.local_addr()?);
    for number in 1_usize.. {
        let (stream, _) = listener.accept()?;
        match fault {
            Fault::Memory => mem::forget(vec![1_u8; 4096]),
            Fault::Descriptor if number.is_multiple_of(100) => {
                mem::forget(File::open("/dev/null")?);
            }
            _ => {}
        }
        thread::spawn(move || echo(&stream, fault));
    }
    Ok(())
}

fn echo(mut stream: &TcpStream, fault: Fault) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut total = 0;
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        let is_fourth_mib = total / FOUR_MIB < (total + count) / FOUR_MIB;
        total += count;
        if fault == Fault::Corruption && is_fourth_mib {
            buffer[0] ^= 1;
        }
        stream.write_all(&buffer[..count])?;
    }
}
