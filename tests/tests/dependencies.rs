//! Dependencies point one way. Reads `cargo metadata` and fails on an edge that the architecture does not have; nothing
//! here is asked for in review.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// Each member with the members it may depend on: in what it ships, and in its tests beyond that.
const ALLOWED: &[(&str, &[&str], &[&str])] = &[
    ("attest-core", &[], &[]),
    ("attest-policy", &["attest-core"], &[]),
    ("attest-mobile", &["attest-core"], &[]),
    ("attest-mobile-library", &["attest-core", "attest-mobile"], &[]),
    ("attest-gateway", &["attest-core", "attest-policy"], &[]),
    (
        "attest",
        &[
            "attest-core",
            "attest-gateway",
            "attest-mobile",
            "attest-policy",
            "attest-testkit",
        ],
        &["attest-testkit"],
    ),
    (
        "attest-testkit",
        &["attest-core", "attest-gateway", "attest-mobile", "attest-policy"],
        &[],
    ),
    (
        "attest-tests",
        &[
            "attest-core",
            "attest-gateway",
            "attest-mobile",
            "attest-policy",
            "attest-testkit",
        ],
        &[],
    ),
    (
        "attest-fuzz",
        &["attest-core", "attest-gateway", "attest-mobile", "attest-policy"],
        &[],
    ),
    ("attest-mobile-bindgen", &[], &[]),
    ("xtask", &[], &[]),
];

/// Crates that bring sockets, a runtime or a second cryptography: nothing sans-IO reaches them.
const IO: &[&str] = &[
    "async-std",
    "aws-lc-rs",
    "axum",
    "hyper",
    "hyper-util",
    "mio",
    "native-tls",
    "openssl",
    "redb",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tower",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(["--locked".to_owned()])
        .exec()
        .unwrap()
}

fn member<'a>(metadata: &'a Metadata, name: &str) -> &'a Package {
    metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name.as_str() == name)
        .unwrap()
}

/// What is wrong with the edges `from` → `to` of this kind, given what is allowed.
fn wrong(edges: &[(&str, &str, DependencyKind)]) -> Vec<String> {
    let allowed: BTreeMap<_, _> = ALLOWED
        .iter()
        .map(|(from, ships, tests)| (*from, (*ships, *tests)))
        .collect();
    let fits = |(from, to, kind): &&(&str, &str, DependencyKind)| {
        allowed.get(from).is_some_and(|(ships, tests)| {
            ships.contains(to) || (*kind == DependencyKind::Development && tests.contains(to))
        })
    };
    edges
        .iter()
        .filter(|edge| !fits(edge))
        .map(|(from, to, kind)| format!("{from} → {to} ({kind})"))
        .collect()
}

#[test]
fn members_depend_on_one_another_only_where_the_architecture_says() {
    let metadata = metadata();
    let members: BTreeSet<_> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let listed: BTreeSet<_> = ALLOWED.iter().map(|(name, _, _)| (*name).to_owned()).collect();
    assert_eq!(members, listed, "every member is listed here, and nothing else");
    let packages = metadata.workspace_packages();
    let edges: Vec<_> = packages
        .iter()
        .flat_map(|package| {
            package
                .dependencies
                .iter()
                .map(|to| (package.name.as_str(), to.name.as_str(), to.kind))
        })
        .filter(|(_, to, _)| members.contains(*to))
        .collect();
    assert_eq!(wrong(&edges), [""; 0]);
}

#[test]
fn a_wrong_edge_is_seen() {
    let check =
        |from, to, kind, fits: bool| assert_eq!(wrong(&[(from, to, kind)]).is_empty(), fits, "{from} → {to}");
    check("attest-mobile", "attest-core", DependencyKind::Normal, true);
    check("attest-mobile", "attest-gateway", DependencyKind::Normal, false);
    check("attest-gateway", "attest-mobile", DependencyKind::Normal, false);
    check("attest-gateway", "attest-testkit", DependencyKind::Normal, false);
    check(
        "attest-gateway",
        "attest-testkit",
        DependencyKind::Development,
        false,
    );
    check("attest-core", "attest-policy", DependencyKind::Build, false);
    check("unheard-of", "attest-core", DependencyKind::Normal, false);
}

