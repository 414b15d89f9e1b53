//! `attest gateway check`: every problem that a start would meet, and those it would only meet later. It changes nothing.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use attest_gateway::clock::{Clock as _, SystemClock};
use attest_gateway::config::{Config, PolicyOrigin};
use attest_gateway::keys::Keys;
use attest_gateway::policy::{ActivePolicy, LAST_GOOD_FILE, analyse_file, analyse_kept};
use attest_gateway::tls::TlsError;
use attest_policy::Compiled;
use clap::Args;
use ring::rand::SystemRandom;

use super::{ConfigFile, config_lines};
use crate::input;
use crate::out::{Exit, Out, printable};
use crate::policy::{count, line};
use crate::when;

/// Metadata that expires within a day is warned of.
const SOON_S: u64 = 86_400;
/// A configuration beyond this is not read; the library refuses it as well.
const MAX_CONFIG_BYTES: usize = 1 << 20;

/// Find every problem of a gateway's configuration, keys and policy, without starting it.
///
/// The policy is compiled, linted and put through its own tests; the upstreams that its routes name must be configured, and
/// it must be newer than the one in force. Each problem is a line with file, line and key.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest gateway check --config my-gateway/attest.toml\n\n\
                        Problems go to standard error, what was looked at to standard output.\n\n\
                        Exit codes: 0 no problem (there may be warnings), 1 problems."
)]
pub(crate) struct Check {
    #[command(flatten)]
    file: ConfigFile,
}

impl Check {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let mut report = Report::default();
        inspect(&self.file.config, &mut report);
        for line in report.problems.iter().chain(&report.warnings) {
            writeln!(out.err, "{}", printable(line))?;
        }
        for line in &report.sound {
            writeln!(out.out, "{}", printable(line))?;
        }
        let warnings = count(report.warnings.len(), "warning");
        if report.problems.is_empty() {
            writeln!(out.out, "No problems, {warnings}.")?;
            Ok(Exit::Clean)
        } else {
            writeln!(
                out.err,
                "{}, {warnings}.",
                count(report.problems.len(), "problem")
            )?;
            Ok(Exit::Refused)
        }
    }
}

/// What was found, each a line.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) problems: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) sound: Vec<String>,
    /// The version of the signed policy that a gateway would take.
    pub(super) offered: Option<u64>,
}

pub(super) fn inspect(path: &Path, report: &mut Report) {
    let Some(config) = configuration(path, report) else {
        return;
    };
    let keys = keys(&config, report);
    match (config.policy.origin(), keys) {
        (PolicyOrigin::File(_), keys) => policy(&config, keys.as_ref(), report),
        (PolicyOrigin::Directory(_) | PolicyOrigin::Url(_), Some(keys)) => repository(&config, keys, report),
        // That the keys cannot be read was reported.
        (PolicyOrigin::Directory(_) | PolicyOrigin::Url(_), None) => {}
    }
    tls(&config, report);
    store(&config, report);
    admin(&config, report);
}

fn admin(config: &Config, report: &mut Report) {
    let admin = &config.admin;
    if !admin.enabled {
        return;
    }
    match attest_gateway::admin::inspect(admin) {
        Ok(()) => report.sound.push(format!(
            "admin listener on {}, {}",
            admin.address,
            count(admin.tokens.len(), "token")
        )),
        Err(error) => report.problems.push(error.to_string()),
    }
}

/// The configuration, even if some of the files it names are missing: what is there is looked at all the same.
fn configuration(path: &Path, report: &mut Report) -> Option<Config> {
    match Config::read(path) {
        Ok(config) => {
            report.sound.push(format!(
                "{}: {}, listens on {}, {}",
                path.display(),
                config.environment,
                config.listen.address,
                count(config.upstreams.len(), "upstream"),
            ));
            Some(config)
        }
        Err(problems) => {
            report.problems.extend(config_lines(path, &problems));
            let bytes = input::file(path, MAX_CONFIG_BYTES).ok()??;
            let mut config = Config::parse(std::str::from_utf8(&bytes).ok()?).ok()?;
            let folder = path.parent().unwrap_or_else(|| Path::new(""));
            for path in [
                &mut config.keys.directory,
                &mut config.store.path,
                &mut config.policy.file,
            ] {
                *path = folder.join(&*path);
            }
            for path in [
                &mut config.policy.repository,
                &mut config.policy.root,
                &mut config.policy.ca_file,
            ]
            .into_iter()
            .flatten()
            {
                *path = folder.join(&*path);
            }
            config.tls.resolve(folder);
            Some(config)
        }
    }
}

