//! The code of an experiment's server, or of its client where that is what differs: a part of its source file, with the
//! choice between the variants made.
//!
//! An experiment asks which [`Variant`] it is in a `match` with one arm for each. Here one of the arms takes the place of
//! the `match`, so that a report shows two servers, and a project contains the wrong one only.

use super::variant::Variant;

/// The line above that part, and the line below it, each followed by dashes.
const BEGINS: [&str; 2] = ["// ── the server ", "// ── the client "];
const ENDS: &str = "// ── the experiment ";

/// The server in `source`, in one variant.
pub(super) fn of_variant(source: &str, variant: Variant) -> String {
    let lines: Vec<&str> = server_lines(source).collect();
    let mut code: Vec<String> = Vec::new();
    let mut rest = lines.as_slice();
    while let Some((line, after)) = rest.split_first() {
        rest = after;
        match line
            .strip_suffix("match variant {")
            .or(line.strip_suffix("match self.variant {"))
        {
            Some(before) => {
                let indent = indent_of(line);
                let end = after.iter().position(|line| closes(line, indent));
                let (arms, after) = after.split_at(end.unwrap_or(after.len()));
                rest = after.get(1..).unwrap_or_default();
                let is_last = rest.first().is_some_and(|next| indent_of(next) < indent);
                code.extend(chosen(before, arms, variant, is_last));
            }
            None => code.extend(without_variant(line)),
        }
    }
    let mut text = code.join("\n");
    text.truncate(text.trim_end().len());
    text + "\n"
}

fn server_lines(source: &str) -> impl Iterator<Item = &str> {
    let begins = |line: &str| BEGINS.iter().any(|begins| line.starts_with(begins));
    let after = source.lines().skip_while(move |line| !begins(line));
    let server = after.skip(1).take_while(|line| !line.starts_with(ENDS));
    server.skip_while(|line| line.is_empty())
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether `line` ends the block whose first line has this indent.
fn closes(line: &str, indent: usize) -> bool {
    indent_of(line) == indent && line.trim_start().starts_with('}')
}

/// The lines of the arm of `variant`, in the place of a `match` behind `before`: nothing but white space, or
/// `let x = `. If the `match` is the last line of its block, its value may be that of the block.
fn chosen(before: &str, arms: &[&str], variant: Variant, is_last: bool) -> Vec<String> {
    let pattern = match variant {
        Variant::Wrong => "Variant::Wrong => ",
        Variant::Right => "Variant::Right => ",
    };
    let begins = |line: &str, pattern: &str| line.trim_start().starts_with(pattern);
    let mut arm = arms.iter().skip_while(|line| !begins(line, pattern));
    let Some(first) = arm.next() else {
        return Vec::new();
    };
    let indent = indent_of(before);
    let rest: Vec<&str> = arm
        .take_while(|line| indent_of(line) > indent + 4 || closes(line, indent + 4))
        .map(|line| line.get(4..).unwrap_or_default())
        .collect();
    let value = first.trim_start().trim_start_matches(pattern);
    let is_statement = before.trim().is_empty();
    match (value, rest.as_slice()) {
        // `{}`, with a comment perhaps.
        (value, []) if value.starts_with("{}") => {
            let comment = value.trim_start_matches("{}").trim_start();
            Vec::from_iter((!comment.is_empty()).then(|| format!("{before}{comment}")))
        }
        ("{", [inner @ .., _brace]) if is_statement => inner
            .iter()
            .map(|line| line.get(4..).unwrap_or_default().to_owned())
            .collect(),
        ("{", [inner, _brace]) => vec![format!("{before}{};", inner.trim_start())],
        (value, []) if is_last && is_statement && !value.starts_with("return") => {
            vec![format!(
                "{before}{}",
                as_statement(value).replacen(';', "", 1)
            )]
        }
        (value, []) => vec![format!("{before}{}", as_statement(value))],
        (value, [inner @ .., last]) => {
            let first = format!("{before}{value}");
            let end = if is_statement { "" } else { ";" };
            let last = format!("{}{end}", last.trim_end_matches(','));
            let inner = inner.iter().map(|line| (*line).to_owned());
            [first].into_iter().chain(inner).chain([last]).collect()
        }
    }
}

/// `value,` of an arm as `value;`, with the comment behind it.
fn as_statement(value: &str) -> String {
    let (value, comment) = match value.split_once(" //") {
        Some((value, comment)) => (value.trim_end(), format!(" //{comment}")),
        None => (value, String::new()),
    };
    format!("{};{comment}", value.trim_end_matches(','))
}

/// `line` without the parameter or the field that says which variant this is.
fn without_variant(line: &str) -> Option<String> {
    let is_field = ["variant: Variant,", "variant,"].contains(&line.trim());
    let mut line = line.to_owned();
    for (written, without) in [
        ("variant: Variant, ", ""),
        ("(variant: Variant)", "()"),
        ("{ variant }", "{}"),
        ("{ variant, ", "{ "),
    ] {
        line = line.replace(written, without);
    }
    (!is_field).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::lab::EXPERIMENTS;

    const SOURCE: &str = "\
use something;
// ── the server ───

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    let may_read = match variant {
        Variant::Wrong => true,
        Variant::Right => {
            !connection.has_pending()
        }
    };
    match variant {
        Variant::Wrong => return Flow::Park, // assumes
        Variant::Right => {} // reads on
    }
    match variant {
        Variant::Wrong => {
            one();
            two();
        }
        Variant::Right => match three() {
            Ok(_) => four(),
            Err(_) => {}
        },
    }
}

// ── the experiment ───
fn run() {}
";

    #[test]
    fn one_arm_takes_the_place_of_the_match() {
        let right = "\
fn serve(connection: &mut TestConnection) -> Flow {
    let may_read = !connection.has_pending();
    // reads on
    match three() {
        Ok(_) => four(),
        Err(_) => {}
    }
}
";
        let wrong = "\
fn serve(connection: &mut TestConnection) -> Flow {
    let may_read = true;
    return Flow::Park; // assumes
    one();
    two();
}
";
        assert_eq!(of_variant(SOURCE, Variant::Right), right);
        assert_eq!(of_variant(SOURCE, Variant::Wrong), wrong);
    }

    #[test]
    fn no_server_is_left_with_a_choice_and_each_fits_a_screen() {
        for experiment in EXPERIMENTS {
            let [wrong, right] = [Variant::Wrong, Variant::Right].map(|one| experiment.code(one));
            assert_ne!(wrong, right, "{}", experiment.name);
            for code in [wrong, right] {
                let name = experiment.name;
                assert!(!code.to_lowercase().contains("variant"), "{name}:\n{code}");
                assert!((3..=50).contains(&code.lines().count()), "{name}:\n{code}");
            }
        }
    }

    #[test]
    fn an_experiment_is_short_and_its_file_is_the_one_it_names() {
        for experiment in EXPERIMENTS {
            let name = experiment.name;
            let lines = experiment.source.lines().count();
            assert!(lines <= 130, "{name} has {lines} lines");
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(experiment.file());
            let text = std::fs::read_to_string(path).unwrap();
            assert_eq!(text, experiment.source, "{name}");
        }
    }
}
