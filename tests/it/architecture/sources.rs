//! The files under `src/`, and which file imports which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A source file that is not only for tests.
pub(super) struct Source {
    /// The whole text.
    pub(super) text: String,
    /// Its lines of code: comments, doc examples and unit tests are left out.
    pub(super) code: Vec<String>,
}

/// The source files, by their path below `src/`.
pub(super) type Sources = BTreeMap<String, Source>;

/// For each file, the files that it imports, each with one of the paths by which it does.
pub(super) type Imports = BTreeMap<String, BTreeMap<String, String>>;

pub(super) fn read() -> Sources {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Sources::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                let text = fs::read_to_string(&path).unwrap();
                let code = code_in(&text);
                sources.insert(name, Source { text, code });
            }
        }
    }
    let for_tests: Vec<String> = sources.iter().flat_map(for_tests_only).collect();
    sources.retain(|file, _| !for_tests.contains(file));
    sources
}

fn code_in(text: &str) -> Vec<String> {
    let lines = text.lines().take_while(|line| *line != "mod tests {");
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    code.map(str::to_owned).collect()
}

/// The files that `source` declares behind `#[cfg(test)]`.
fn for_tests_only((file, source): (&String, &Source)) -> Vec<String> {
    let folder = module_of(file).join("/");
    let pairs = source.code.windows(2);
    let tests = pairs.filter(|pair| pair[0] == "#[cfg(test)]");
    tests
        .filter_map(|pair| pair[1].strip_prefix("mod ")?.strip_suffix(';'))
        .map(|name| format!("{folder}/{name}.rs"))
        .collect()
}

/// The module that a file is, as a path: that of `server/mod.rs` is `server`.
fn module_of(file: &str) -> Vec<&str> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    match path {
        "lib" | "main" => Vec::new(),
        _ => path.split('/').collect(),
    }
}

/// Finds out which file imports which.
///
/// A path is followed through the modules that are files, as far as it goes: `crate::server::Config` leads to
/// `server/mod.rs`, and what this file re-exports from its folder makes it import the files there. A path inside a
/// macro or an attribute counts like any other.
pub(super) fn imports(sources: &Sources) -> Imports {
    let files: BTreeMap<Vec<&str>, &str> = sources
        .keys()
        .filter(|file| *file != "main.rs")
        .map(|file| (module_of(file), file.as_str()))
        .collect();
    let mut imports = Imports::new();
    for (file, source) in sources {
        let imported = imports.entry(file.clone()).or_default();
        for (module, path) in paths_in(source, &module_of(file)) {
            let known = (0..=module.len()).rev();
            let mut known = known.filter_map(|length| files.get(&module[..length]));
            let target = *known.next().expect("the library itself is known");
            if target != file {
                imported.entry(target.to_owned()).or_insert(path);
            }
        }
    }
    imports
}

/// The paths to other modules in the code of `module`: where each leads from the root of the library, and how it
/// is written.
fn paths_in<'a>(source: &'a Source, module: &[&'a str]) -> Vec<(Vec<&'a str>, String)> {
    let children = child_modules(source);
    let tokens = tokens_of(&source.code);
    let mut paths = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let begins = tokens.get(at + 1).is_some_and(|next| next.text == "::");
        let goes_on = at > 0 && tokens[at - 1].text == "::";
        let is_child = children.contains(token.text) && !token.is_inline;
        let is_path = ["crate", "mio_echo", "self", "super"].contains(&token.text) || is_child;
        if begins && !goes_on && is_path {
            for path in tree(&tokens, &mut { at }) {
                let written = path.join("::");
                paths.push((resolve(&path, module, token.is_inline), written));
            }
        }
    }
    paths
}

/// The modules that a file declares in files of their own.
fn child_modules(source: &Source) -> BTreeSet<&str> {
    let lines = source.code.iter();
    lines.filter_map(|line| declared_module(line)).collect()
}

fn declared_module(line: &str) -> Option<&str> {
    let (visibility, name) = line.split_once("mod ")?;
    let is_declaration = visibility.is_empty() || visibility.starts_with("pub");
    name.strip_suffix(';').filter(|_| is_declaration)
}

/// Where a path leads, from the root of the library. Within a module in the same file, `super` is the file itself.
fn resolve<'a>(path: &[&'a str], module: &[&'a str], is_inline: bool) -> Vec<&'a str> {
    let mut from = match path[0] {
        "crate" | "mio_echo" => Vec::new(),
        _ => module.to_vec(),
    };
    let mut stays_in_file = is_inline;
    for name in path.iter().copied() {
        match name {
            "crate" | "mio_echo" | "self" => {}
            "super" if stays_in_file => stays_in_file = false,
            "super" => drop(from.pop()),
            name => from.push(name),
        }
    }
    from
}

/// A word, `::`, or any other character that is not white space.
struct Token<'a> {
    text: &'a str,
    /// Whether it stands in a module within the file.
    is_inline: bool,
}

fn tokens_of(code: &[String]) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut is_inline = false;
    for line in code {
        let is_top_level = !line.starts_with(' ');
        if is_top_level && line.contains("mod ") && line.ends_with('{') {
            is_inline = true;
        } else if line == "}" {
            is_inline = false;
        }
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                ':' if rest.starts_with("::") => 2,
                first if is_word(first) => rest.find(|next| !is_word(next)).unwrap_or(rest.len()),
                first => first.len_utf8(),
            };
            let (text, behind) = rest.split_at(length);
            tokens.push(Token { text, is_inline });
            rest = behind.trim_start();
        }
    }
    tokens
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// All paths of the tree that begins at `at`, such as the two of `a::{b, c::d}`. Moves `at` behind it.
fn tree<'a>(tokens: &[Token<'a>], at: &mut usize) -> Vec<Vec<&'a str>> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    if text(*at) != "{" {
        let name = text(*at);
        *at += 1;
        if text(*at) != "::" {
            return vec![vec![name]];
        }
        *at += 1;
        let rest = tree(tokens, at).into_iter();
        return rest.map(|path| [vec![name], path].concat()).collect();
    }
    let mut paths = Vec::new();
    while !["}", ""].contains(&text(*at)) {
        *at += 1;
        if is_word(text(*at).chars().next().unwrap_or('}')) {
            paths.extend(tree(tokens, at));
        }
    }
    *at += 1;
    paths
}

/// The shortest way from `file` back to itself, if it takes part in a circle.
pub(super) fn circle_of(imports: &Imports, file: &str) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut ways = vec![vec![file.to_owned()]];
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in imports[way.last()?].keys() {
                let mut way = way.clone();
                way.push(next.clone());
                if next == file {
                    return Some(way);
                }
                if seen.insert(next.clone()) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}
