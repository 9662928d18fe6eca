//! Sets `MIO_ECHO_VERSION` to the version and the commit that the program is built from, for `--version` and the reports
//! of measurements, and `MIO_ECHO_TARGET` to the target triple that it is built for. Without git, or outside a
//! repository, the version stands alone.
//!
//! On a system that the program does not support, it ends the build with one line that says why.
//!
//! With the feature `learn`, it also writes the chapters of the guide, with the diffs between the steps of the course,
//! into `OUT_DIR/guide`.

use std::env;
use std::process::Command;

#[cfg(feature = "learn")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    refuse_unsupported_system();
    set_version();
    guide::write()
}

#[cfg(not(feature = "learn"))]
fn main() {
    refuse_unsupported_system();
    set_version();
}

/// Cargo sets `CARGO_CFG_…` for build scripts, and ends the build at a line `cargo::error`.
fn refuse_unsupported_system() {
    let system = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if env::var_os("CARGO_CFG_UNIX").is_none() {
        println!(
            "cargo::error=mio-echo needs a Unix: signals, descriptor limits, inherited socket options"
        );
    } else if ["illumos", "solaris"].contains(&system.as_str()) {
        println!(
            "cargo::error=mio-echo does not run on {system}: an accepted socket inherits no options there"
        );
    }
}

fn set_version() {
    // This script prints no rerun-if-changed, so cargo runs it whenever a file of the package has changed. A tree with
    // uncommitted changes is therefore always reported as dirty.
    let manifest_version = env!("CARGO_PKG_VERSION");
    let version = match commit() {
        Some(commit) => format!("{manifest_version} ({commit})"),
        None => manifest_version.to_owned(),
    };
    println!("cargo::rustc-env=MIO_ECHO_VERSION={version}");
    // Cargo sets TARGET for build scripts.
    let target = env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=MIO_ECHO_TARGET={target}");
}

fn commit() -> Option<String> {
    let describe = ["describe", "--always", "--dirty", "--exclude=*"];
    let output = Command::new("git").args(describe).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}

/// The chapters of the guide, completed. A chapter can be read as it is, and refers to files; here, they take the place
/// of the references to them, each of which stands on a line of its own:
///
/// - a console block with `$ cat PROGRAM` or `$ diff -u PROGRAM PROGRAM` becomes the program, or the diff,
/// - a link to the `hint.md` of an exercise becomes the exercise,
/// - an SVG picture becomes an element of the page, so that it has the colours of the page.
///
/// What a program says about itself (`//!`) is left out.
#[cfg(feature = "learn")]
mod guide {
    use similar::TextDiff;
    use std::path::{Path, PathBuf};
    use std::{env, fs, io};

    const FOLDER: &str = "src/learn/guide";

    pub(super) fn write() -> Result<(), Box<dyn std::error::Error>> {
        let target = PathBuf::from(env::var("OUT_DIR")?).join("guide");
        fs::create_dir_all(&target)?;
        let files = fs::read_dir(FOLDER)?.collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<String> = files
            .iter()
            .filter_map(|file| file.file_name().into_string().ok())
            .filter(|name| name.starts_with(|first: char| first.is_ascii_digit()))
            .collect();
        names.sort();
        for name in &names {
            let text = read(&Path::new(FOLDER).join(name))?;
            fs::write(target.join(name), complete(&text)?)?;
        }
        // All of them, in order.
        let texts = names.join("\"),\n    include_str!(\"");
        let texts = format!("&[\n    include_str!(\"{texts}\"),\n]\n");
        fs::write(target.join("chapters.rs"), texts)?;
        Ok(())
    }

    fn complete(text: &str) -> io::Result<String> {
        let mut completed = String::new();
        let mut rest = text;
        while let Some((line, mut after)) = rest.split_once('\n') {
            if let Some((command, behind)) = console(line, after) {
                completed += &output(command)?;
                after = behind;
            } else if let Some(picture) = target(line, ".svg") {
                completed += &svg(&Path::new(FOLDER).join(picture))?;
            } else if let Some(exercise) = target(line, "/hint.md") {
                completed += &complete(&hint(exercise.trim_start_matches("../"))?)?;
            } else {
                completed += line;
                completed += "\n";
            }
            rest = after;
        }
        Ok(completed)
    }

    /// The command of a console block that begins with `line` and can be completed, and the text behind the block.
    fn console<'a>(line: &str, after: &'a str) -> Option<(&'a str, &'a str)> {
        let (command, behind) = after.split_once("\n```\n")?;
        let command = command.strip_prefix("$ ")?;
        let known = command.starts_with("cat ") || command.starts_with("diff -u ");
        (line == "```console" && known && !command.contains('\n')).then_some((command, behind))
    }

    fn output(command: &str) -> io::Result<String> {
        match command.split(' ').collect::<Vec<_>>().as_slice() {
            ["diff", "-u", before, after] => {
                let (old, new) = (program(before)?, program(after)?);
                let diff = TextDiff::from_lines(&old, &new);
                let diff = diff
                    .unified_diff()
                    .context_radius(2)
                    .header(before, after)
                    .to_string();
                Ok(format!("```diff\n{diff}```\n"))
            }
            ["cat", path] => Ok(format!("```rust,no_run\n{}```\n", program(path)?)),
            _ => Err(io::Error::other(format!(
                "the guide has the command `{command}`"
            ))),
        }
    }

    /// The target of a line that is a link or a picture, if it ends with `end`.
    fn target<'a>(line: &'a str, end: &str) -> Option<&'a str> {
        let (_, target) = line
            .trim_start_matches('!')
            .strip_prefix('[')?
            .split_once("](")?;
        target
            .strip_suffix(')')
            .filter(|target| target.ends_with(end))
    }

    /// The picture without the colours that it has as a file. An empty line would end it in Markdown.
    fn svg(file: &Path) -> io::Result<String> {
        let text = read(file)?;
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("<style>"));
        Ok(lines.fold("<figure>\n".to_owned(), |svg, line| svg + line + "\n") + "</figure>\n")
    }

    /// The exercise without its title, as the guide shows it.
    fn hint(file: &str) -> io::Result<String> {
        let text = read(Path::new(file))?;
        let folder = file.trim_end_matches("hint.md");
        let text = text.split_once("\n\n").map_or("", |(_title, text)| text);
        Ok(text.replace("[`start.rs`](start.rs)", &format!("`{folder}start.rs`")))
    }

    fn program(path: &str) -> io::Result<String> {
        let text = read(Path::new(path))?;
        let code = text.lines().filter(|line| !line.starts_with("//!"));
        Ok(code.flat_map(|line| [line, "\n"]).collect())
    }

    fn read(file: &Path) -> io::Result<String> {
        fs::read_to_string(file)
            .map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
    }
}