fn keys(config: &Config, report: &mut Report) -> Option<Keys> {
    let directory = &config.keys.directory;
    // That it is missing was reported with the configuration's line.
    let entries = fs::read_dir(directory).ok()?;
    #[cfg(unix)]
    for entry in entries.flatten() {
        use std::os::unix::fs::PermissionsExt as _;
        let (path, public) = (
            entry.path(),
            entry.file_name() == attest_gateway::keys::POLICY_ROOT_PUBLIC_FILE,
        );
        let open = entry
            .metadata()
            .is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
        if open && !public {
            report.warnings.push(format!(
                "{0}: warning: others may read this secret; run `chmod 600 {0}` [key-file-mode]",
                path.display()
            ));
        }
    }
    #[cfg(not(unix))]
    drop(entries);
    match Keys::read(directory, &SystemRandom::new()) {
        Ok(keys) => {
            report
                .sound
                .push(format!("{}: the keys can be read", directory.display()));
            Some(keys)
        }
        Err(error) => {
            report.problems.push(format!("{error} [{}]", error.code()));
            None
        }
    }
}

/// A signed repository, as a gateway that starts now would find it.
fn repository(config: &Config, keys: Keys, report: &mut Report) {
    let place = match config.policy.origin() {
        PolicyOrigin::File(path) | PolicyOrigin::Directory(path) => path.display().to_string(),
        PolicyOrigin::Url(url) => url.to_owned(),
    };
    let root = config.policy.root.as_ref().filter(|file| file.is_file());
    let authorities = config.policy.ca_file.as_ref().is_none_or(|file| file.is_file());
    // A file that is missing was reported with the configuration's line.
    let Some(root) = root.filter(|_| authorities) else {
        return;
    };
    let clock = Arc::new(SystemClock::new());
    let now_s = clock.now_s();
    match attest_gateway::policy::repository::inspect(config, Arc::new(keys), clock) {
        Ok(None) => {}
        Ok(Some(found)) => {
            report.offered = Some(found.gateway.version);
            report.sound.push(format!(
                "{}: root version {}",
                root.display(),
                found.metadata.root
            ));
            report.sound.push(format!(
                "{place}: version {}, {}, {}, {}; its own tests pass",
                found.gateway.version,
                count(found.detectors, "detector"),
                count(found.gateway.rules.len(), "rule"),
                count(found.gateway.routes.len(), "route"),
            ));
            if found.metadata_expires_at_s < now_s.saturating_add(SOON_S) {
                report.warnings.push(format!(
                    "{place}: warning: metadata expires at {}; sign it again before [policy-expires]",
                    when::rfc3339(found.metadata_expires_at_s)
                ));
            }
            if let Some(brake) = found.brake {
                report.problems.push(format!("{place}: brake: {brake}"));
            }
        }
        Err(error) => report
            .problems
            .push(format!("{place}: {error} [{}]", error.code())),
    }
}

fn policy(config: &Config, keys: Option<&Keys>, report: &mut Report) {
    let path = config.policy.file.display().to_string();
    let Some((source, compiled)) = compile(&config.policy.file, report) else {
        return;
    };
    report.warnings.extend(compiled.warnings.iter().map(line));
    let found = report.problems.len();
    let mut at = |key: &str, word: &str, field: &str, message: &str, code: &str| {
        let place = line_of(&source, key, word).map_or_else(String::new, |line| format!(":{line}"));
        report
            .problems
            .push(format!("{path}{place}: {field}: {message} [{code}]"));
    };
    let policy = &compiled.gateway;
    if policy.environment != config.environment {
        let message = format!(
            "the policy is for `{}`, the gateway is `{}`",
            policy.environment, config.environment
        );
        at(
            "environment",
            policy.environment.as_str(),
            "environment",
            &message,
            "policy-environment",
        );
    }
    let mut unknown: Vec<&str> = Vec::new();
    for (index, route) in policy.routes.iter().enumerate() {
        let name = route.upstream.as_str();
        if unknown.contains(&name) || config.upstreams.iter().any(|known| known.name == name) {
            continue;
        }
        unknown.push(name);
        let message =
            format!("the configuration defines no upstream `{name}`; add `[[upstreams]]` with that name");
        at(
            "upstream",
            name,
            &format!("routes[{index}].upstream"),
            &message,
            "policy-upstream",
        );
    }
    newer(config, &source, &compiled, report);
    if report.problems.len() > found {
        return;
    }
    let (version, routes) = (policy.version, policy.routes.len());
    let sound = format!(
        "{path}: version {version}, {}, {}, {}; its own tests pass",
        count(compiled.device.detectors.len(), "detector"),
        count(policy.rules.len(), "rule"),
        count(routes, "route"),
    );
    // Without keys nothing can be signed, and that was reported.
    let Some(keys) = keys else { return };
    let names: Vec<_> = config
        .upstreams
        .iter()
        .map(|upstream| upstream.name.clone())
        .collect();
    let rng = SystemRandom::new();
    match ActivePolicy::of_source(compiled, config.environment, &names, keys, 1, &rng) {
        Ok(_) => report.sound.push(sound),
        Err(error) => report
            .problems
            .push(format!("{path}: {error} [{}]", error.code())),
    }
}

