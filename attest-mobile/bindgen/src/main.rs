//! Writes the Kotlin and Swift bindings of a built library, and what it offers as text.

mod prune;
mod surface;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Parser, Subcommand, ValueEnum};
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate};
use uniffi_bindgen::{BindgenLoader, BindgenPaths, GlobalConfig};

/// Writes what Kotlin and Swift call a built library by, or what it offers as text.
#[derive(Debug, Parser)]
struct Arguments {
    /// The built library: `libattest.so` of this computer, as it came out of Cargo.
    #[arg(long)]
    library: PathBuf,
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Writes the bindings.
    Bindings {
        /// For which language; repeat it for both.
        #[arg(long, required = true)]
        language: Vec<Language>,
        /// The folder to write to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Prints what the library offers, to be compared with what was reviewed.
    Surface,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    Kotlin,
    Swift,
}

/// How they are written.
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/uniffi.toml");

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = utf8(arguments.library).and_then(|library| match arguments.chore {
        Chore::Bindings { language, out } => bindings(library, &language, utf8(out)?),
        Chore::Surface => print(&library),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => clap::Error::raw(clap::error::ErrorKind::Io, format!("{problem}\n")).exit(),
    }
}

fn utf8(path: PathBuf) -> Result<Utf8PathBuf, String> {
    Utf8PathBuf::from_path_buf(path).map_err(|path| format!("{}: not UTF-8", path.display()))
}

fn bindings(library: Utf8PathBuf, languages: &[Language], out: Utf8PathBuf) -> Result<(), String> {
    let languages = languages.iter().map(|language| match language {
        Language::Kotlin => TargetLanguage::Kotlin,
        Language::Swift => TargetLanguage::Swift,
    });
    let kotlin = out.join(KOTLIN);
    let options = GenerateOptions {
        languages: languages.collect(),
        source: library.clone(),
        out_dir: out,
        config_override: Some(CONFIG.into()),
        ..GenerateOptions::default()
    };
    generate(options).map_err(|error| format!("{library}: {error:#}"))?;
    prune(&kotlin).map_err(|error| format!("{kotlin}: {error}"))
}

fn print(library: &Utf8Path) -> Result<(), String> {
    let loader = BindgenLoader::new(BindgenPaths::default(), GlobalConfig::default());
    let read = loader
        .load_metadata(library)
        .and_then(|found| loader.load_cis(found));
    let interfaces = read.map_err(|error| format!("{library}: {error:#}"))?;
    let texts: Vec<String> = interfaces.iter().map(surface::text).collect();
    std::io::stdout()
        .write_all(texts.join("\n").as_bytes())
        .map_err(|error| error.to_string())
}

/// Where the Kotlin bindings are, by the package in the configuration.
const KOTLIN: &str = "attest/mobile/ffi/attest.kt";

fn prune(kotlin: &Utf8Path) -> std::io::Result<()> {
    if !kotlin.exists() {
        return Ok(());
    }
    let text = prune::pruned(&fs::read_to_string(kotlin)?);
    fs::write(kotlin, text)
}
