//! Writes the Kotlin and Swift bindings of a built library.

use std::path::PathBuf;
use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::{Parser, ValueEnum};
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate_with_bindgen_paths};
use uniffi_bindgen::{BindgenPaths, BindgenPathsLayer};

/// Writes the bindings of a built library: Kotlin for Android, Swift for iOS.
#[derive(Debug, Parser)]
struct Arguments {
    /// The built library: `libattest.so` of any platform, not stripped of its metadata.
    #[arg(long)]
    library: PathBuf,
    /// For which language; repeat it for both.
    #[arg(long, required = true)]
    language: Vec<Language>,
    /// The folder to write to.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    Kotlin,
    Swift,
}

/// The one crate with a surface, and its configuration.
#[derive(Debug)]
struct Library;

impl BindgenPathsLayer for Library {
    fn get_config_path(&self, _: &str) -> Option<Utf8PathBuf> {
        Some(CONFIG.into())
    }
}

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../library/uniffi.toml");

fn main() -> ExitCode {
    match write(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            clap::Error::raw(clap::error::ErrorKind::Io, format!("{problem}\n")).exit();
        }
    }
}

fn write(arguments: Arguments) -> Result<(), String> {
    let utf8 = |path: PathBuf| {
        Utf8PathBuf::from_path_buf(path).map_err(|path| format!("{}: not UTF-8", path.display()))
    };
    let languages = arguments.language.iter().map(|language| match language {
        Language::Kotlin => TargetLanguage::Kotlin,
        Language::Swift => TargetLanguage::Swift,
    });
    let options = GenerateOptions {
        languages: languages.collect(),
        source: utf8(arguments.library)?,
        out_dir: utf8(arguments.out)?,
        ..GenerateOptions::default()
    };
    let mut paths = BindgenPaths::default();
    paths.add_layer(Library);
    let source = options.source.clone();
    generate_with_bindgen_paths(options, paths).map_err(|error| format!("{source}: {error:#}"))
}