/// Certificates and keys, as the next handshake would find them.
fn tls(config: &Config, report: &mut Report) {
    let problems = attest_gateway::tls::problems(&config.tls, SystemClock::new().now_s());
    for problem in &problems {
        // That a file is missing was reported with the configuration's line.
        if !matches!(problem, TlsError::Unreadable { file, .. } if !file.exists()) {
            report.problems.push(format!("{problem} [{}]", problem.code()));
        }
    }
    if problems.is_empty() && !config.tls.certificates.is_empty() {
        let certificates = count(config.tls.certificates.len(), "certificate");
        report
            .sound
            .push(format!("TLS: {certificates}, in force and with their keys"));
    }
}

fn compile(path: &Path, report: &mut Report) -> Option<(String, Compiled)> {
    if !path.is_file() {
        // Reported with the configuration's line.
        return None;
    }
    match analyse_file(path) {
        Ok((source, analysis)) => match analysis.into_result() {
            Ok(compiled) => Some((source, compiled)),
            Err(problems) => {
                report.problems.extend(problems.iter().map(line));
                None
            }
        },
        Err(error) => {
            report.problems.push(format!("{error} [{}]", error.code()));
            None
        }
    }
}

/// A gateway that has had a policy in force takes only newer ones.
fn newer(config: &Config, source: &str, offered: &Compiled, report: &mut Report) {
    let kept = config.store.path.with_file_name(LAST_GOOD_FILE);
    let folder = kept.parent().unwrap_or_else(|| Path::new("."));
    let Some((kept_source, analysis)) = analyse_kept(folder) else {
        return;
    };
    let Some(in_force) = analysis.compiled else { return };
    let (offered, in_force) = (offered.gateway.version, in_force.gateway.version);
    if offered <= in_force && source != kept_source {
        let place = line_of(source, "version", "").map_or_else(String::new, |line| format!(":{line}"));
        report.problems.push(format!(
            "{}{place}: version: this is version {offered}, but version {in_force} with other content is in force ({}); \
             give the change version {} [policy-not-newer]",
            config.policy.file.display(),
            kept.display(),
            in_force.saturating_add(1),
        ));
    }
}

fn store(config: &Config, report: &mut Report) {
    let path = &config.store.path;
    let shown = path.display();
    if path.is_dir() {
        report.problems.push(format!(
            "{shown}: store.path: this is a folder, not a file [store-unusable]"
        ));
    } else if path.is_file() {
        report.sound.push(format!("{shown}: the store is there"));
    } else if path
        .parent()
        .is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir())
    {
        report
            .sound
            .push(format!("{shown}: the store will be made at the first start"));
    }
}

/// The first line of a YAML source that gives `key` a value beginning with `word`.
fn line_of(source: &str, key: &str, word: &str) -> Option<usize> {
    let gives = |line: &str| {
        let code = line.split(" #").next().unwrap_or(line);
        code.match_indices(key).any(|(at, _)| {
            let whole = code
                .get(..at)
                .is_none_or(|before| before.is_empty() || before.ends_with([' ', '{', ',', '"', '\'']));
            let rest = code
                .get(at + key.len()..)
                .unwrap_or_default()
                .trim_start_matches(['"', '\'']);
            let value = rest
                .strip_prefix(':')
                .map(|rest| rest.trim_start().trim_start_matches(['"', '\'']));
            let ends = |rest: &str| {
                word.is_empty() || !rest.starts_with(|c: char| c.is_alphanumeric() || "-_.".contains(c))
            };
            whole && value.and_then(|value| value.strip_prefix(word)).is_some_and(ends)
        })
    };
    source
        .lines()
        .position(|line| !line.trim_start().starts_with('#') && gives(line))
        .map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_line() {
        let source = "# version: 1\nversion: 7 # upstream: c\nroutes:\n  - {id: a, upstream: \"b\"}\n  - upstream: bank-2\n    \
                      upstream: bank # here\n";
        for (key, word, expect) in [
            ("version", "", Some(2)),
            ("upstream", "b", Some(4)),
            ("upstream", "bank", Some(6)),
            ("upstream", "bank-2", Some(5)),
            ("upstream", "c", None),
            ("stream", "b", None),
        ] {
            assert_eq!(line_of(source, key, word), expect, "{key}: {word}");
        }
    }
}
