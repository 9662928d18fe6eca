//! `mio-echo`: parse, log, dispatch, exit.

mod cli;
mod command;
mod logging;

use cli::{Cli, Command};
use mio_echo::server::limits;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::from_arguments();
    logging::start(cli.log_level());
    limits::raise_descriptor_limit();
    match cli.command {
        Command::Serve(arguments) => command::serve(arguments.into()),
        Command::Client(arguments) => command::client(arguments.into()),
        Command::Bench(arguments) => match (*arguments).try_into() {
            Ok(request) => command::bench(&request),
            Err(mistake) => command::misused(&mistake),
        },
        Command::Compare(arguments) => command::compare(&(*arguments).into()),
        Command::Timeline(arguments) => command::timeline(&arguments.into()),
        Command::Lab(arguments) => command::lab(arguments.into()),
    }
}
