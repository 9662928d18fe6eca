//! `mio-echo completions` and `mio-echo man`: what a package installs beside the program, made from the same arguments
//! as the help.

use super::files::{cannot_write, write_to};
use super::output::{FAILED, NOT_STARTED, fail};
use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The program, as its users call it.
const PROGRAM: &str = "mio-echo";

pub(super) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  mio-echo completions bash \\
    > ~/.local/share/bash-completion/completions/mio-echo
  mio-echo completions zsh > ~/.zfunc/_mio-echo
  mio-echo completions fish > ~/.config/fish/completions/mio-echo.fish";

pub(super) const MAN_EXAMPLES: &str = "\
Exit codes:
  0  success
  1  a page could not be written
  2  wrong usage, or no such command

Examples:
  mio-echo man | man -l -
  mio-echo man serve | man -l -
  mio-echo man --dir ~/.local/share/man/man1";

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell that reads them
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// Print the page of this command; without it, the page of the program
    command: Option<String>,

    /// Write all pages into this directory, which is created if it does not exist
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

/// Prints what completes the arguments of `program` in a shell.
pub(super) fn print_completions(
    arguments: &CompletionsArguments,
    mut program: Command,
) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut program, PROGRAM, &mut script);
    written(write_to(Path::new("-"), |stdout| stdout.write_all(&script)))
}

/// Prints one man page of `program` or writes all of them.
pub(super) fn run_man(arguments: &ManArguments, program: Command) -> ExitCode {
    let mut pages = pages(program);
    if let Some(dir) = &arguments.dir {
        return written(write_all(dir, pages));
    }
    let wanted = match &arguments.command {
        Some(command) => format!("{PROGRAM}-{command}"),
        None => PROGRAM.to_owned(),
    };
    match pages.iter().position(|page| name_of(page) == wanted) {
        Some(index) => written(write_page(Path::new("-"), pages.swap_remove(index))),
        None => fail(NOT_STARTED, &unknown(&wanted, &pages)),
    }
}

/// The program and its commands.
fn pages(program: Command) -> Vec<Command> {
    let mut program = program.disable_help_subcommand(true);
    // Copies the global options into each command and sets the display names.
    program.build();
    let commands = program.get_subcommands().filter(|it| !it.is_hide_set());
    let mut pages: Vec<Command> = commands.cloned().collect();
    pages.insert(0, program);
    pages
}

/// The name of a page: `mio-echo-serve` for `mio-echo serve`, as git names its pages.
fn name_of(page: &Command) -> &str {
    page.get_display_name().unwrap_or(PROGRAM)
}

fn unknown(wanted: &str, pages: &[Command]) -> String {
    let names: Vec<&str> = pages.iter().map(name_of).collect();
    format!("no man page {wanted}; the pages are {}", names.join(", "))
}

fn write_all(dir: &Path, pages: Vec<Command>) -> Result<(), String> {
    fs::create_dir_all(dir).map_err(|error| cannot_write(dir, &error))?;
    pages.into_iter().try_for_each(|page| {
        let path = dir.join(format!("{}.1", name_of(&page)));
        write_page(&path, page)
    })
}

fn write_page(path: &Path, page: Command) -> Result<(), String> {
    write_to(path, |output| render(page, output))
}

/// Writes `page` with the text below its help in sections of its own, as man-pages(7) names them.
fn render(page: Command, output: &mut dyn Write) -> io::Result<()> {
    let notes = page.get_after_help().map(ToString::to_string);
    let has_commands = page.has_subcommands();
    let page = Man::new(page)
        .source(concat!("mio-echo ", env!("CARGO_PKG_VERSION")))
        .manual("mio-echo manual");
    page.render_title(output)?;
    page.render_name_section(output)?;
    page.render_synopsis_section(output)?;
    page.render_description_section(output)?;
    page.render_options_section(output)?;
    if has_commands {
        page.render_subcommands_section(output)?;
    }
    let mut roff = Roff::new();
    let mut section = String::new();
    for paragraph in notes.iter().flat_map(|notes| notes.split("\n\n")) {
        let (title, lines) = split_title(paragraph);
        if title == section {
            roff.control("PP", []);
        } else {
            roff.control("SH", [title.as_str()]);
            section = title;
        }
        add_lines(&mut roff, lines);
    }
    roff.to_writer(output)
}

/// `Title:` and the indented lines below it, or a paragraph without a title.
fn split_title(paragraph: &str) -> (String, &str) {
    match paragraph.split_once(":\n") {
        Some(("Exit codes", lines)) => ("EXIT STATUS".to_owned(), lines),
        Some((title, lines)) if !title.contains('\n') => (title.to_uppercase(), lines),
        _ => ("NOTES".to_owned(), paragraph),
    }
}

/// Adds lines as they are: most are commands and tables.
fn add_lines(roff: &mut Roff, lines: &str) {
    roff.control("nf", []);
    for line in lines.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

fn written(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(FAILED, &error),
    }
}
