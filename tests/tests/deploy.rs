//! The files in deploy/ keep what a deployment relies on, whether their own tools are there or not.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::path::Path;

use attest_gateway::config::Config;
use serde_json::Value;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The instructions of a Dockerfile, each on one line.
fn instructions(dockerfile: &str) -> Vec<String> {
    let lines = dockerfile
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    joined
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn the_image_holds_one_deployable_binary_and_no_root() {
    let all = instructions(&read("deploy/Dockerfile"));
    let last = all.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    let (build, image) = all.split_at(last);
    let cargo = build.iter().find(|line| line.contains("cargo build")).unwrap();
    for flag in ["--release", "--locked", "--no-default-features"] {
        assert!(cargo.contains(flag), "{cargo}");
    }
    let user = image.iter().find_map(|line| line.strip_prefix("USER ")).unwrap();
    let (uid, gid) = user.split_once(':').unwrap();
    for id in [uid, gid] {
        assert!(id.parse::<u32>().unwrap() > 0, "{user}");
    }
    assert!(
        image
            .iter()
            .all(|line| !line.starts_with("RUN ") && !line.starts_with("ADD "))
    );
    let health = image
        .iter()
        .find(|line| line.starts_with("HEALTHCHECK "))
        .unwrap();
    assert!(health.contains(r#""gateway", "health""#), "{health}");
    assert!(all.iter().all(|line| !line.ends_with(":latest")));
}

#[test]
fn no_secret_is_sent_to_the_builder() {
    let ignored = read(".dockerignore");
    let ignored: Vec<_> = ignored.lines().collect();
    for name in [
        ".git",
        "target",
        "**/keys",
        "**/*.pem",
        "**/*.key",
        "**/*.redb",
        "**/admin.token",
    ] {
        assert!(ignored.contains(&name), "{name}");
    }
}

#[test]
fn every_service_is_locked_down_and_only_loopback_is_published() {
    let compose: Value = serde_saphyr::from_str(&read("deploy/compose.yaml")).unwrap();
    let locked = &compose["x-locked"];
    let services = compose["services"].as_object().unwrap();
    assert!(services.contains_key("gateway") && services.contains_key("upstream"));
    for (name, service) in services {
        // Merge keys are resolved by whoever reads the file; here they may not be.
        let of = |key: &str| service.get(key).unwrap_or(&locked[key]);
        assert_eq!(of("read_only"), &Value::Bool(true), "{name}");
        assert_eq!(of("cap_drop")[0], "ALL", "{name}");
        assert_eq!(of("security_opt")[0], "no-new-privileges:true", "{name}");
        assert!(
            service.get("<<").is_some_and(Value::is_object) || service.get("read_only").is_some(),
            "{name}"
        );
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
    assert_eq!(compose["networks"]["inside"]["internal"], true);
    let drain_s = Config::default().limits.drain_s;
    assert!(seconds(services["gateway"]["stop_grace_period"].as_str().unwrap()) > drain_s);
}

fn seconds(text: &str) -> u64 {
    text.trim_end_matches('s').parse().unwrap()
}

#[test]
fn the_unit_fits_the_configuration() {
    let unit = read("deploy/attest.service");
    let value = |key: &str| {
        let mut lines = unit.lines();
        let line = lines.find_map(|line| line.strip_prefix(&format!("{key}=")));
        line.unwrap_or_else(|| panic!("{key} is not in the unit"))
    };
    let config = Config::default();
    assert!(seconds(value("TimeoutStopSec")) > config.limits.drain_s);
    // Every client connection, and an upstream's on each of eight cores.
    let upstream = attest_gateway::config::Upstream::default().connections_per_core * 8;
    assert!(value("LimitNOFILE").parse::<usize>().unwrap() > config.limits.connections_max + upstream);
    assert!(value("ExecReload").contains("-HUP"));
    assert_eq!(value("NoNewPrivileges"), "yes");
    assert_eq!(value("ProtectSystem"), "strict");
    assert_eq!(value("MemoryDenyWriteExecute"), "yes");
    assert_eq!(value("CapabilityBoundingSet"), "");
    assert_eq!(value("User"), "attest");
    assert!(value("Type").starts_with("notify"));
    assert!(seconds(value("WatchdogSec")) >= 10);
    assert!(read("deploy/attest.sysusers.conf").contains("\nu attest "));
}
