//! `mio-echo client`: send, receive, compare.

mod arguments;

pub(crate) use arguments::{Client, EXAMPLES};

use crate::cli::logging::PROGRAM;
use crate::cli::{FAILED, NOT_STARTED, complain};
use mio_echo::client::{self, Request};
use std::io;
use std::process::ExitCode;

pub(crate) fn client(request: Request) -> ExitCode {
    match client::run(request, io::stdin(), &mut io::stdout().lock()) {
        Ok(bytes) => {
            log::debug!(target: PROGRAM, "bytes that came back as they were sent: {bytes}");
            ExitCode::SUCCESS
        }
        // Whoever read the output knows why it stopped. Not everything has been verified, though, so this
        // is no success either.
        Err(error) if error.is_closed_pipe() => ExitCode::from(FAILED),
        Err(error) if error.is_about_connecting() => complain(NOT_STARTED, &error.to_string()),
        Err(error) => complain(FAILED, &error.to_string()),
    }
}
