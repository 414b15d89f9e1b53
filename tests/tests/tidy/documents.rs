//! The documents: every command they show exists, every file they link to is there, and no path of somebody's machine
//! is in them.

use std::fs;

use super::source::{files, root, sources};

/// Lines inside fenced blocks, without the prompt.
fn shown_commands(document: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            found.push(line.trim().trim_start_matches("$ ").to_owned());
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// The words of an `attest` command line, however it is started; `None` for anything else.
fn attest_words(command: &str) -> Option<Vec<&str>> {
    let words: Vec<_> = command.split_whitespace().collect();
    let ours = match words.as_slice() {
        ["cargo", "run", rest @ ..] => rest.split(|word| *word == "--").nth(1)?,
        [first, rest @ ..] if first.rsplit('/').next() == Some("attest") => rest,
        _ => return None,
    };
    Some(ours.to_vec())
}

/// The subcommands and long options among the words, as they are spelled in clap's derive: variant or field names.
fn spelled(words: &[&str]) -> Vec<String> {
    let commands = words
        .iter()
        .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .take(2);
    let commands = commands
        .filter(|word| !word.starts_with('-'))
        .map(|word| pascal(word));
    let options = words
        .iter()
        .filter_map(|word| word.strip_prefix("--"))
        .filter(|word| !word.is_empty());
    let options = options.map(|word| word.split('=').next().unwrap_or(word).replace('-', "_"));
    commands.chain(options).collect()
}

fn pascal(word: &str) -> String {
    let capital = |part: &str| {
        part.chars()
            .take(1)
            .flat_map(char::to_uppercase)
            .chain(part.chars().skip(1))
            .collect()
    };
    word.split('-').map::<String, _>(capital).collect()
}

/// Whether the source defines a variant or field of this name.
fn defines(source: &str, name: &str) -> bool {
    source.lines().map(str::trim).any(|line| {
        let line = line
            .strip_prefix("pub(crate) ")
            .or(line.strip_prefix("pub(super) "))
            .or(line.strip_prefix("pub "))
            .unwrap_or(line);
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with([',', '(', ' ', ':']) || rest.is_empty())
            || line.contains(&format!("long = \"{}\"", name.replace('_', "-")))
    })
}

/// The shown commands that do not exist.
fn unknown(document: &str, cli: &str, xtask: &str) -> Vec<String> {
    shown_commands(document)
        .into_iter()
        .filter(|command| {
            let command = command.split(" # ").next().unwrap_or(command);
            if let Some(words) = command.strip_prefix("cargo xtask ") {
                let chore: Vec<_> = words.split_whitespace().take(1).collect();
                return spelled(&chore).iter().any(|name| !defines(xtask, name));
            }
            attest_words(command).is_some_and(|words| spelled(&words).iter().any(|name| !defines(cli, name)))
        })
        .collect()
}

fn code_below(folder: &str) -> String {
    sources()
        .into_iter()
        .filter(|source| source.path.starts_with(folder))
        .map(|source| source.text)
        .collect()
}

/// The project's documents; what a seed or a fixture says is not ours.
fn documents() -> Vec<(String, String)> {
    files("md")
        .into_iter()
        .filter(|(path, _)| !path.contains("/seeds/"))
        .collect()
}

#[test]
fn shown_commands_exist() {
    let (cli, xtask) = (code_below("attest-gateway/cli/src/"), code_below("xtask/src/"));
    for (path, text) in documents() {
        assert_eq!(unknown(&text, &cli, &xtask), [""; 0], "{path}");
    }
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for command in ["cargo run --release -- demo", "cargo xtask test"] {
        assert!(
            shown_commands(&readme).iter().any(|shown| shown == command),
            "README.md does not show `{command}`"
        );
    }
}

#[test]
fn ci_runs_what_the_readme_says() {
    let script = fs::read_to_string(root().join(".ci/run")).unwrap();
    let command = script
        .lines()
        .find(|line| line.starts_with("cargo xtask test"))
        .unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(
        shown_commands(&readme).iter().any(|shown| shown == command),
        "{command}"
    );
    assert!(script.contains("set -eu"), "{script}");
}

#[test]
fn links_lead_to_files() {
    for (path, text) in documents() {
        let folder = root().join(&path).parent().unwrap().to_path_buf();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or(link);
            let local = !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:");
            assert!(
                !local || folder.join(file).exists(),
                "{path} links to {link}, which is not there"
            );
        }
    }
}

#[test]
fn nothing_names_a_machine() {
    // Put together here, so that this file does not break its own rule.
    let anywhere = [
        ["/wo", "rk/"].concat(),
        ["/ho", "me/"].concat(),
        ["/Us", "ers/"].concat(),
    ];
    let mut texts = documents();
    for extension in ["rs", "toml", "yaml", "json", "yml"] {
        texts.extend(files(extension));
    }
    texts.push((
        ".ci/run".to_owned(),
        fs::read_to_string(root().join(".ci/run")).unwrap(),
    ));
    for (path, text) in texts {
        for (number, line) in text.lines().enumerate() {
            let named = anywhere.iter().find(|machine| line.contains(machine.as_str()));
            assert!(named.is_none(), "{path}:{}: {line}", number + 1);
        }
    }
}

#[test]
fn a_command_that_does_not_exist_is_seen() {
    let cli = "enum Command {\n    Demo(Demo),\n    Gateway(Gateway),\n}\nenum Gateway {\n    Init { dir: PathBuf },\n}\n\
               struct Demo {\n    json: bool,\n    policy_file: u8,\n}";
    let xtask = "enum Chore {\n    Test(Arguments),\n}";
    let check =
        |document: &str, expect: &[&str]| assert_eq!(unknown(document, cli, xtask), expect, "{document}");
    check("```\ncargo run --release -- demo\n```", &[]);
    check("```sh\n$ cargo run --release -- demo --json\n```", &[]);
    check(
        "```\ncargo run --release -- dmeo\n```",
        &["cargo run --release -- dmeo"],
    );
    check(
        "```\ncargo run --release -- demo --jsno\n```",
        &["cargo run --release -- demo --jsno"],
    );
    check(
        "see `attest gateway init DIR`, `attest gateway start`",
        &["attest gateway start"],
    );
    check("`./target/release/attest demo --policy-file x`", &[]);
    check("`cargo xtask test`, `cargo xtask tset`", &["cargo xtask tset"]);
}
