//! `attest policy new`: a commented beginning of a detector, a rule or a route. It writes no file.

use std::io;

use attest_core::facts::Platform;
use attest_core::policy::Category;
use attest_policy::skeleton::{self, Piece, SkeletonError};
use clap::{Args, ValueEnum};

use crate::out::{Exit, Out, printable};

/// Print a commented detector, rule or route with its tests, to paste into a policy.
///
/// It starts in `shadow`, so nobody is refused by it before you say so. Names of apps, routes and upstreams in it are those of the
/// example policy: change them to yours, then `attest policy lint`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy new detector --category cloner --id clone.my_idea\n  \
                  attest policy new detector --platform ios --category hook\n  \
                  attest policy new rule --category emulator\n  attest policy new route --id transfers\n\n\
                  Exit codes: 0 printed, 2 wrong arguments."
)]
pub(super) struct New {
    /// What to begin.
    #[arg(value_enum, value_name = "KIND")]
    kind: Kind,
    /// Its id.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// A detector's platform; without it, the one that has the category.
    #[arg(long, value_enum, value_name = "PLATFORM")]
    platform: Option<PlatformWord>,
    /// What the detector finds or the rule is about.
    #[arg(long, value_enum, value_name = "CATEGORY")]
    category: Option<CategoryWord>,
}

/// A kind of skeleton.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// What phones look for.
    Detector,
    /// What follows from findings and facts.
    Rule,
    /// Where requests go and what they need.
    Route,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PlatformWord {
    Android,
    Ios,
}

impl From<PlatformWord> for Platform {
    fn from(word: PlatformWord) -> Self {
        match word {
            PlatformWord::Android => Self::Android,
            PlatformWord::Ios => Self::Ios,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CategoryWord {
    Cloner,
    Emulator,
    Root,
    Hook,
    Debugger,
    Repackaging,
    Jailbreak,
    Simulator,
    Resigning,
    Policy,
    App,
}

impl From<CategoryWord> for Category {
    fn from(word: CategoryWord) -> Self {
        match word {
            CategoryWord::Cloner => Self::Cloner,
            CategoryWord::Emulator => Self::Emulator,
            CategoryWord::Root => Self::Root,
            CategoryWord::Hook => Self::Hook,
            CategoryWord::Debugger => Self::Debugger,
            CategoryWord::Repackaging => Self::Repackaging,
            CategoryWord::Jailbreak => Self::Jailbreak,
            CategoryWord::Simulator => Self::Simulator,
            CategoryWord::Resigning => Self::Resigning,
            CategoryWord::Policy => Self::Policy,
            CategoryWord::App => Self::App,
        }
    }
}

impl New {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        if let Some(problem) = self.foreign() {
            writeln!(out.err, "argument: {problem}")?;
            return Ok(Exit::Unusable);
        }
        match self.pieces() {
            Ok(pieces) => {
                let mut separator = "";
                for Piece { section, note, text } in &pieces {
                    write!(
                        out.out,
                        "{separator}# {note}\n# Paste it under `{section}:`.\n{text}"
                    )?;
                    separator = "\n";
                }
                Ok(Exit::Clean)
            }
            Err(error) => {
                writeln!(out.err, "{}: {}", error.code(), printable(&error.to_string()))?;
                Ok(Exit::Unusable)
            }
        }
    }

    fn pieces(&self) -> Result<[Piece; 2], SkeletonError> {
        let id = self.id.as_deref();
        let asked = self.platform.map(Platform::from);
        let category = self.category.map_or(Category::Cloner, Category::from);
        match self.kind {
            Kind::Detector => {
                let has = |platform| skeleton::categories(platform).any(|one| one == category);
                let platform = asked.unwrap_or_else(|| {
                    if has(Platform::Android) {
                        Platform::Android
                    } else {
                        Platform::Ios
                    }
                });
                skeleton::detector(id, platform, category)
            }
            Kind::Rule => skeleton::rule(id, category),
            Kind::Route => skeleton::route(id),
        }
    }

    /// An argument that would silently mean nothing.
    const fn foreign(&self) -> Option<&'static str> {
        match (self.kind, self.platform, self.category) {
            (Kind::Route, _, Some(_)) => Some("--category means nothing for a route"),
            (Kind::Route | Kind::Rule, Some(_), _) => Some("--platform is for detectors only"),
            _ => None,
        }
    }
}
