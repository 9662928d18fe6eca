//! An echo server on the library: bind, print the addresses, run until Ctrl-C, print the statistics.
//!
//! ```console
//! $ cargo run --example echo_server
//! $ nc 127.0.0.1 50007
//! ```

use mio_echo::server::{Config, Server, Stats};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut server = Server::bind(Config {
        listen: vec!["127.0.0.1:50007".parse()?],
        ..Config::default()
    })?;
    server.handle_signals()?;
    println!("listening on {:?}", server.local_addrs());
    let stats = server.run(Stats::default())?;
    println!("{stats}");
    Ok(())
}
