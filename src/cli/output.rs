//! Files that were asked for, where `-` is standard output.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Has `write` write to the file, or to standard output for `-`. A reader of standard output that has gone
/// is no error.
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
    result.map_err(|error| {
        let words = mio_echo::text::os_error::in_words(&error);
        format!("cannot write {}: {words}", path.display())
    })
}
