//! The servers to be measured against: built from a manifest, as far as this machine can.
//!
//! The manifest, `peers.json`, says for each what it needs, how it is built and how it is run. What is
//! newer than its source is not built again; what cannot be built is left out, with the reason.

mod build;

use crate::measure::process::CommandLine;
use crate::text::os_error;
use serde::Deserialize;
use std::env;
use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a machine could make of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    /// In the order of the manifest.
    pub ready: Vec<Peer>,
    /// What is not there, and why.
    pub left_out: Vec<LeftOut>,
}

/// A server that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// As in the manifest.
    pub name: String,
    /// What it is, in a few words.
    pub about: String,
    /// How to run it, with `{port}` for the port on 127.0.0.1 that it is to listen on.
    pub command: CommandLine,
}

/// A server that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// As in the manifest.
    pub name: String,
    /// Why: what is missing, or what the compiler said.
    pub why: String,
}

/// Why there is no manifest.
#[derive(Debug)]
pub enum PeersError {
    /// It cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It is not what it should be.
    Malformed(PathBuf, serde_json::Error),
}

/// Builds the servers of the manifest in `manifest_dir`, or as many as can be built. That takes as long as
/// it takes; who cannot wait asks for one at a time, through [`Manifest`].
///
/// # Errors
///
/// There is no manifest, or it is not what it should be.
pub fn prepare(manifest_dir: &Path) -> Result<Peers, PeersError> {
    let manifest = Manifest::read(manifest_dir)?;
    let mut peers = Peers {
        ready: Vec::new(),
        left_out: Vec::new(),
    };
    for recipe in manifest.recipes() {
        match manifest.make(recipe) {
            Ok(peer) => peers.ready.push(peer),
            Err(left_out) => peers.left_out.push(left_out),
        }
    }
    Ok(peers)
}

/// A manifest, and where it was found.
#[derive(Debug)]
pub struct Manifest {
    /// Its folder, with the sources; absolute.
    dir: PathBuf,
    /// Where cargo puts what it builds.
    target: PathBuf,
    recipes: Vec<Recipe>,
}

/// How to make a server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    name: String,
    about: String,
    /// The file that it is built from.
    source: PathBuf,
    /// Programs that building or running it takes.
    needs: Vec<String>,
    /// Header files of C that building it takes.
    #[serde(default)]
    headers: Vec<String>,
    /// None if there is nothing to build.
    #[serde(default)]
    build: Vec<String>,
    /// What building leaves behind.
    #[serde(default = "default_product")]
    product: String,
    run: Vec<String>,
}

/// The file as it stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// For whoever opens it.
    #[serde(rename = "about")]
    _about: Vec<String>,
    peers: Vec<Recipe>,
}

impl Recipe {
    /// The name of the server.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Manifest {
    /// Reads `peers.json` in `dir`.
    ///
    /// # Errors
    ///
    /// There is no such file, or it is not what it should be.
    pub fn read(dir: &Path) -> Result<Self, PeersError> {
        let path = dir.join("peers.json");
        let unreadable = |error| PeersError::Unreadable(path.clone(), error);
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        let file: File = serde_json::from_str(&text)
            .map_err(|error| PeersError::Malformed(path.clone(), error))?;
        let dir = std::path::absolute(dir).map_err(unreadable)?;
        Ok(Self {
            target: target_of(&dir),
            recipes: file.peers,
            dir,
        })
    }

    /// The servers that it describes, in its order.
    pub fn recipes(&self) -> &[Recipe] {
        &self.recipes
    }

    /// Builds one, unless it is newer than its source.
    ///
    /// # Errors
    ///
    /// What it needs is missing, or building failed.
    pub fn make(&self, recipe: &Recipe) -> Result<Peer, LeftOut> {
        self.build(recipe).map_err(|why| LeftOut {
            name: recipe.name.clone(),
            why,
        })?;
        Ok(Peer {
            name: recipe.name.clone(),
            about: recipe.about.clone(),
            command: self.command(recipe, &recipe.run),
        })
    }

    fn build(&self, recipe: &Recipe) -> Result<(), String> {
        if let Some(tool) = recipe.needs.iter().find(|tool| !build::has_program(tool)) {
            return Err(format!("{tool} is not installed"));
        }
        let product = PathBuf::from(self.fill(recipe, "{out}"));
        let source = self.dir.join(&recipe.source);
        if recipe.build.is_empty() || build::is_fresh(&product, &source) {
            return Ok(());
        }
        if let Some(header) = recipe.headers.iter().find(|name| !build::has_header(name)) {
            return Err(format!("{header} is not installed"));
        }
        log::info!(target: "mio_echo", "building {}", recipe.name);
        build::make_room_for(&product)?;
        build::run(&self.command(recipe, &recipe.build), &self.dir)
    }

    fn command(&self, recipe: &Recipe, words: &[String]) -> CommandLine {
        let mut words = words.iter().map(|word| self.fill(recipe, word));
        CommandLine::new(words.next().unwrap_or_default(), words)
    }

    /// A word with everything in its place but the port.
    fn fill(&self, recipe: &Recipe, word: &str) -> String {
        word.replace("{out}", &recipe.product)
            .replace("{name}", &recipe.name)
            .replace("{dir}", &self.dir.to_string_lossy())
            .replace("{target}", &self.target.to_string_lossy())
    }
}

fn default_product() -> String {
    "{target}/peers/{name}".to_owned()
}

/// Where cargo puts what it builds for the package around `dir`; a folder without a package has a target
/// folder of its own.
fn target_of(dir: &Path) -> PathBuf {
    let asked_for = env::var_os("CARGO_TARGET_DIR").filter(|target| !target.is_empty());
    if let Some(Ok(target)) = asked_for.map(std::path::absolute) {
        return target;
    }
    let package = dir.ancestors().find(|dir| dir.join("Cargo.toml").is_file());
    package.unwrap_or(dir).join("target")
}

impl fmt::Display for PeersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                let reason = os_error::in_words(error);
                write!(f, "cannot read {}: {reason}", path.display())
            }
            Self::Malformed(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl Error for PeersError {}
