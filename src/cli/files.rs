//! Files that a command writes, where `-` is standard output.
//!
//! A file is written under another name beside its place and then renamed, so that an earlier one is replaced as a whole
//! or not at all.

use mio_echo::text::os_error;
#[cfg(feature = "measure")]
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;

/// The name of standard output as a file.
const STDOUT: &str = "-";

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
    if path != Path::new(STDOUT) {
        return replace(path, write).map_err(|error| cannot_write(path, &error));
    }
    let mut stdout = io::stdout().lock();
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(cannot_write(Path::new("standard output"), &error))
        }
        _ => Ok(()),
    }
}

/// Prints results and a line break on standard output.
///
/// # Errors
///
/// As [`write_to`].
#[cfg(feature = "measure")]
pub(super) fn print_results(text: &str) -> Result<(), String> {
    write_to(Path::new(STDOUT), |stdout| writeln!(stdout, "{text}"))
}

/// Fails if two reports would go to the same place, or if one of them cannot be written: the end of a run is too late to
/// find out.
///
/// # Errors
///
/// One line that names the place.
#[cfg(feature = "measure")]
pub(super) fn check_reports<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<(), String> {
    let mut places = HashSet::new();
    for path in paths {
        let is_stdout = path == Path::new(STDOUT);
        let name = if is_stdout {
            "standard output".into()
        } else {
            path.display().to_string()
        };
        if !places.insert(place(path)) {
            return Err(format!("two reports cannot both go to {name}"));
        }
        if !is_stdout {
            check_writable(path)?;
        }
    }
    Ok(())
}

/// The same for each name of a file, also of one that does not exist yet.
#[cfg(feature = "measure")]
fn place(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")));
    let new = || Some(folder.ok()?.join(path.file_name()?));
    let existing = fs::canonicalize(path).ok();
    existing.or_else(new).unwrap_or_else(|| path.to_owned())
}

/// Fails if `path` cannot be written. Leaves what is there as it is, and no empty file where there is none. A device or a
/// pipe is not opened, because that may wait for the other end.
///
/// # Errors
///
/// One line that names the file.
#[cfg(feature = "measure")]
pub(super) fn check_writable(path: &Path) -> Result<(), String> {
    let checked = match fs::metadata(path) {
        Ok(existing) if existing.is_file() || existing.is_dir() => {
            File::options().append(true).open(path).map(drop)
        }
        Ok(_) => Ok(()),
        Err(_) => {
            let temporary = beside(path);
            File::create_new(&temporary).and_then(|_| fs::remove_file(&temporary))
        }
    };
    checked.map_err(|error| cannot_write(path, &error))
}

/// The error line for a file that cannot be written.
pub(super) fn cannot_write(path: &Path, error: &io::Error) -> String {
    let error = os_error::describe(error);
    format!("cannot write {}: {error}", path.display())
}

fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // A symbolic link stays one.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&target).ok();
    let is_file = existing.as_ref().is_none_or(fs::Metadata::is_file);
    let temporary = beside(&target);
    match File::create_new(&temporary) {
        Ok(file) if is_file => {
            let written = write_all(file, write).and_then(|()| {
                if let Some(existing) = existing {
                    fs::set_permissions(&temporary, existing.permissions())?;
                }
                fs::rename(&temporary, &target)
            });
            if written.is_err() {
                let _gone = fs::remove_file(&temporary);
            }
            written
        }
        created => {
            // A device or a pipe cannot be replaced, nor can a file in a directory that may not be written.
            if created.is_ok() {
                fs::remove_file(&temporary)?;
            }
            write_all(File::create(&target)?, write)
        }
    }
}

fn write_all(file: File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    write(&mut file)?;
    file.flush()
}

/// A name in the same directory, so that the file can be renamed.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        let fails = |file: &mut dyn Write| {
            file.write_all(b"half")?;
            Err(io::ErrorKind::InvalidData.into())
        };
        assert!(write_to(&path, fails).is_err());
        assert!(!path.exists());
        write_to(&path, |file| file.write_all(b"whole")).unwrap();
        assert!(write_to(&path, fails).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_symbolic_link_stays_one_and_a_device_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write_to(&link, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        write_to(Path::new("/dev/null"), |file| file.write_all(b"new")).unwrap();
    }

    #[cfg(feature = "measure")]
    #[test]
    fn a_check_leaves_no_file_and_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        check_writable(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::write(&path, "old").unwrap();
        check_writable(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert!(check_writable(&folder.path().join("none/report")).is_err());
        assert!(check_writable(folder.path()).is_err());
        let fifo = folder.path().join("fifo");
        let made = process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        // To open it would wait for a reader.
        check_writable(&fifo).unwrap();
    }

    #[cfg(feature = "measure")]
    #[test]
    fn two_reports_cannot_go_to_one_place() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        check_reports([path.as_path(), &link, Path::new("-")]).unwrap();
        let below = folder.path().join("below");
        fs::create_dir(&below).unwrap();
        assert!(check_reports([path.as_path(), &below.join("../file")]).is_err());
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(check_reports([path.as_path(), &link]).is_err());
        let twice = check_reports([Path::new("-"); 2]).unwrap_err();
        assert_eq!(twice, "two reports cannot both go to standard output");
    }
}
