//! Files that a command writes, where `-` is standard output.

use mio_echo::text::os_error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes a file through `write`, or standard output if `path` is `-`. A standard output whose reader has closed it is
/// not an error.
///
/// # Errors
///
/// One line that names the file.
pub(super) fn write_to(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), String> {
    let result = if path == Path::new("-") {
        let written = write(&mut io::stdout().lock());
        written.or_else(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error),
        })
    } else {
        File::create(path).map(BufWriter::new).and_then(|mut file| {
            write(&mut file)?;
            file.flush()
        })
    };
    result.map_err(|error| cannot_write(path, &error))
}

/// The error line for a file that cannot be written.
pub(super) fn cannot_write(path: &Path, error: &io::Error) -> String {
    let error = os_error::describe(error);
    format!("cannot write {}: {error}", path.display())
}
