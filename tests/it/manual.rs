//! What a package installs beside the program: completions and man pages.

use crate::harness::{Child, Exit, command, program, tool_or_skip};
use std::fs;

fn run(arguments: &[&str]) -> Exit {
    Child::spawn(&mut program(arguments)).wait()
}

#[test]
fn each_command_has_a_man_page_and_the_page_of_the_program_lists_them() {
    let dir = tempfile::tempdir().unwrap();
    let exit = run(&["man", "--dir", dir.path().to_str().unwrap()]);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let program = fs::read_to_string(dir.path().join("mio-echo.1")).unwrap();
    for command in [
        "serve", "client", "bench", "compare", "check", "timeline", "lab", "man",
    ] {
        let page = fs::read_to_string(dir.path().join(format!("mio-echo-{command}.1"))).unwrap();
        assert!(page.contains(".SH EXAMPLES"), "{command}: {page}");
        let listed = format!("mio\\-echo\\-{command}(1)");
        assert!(program.contains(&listed), "no {listed}: {program}");
    }
    assert!(program.contains(".SH \"EXIT STATUS\""), "{program}");
}

#[test]
fn a_man_page_is_printed_without_a_warning_of_the_formatter() {
    if !tool_or_skip("groff") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("serve.1");
    fs::write(&page, run(&["man", "serve"]).text()).unwrap();
    let mut groff = command("groff");
    groff.args(["-man", "-ww", "-Kutf8", "-Tutf8"]).arg(&page);
    let exit = Child::spawn(&mut groff).wait();
    assert_eq!(exit.stderr, "");
    assert!(exit.text().contains("SIGUSR1"), "{}", exit.text());
}

#[test]
fn a_command_without_a_page_is_named_and_exits_with_2() {
    let exit = run(&["man", "fly"]);
    assert_eq!(exit.code, Some(2));
    assert!(
        exit.stderr.contains("no man page mio-echo-fly; "),
        "{}",
        exit.stderr
    );
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
}

#[test]
fn a_shell_accepts_its_completions() {
    let script = run(&["completions", "bash"]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mio-echo");
    fs::write(&file, script.text()).unwrap();
    if !tool_or_skip("bash") {
        return;
    }
    // What bash does at a press of Tab: it calls the function that the script has registered.
    let completed = "source \"$0\"; registered=$(complete -p mio-echo); \
        COMP_WORDS=(mio-echo serve --idle); COMP_CWORD=2; \
        $(echo \"$registered\" | grep -o '_mio[^ ]*') mio-echo --idle serve; \
        echo \"${COMPREPLY[@]}\"";
    let mut bash = command("bash");
    bash.args(["--norc", "-c", completed]).arg(&file);
    let exit = Child::spawn(&mut bash).wait();
    assert_eq!(exit.text().trim_end(), "--idle-timeout", "{}", exit.stderr);
}