/// Everything that `name` ships with, itself left out: normal and build edges, development edges never.
/// What to do with dependencies of a member that are there for a feature: `attest-policy` has a program that fetches, and its library,
/// as gateways take it, has not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Optional {
    Follow,
    Skip,
}

fn reaches(metadata: &Metadata, name: &str, optional: Optional) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().unwrap();
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let start = member(metadata, name);
    let skipped: BTreeSet<&str> = start
        .dependencies
        .iter()
        .filter(|dependency| dependency.optional && optional == Optional::Skip)
        .map(|dependency| dependency.name.as_str())
        .collect();
    let mut open: Vec<&PackageId> = vec![&start.id];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        for to in &nodes[id].deps {
            let ships = to
                .dep_kinds
                .iter()
                .any(|kind| kind.kind == DependencyKind::Normal);
            let skipped = *id == start.id && skipped.contains(metadata[&to.pkg].name.as_str());
            if ships && !skipped && seen.insert(&to.pkg) {
                open.push(&to.pkg);
            }
        }
    }
    seen.into_iter().map(|id| metadata[id].name.to_string()).collect()
}

#[test]
fn the_sans_io_crates_reach_no_runtime_and_no_socket() {
    let metadata = metadata();
    for name in ["attest-core", "attest-mobile", "attest-policy"] {
        let reached = reaches(&metadata, name, Optional::Skip);
        let io: Vec<_> = IO
            .iter()
            .filter(|crate_name| reached.contains(**crate_name))
            .collect();
        assert!(io.is_empty(), "{name} reaches {io:?}");
    }
    // The walk itself finds what is there.
    let gateway = reaches(&metadata, "attest-gateway", Optional::Follow);
    let client = reaches(&metadata, "attest-policy", Optional::Follow);
    assert!(client.contains("hyper"), "the program `tuf-client` fetches");
    assert!(
        ["hyper", "mio", "tokio"]
            .iter()
            .all(|name| gateway.contains(*name)),
        "{gateway:?}"
    );
}

#[test]
fn the_deployable_has_no_way_to_the_testkit() {
    let metadata = metadata();
    let cli = member(&metadata, "attest");
    for name in ["attest-testkit", "attest-mobile"] {
        let edge = cli
            .dependencies
            .iter()
            .find(|to| to.name == name && to.kind == DependencyKind::Normal)
            .unwrap();
        assert!(edge.optional, "{name} is not optional in the command line");
        let bringing: Vec<_> = cli
            .features
            .iter()
            .filter(|(_, brings)| brings.iter().any(|item| item.contains(name)))
            .map(|(feature, _)| feature.as_str())
            .collect();
        assert_eq!(bringing, ["dev"], "{name} comes with another feature than `dev`");
    }
    let faults: Vec<_> = cli
        .features
        .iter()
        .filter(|(_, brings)| brings.iter().any(|item| item == "attest-gateway/faults"))
        .map(|(feature, _)| feature.as_str())
        .collect();
    assert_eq!(
        faults,
        ["dev"],
        "deliberate faults come with another feature than `dev`"
    );
    let gateway = cli
        .dependencies
        .iter()
        .find(|to| to.name == "attest-gateway")
        .unwrap();
    assert!(
        gateway.features.is_empty(),
        "the command line asks for gateway features outside of `dev`"
    );
}

#[test]
fn every_member_takes_the_workspace_lints() {
    for package in metadata().workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} has lints of its own",
            package.name
        );
        assert_eq!(
            package.publish.as_deref(),
            Some(&[][..]),
            "{} could be published by accident",
            package.name
        );
    }
}
