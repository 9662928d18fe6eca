//! Servers to compare with, built from a manifest.
//!
//! The manifest, `peers.json`, has for each server what it needs, how it is built and how it is run. A build that is
//! newer than its source is reused. A server that cannot be built or run on this machine is skipped, with the reason.

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
use std::time::Duration;

/// The servers of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    /// Those that can be started, in the order of the manifest.
    pub ready: Vec<PeerServer>,
    /// Those that cannot be built or run here.
    pub skipped: Vec<SkippedPeer>,
}

/// A server that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerServer {
    /// As in the manifest.
    pub name: String,
    /// What it is, in a few words.
    pub about: String,
    /// How to run it, with `{port}` for the port on 127.0.0.1 to listen on.
    pub command: CommandLine,
    /// The length of its warm-up, if it asks for one of its own.
    pub warm_up: Option<Duration>,
}

/// A server that cannot be built or run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedPeer {
    /// As in the manifest.
    pub name: String,
    /// What is missing, or the error of the build or the probe.
    pub reason: String,
}

/// Why a manifest could not be used.
#[derive(Debug)]
pub enum PeersError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// The file is not a manifest.
    Malformed(PathBuf, serde_json::Error),
    /// The file has no server of this name.
    Unknown(PathBuf, String),
}

/// Builds the servers of the manifest in `manifest_dir`, as many as can be built here. This can take minutes;
/// [`Manifest`] builds them one at a time. `mio_echo` is our own program, before which some of them are put. `only` names
/// the servers that are wanted; if it is empty, all are.
///
/// # Errors
///
/// `peers.json` cannot be read, is not a manifest, or has no server of a name in `only`.
pub fn prepare(manifest_dir: &Path, mio_echo: &Path, only: &[String]) -> Result<Peers, PeersError> {
    let mut manifest = Manifest::read(manifest_dir, mio_echo)?;
    manifest.keep(only)?;
    let mut peers = Peers {
        ready: Vec::new(),
        skipped: Vec::new(),
    };
    for recipe in manifest.recipes() {
        match manifest.build(recipe) {
            Ok(peer) => peers.ready.push(peer),
            Err(skipped) => peers.skipped.push(skipped),
        }
    }
    Ok(peers)
}

/// A manifest and its folder.
#[derive(Debug)]
pub struct Manifest {
    /// Its folder, with the sources; absolute.
    dir: PathBuf,
    /// The target folder of cargo.
    target: PathBuf,
    /// Our own program.
    mio_echo: PathBuf,
    recipes: Vec<Recipe>,
}

/// How to build and run a server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    name: String,
    about: String,
    /// The file that it is built from; none for a program that is installed.
    source: Option<PathBuf>,
    /// Programs needed to build or run it, and other files by their absolute paths.
    needs: Vec<String>,
    /// C header files needed to build it.
    #[serde(default)]
    headers: Vec<String>,
    /// The command that builds it; empty if there is nothing to build.
    #[serde(default)]
    build: Vec<String>,
    /// About how many seconds the build takes the first time.
    #[serde(default)]
    build_seconds: u32,
    /// The file that the build creates.
    #[serde(default = "default_product")]
    product: String,
    /// A command that fails where the server cannot run, and prints the reason; empty if it runs wherever it can be
    /// built.
    #[serde(default)]
    probe: Vec<String>,
    /// The command that runs it.
    run: Vec<String>,
    /// The length of its warm-up in seconds; none if it needs no other than the rest.
    #[serde(default)]
    warm_up_seconds: Option<u32>,
}

/// The content of `peers.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    /// A comment, since JSON has none.
    #[serde(rename = "about")]
    _about: Vec<String>,
    peers: Vec<Recipe>,
}

impl Recipe {
    /// The name of the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it comes with the manifest; otherwise it is a program of others.
    pub fn has_source(&self) -> bool {
        self.source.is_some()
    }

    /// About how long its build takes the first time.
    pub fn build_time(&self) -> Duration {
        Duration::from_secs(self.build_seconds.into())
    }
}

impl Manifest {
    /// Reads `peers.json` in `dir`. `mio_echo` is our own program, before which some of the servers are put.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not a manifest.
    pub fn read(dir: &Path, mio_echo: &Path) -> Result<Self, PeersError> {
        let path = dir.join("peers.json");
        let unreadable = |error| PeersError::Unreadable(path.clone(), error);
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        let file: ManifestFile = serde_json::from_str(&text)
            .map_err(|error| PeersError::Malformed(path.clone(), error))?;
        let dir = std::path::absolute(dir).map_err(unreadable)?;
        Ok(Self {
            target: target_dir(&dir),
            mio_echo: mio_echo.to_owned(),
            recipes: file.peers,
            dir,
        })
    }

    /// Leaves out all servers but those of the names in `only`, unless that is empty.
    fn keep(&mut self, only: &[String]) -> Result<(), PeersError> {
        let known = |name: &String| self.recipes.iter().any(|recipe| recipe.name == *name);
        if let Some(name) = only.iter().find(|name| !known(name)) {
            let path = self.dir.join("peers.json");
            return Err(PeersError::Unknown(path, name.clone()));
        }
        let wanted = |recipe: &Recipe| only.is_empty() || only.contains(&recipe.name);
        self.recipes.retain(wanted);
        Ok(())
    }

    /// The recipes of its servers, in its order.
    pub fn recipes(&self) -> &[Recipe] {
        &self.recipes
    }

    /// Builds one server, unless its build is newer than its source.
    ///
    /// # Errors
    ///
    /// A program or header that it needs is missing, the build failed, or the probe did.
    pub fn build(&self, recipe: &Recipe) -> Result<PeerServer, SkippedPeer> {
        let built = self.build_product(recipe).and_then(|()| self.probe(recipe));
        built.map_err(|reason| SkippedPeer {
            name: recipe.name.clone(),
            reason,
        })?;
        Ok(PeerServer {
            name: recipe.name.clone(),
            about: recipe.about.clone(),
            command: self.command(recipe, &recipe.run),
            warm_up: recipe
                .warm_up_seconds
                .map(|it| Duration::from_secs(it.into())),
        })
    }

    /// Whether its build exists and is not older than its source; true if there is nothing to build.
    pub fn is_built(&self, recipe: &Recipe) -> bool {
        let product = PathBuf::from(self.fill(recipe, "{out}"));
        let source = recipe.source.as_ref().map(|source| self.dir.join(source));
        recipe.build.is_empty() || build::is_fresh(&product, source.as_deref())
    }

    fn build_product(&self, recipe: &Recipe) -> Result<(), String> {
        if let Some(tool) = recipe.needs.iter().find(|tool| !build::has_program(tool)) {
            return Err(format!("{tool} is not installed"));
        }
        if self.is_built(recipe) {
            return Ok(());
        }
        if let Some(header) = recipe.headers.iter().find(|name| !build::has_header(name)) {
            return Err(format!("{header} is not installed"));
        }
        log::info!(target: "mio_echo", "building {}", recipe.name);
        build::create_parent(Path::new(&self.fill(recipe, "{out}")))?;
        build::run(&self.command(recipe, &recipe.build), &self.dir)
    }

    fn probe(&self, recipe: &Recipe) -> Result<(), String> {
        if recipe.probe.is_empty() {
            return Ok(());
        }
        build::run(&self.command(recipe, &recipe.probe), &self.dir)
    }

    fn command(&self, recipe: &Recipe, words: &[String]) -> CommandLine {
        let mut words = words.iter().map(|word| self.fill(recipe, word));
        CommandLine::new(words.next().unwrap_or_default(), words)
    }

    /// `word` with every placeholder replaced except `{port}`.
    fn fill(&self, recipe: &Recipe, word: &str) -> String {
        word.replace("{out}", &recipe.product)
            .replace("{name}", &recipe.name)
            .replace("{dir}", &self.dir.to_string_lossy())
            .replace("{target}", &self.target.to_string_lossy())
            .replace("{mio-echo}", &self.mio_echo.to_string_lossy())
    }
}

fn default_product() -> String {
    "{target}/peers/{name}".to_owned()
}

/// The target folder of the cargo package that contains `dir`; without a package, a target folder in `dir`.
fn target_dir(dir: &Path) -> PathBuf {
    let configured = env::var_os("CARGO_TARGET_DIR").filter(|target| !target.is_empty());
    if let Some(Ok(target)) = configured.map(std::path::absolute) {
        return target;
    }
    let package = dir.ancestors().find(|dir| dir.join("Cargo.toml").is_file());
    package.unwrap_or(dir).join("target")
}

impl fmt::Display for PeersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                let reason = os_error::describe(error);
                write!(f, "cannot read {}: {reason}", path.display())
            }
            Self::Malformed(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Unknown(path, name) => write!(f, "{} has no server `{name}`", path.display()),
        }
    }
}

impl Error for PeersError {}
