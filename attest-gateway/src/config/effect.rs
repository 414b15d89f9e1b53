//! Which changed settings take effect at a reload, and which wait for a restart. A setting that does not say that it is live
//! waits: what was not thought about is reported, never half applied.

use serde_json::Value;

use super::Config;

/// The mark of a live setting, and of a section whose settings all are.
const LIVE: &str = "x-live";

/// What becomes of a running gateway's configuration when it is offered another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The running configuration with the offered values of every live setting.
    pub config: Config,
    /// Live settings whose values changed, in the order of their names.
    pub applied: Vec<String>,
    /// Changed settings that wait for a restart.
    pub restart: Vec<String>,
}

/// A configuration that cannot be compared.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be compared with the running one: {0}")]
pub struct MergeError(#[from] serde_json::Error);

impl MergeError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "config-not-comparable"
    }
}

impl Config {
    /// This configuration with the live settings of `offered`, and what changed between them.
    ///
    /// # Errors
    /// [`MergeError`] if one of them cannot be written, as with a path that is no text.
    pub fn merge(&self, offered: &Self) -> Result<Merged, MergeError> {
        let mut running = serde_json::to_value(self)?;
        let offered = serde_json::to_value(offered)?;
        let (mut applied, mut restart) = (Vec::new(), Vec::new());
        let mut found = |path: String, live| {
            if live { &mut applied } else { &mut restart }.push(path);
        };
        merge(&schema(), "", false, &mut running, &offered, &mut found);
        Ok(Merged {
            config: serde_json::from_value(running)?,
            applied,
            restart,
        })
    }
}

/// The configuration's schema, every type where it is used.
pub(super) fn schema() -> Value {
    let settings =
        schemars::generate::SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings
        .into_generator()
        .into_root_schema_for::<Config>()
        .to_value()
}

/// Whether a schema carries the mark.
pub(super) fn is_live(schema: &Value) -> bool {
    schema.get(LIVE) == Some(&Value::Bool(true))
}

fn merge(
    schema: &Value,
    path: &str,
    live: bool,
    running: &mut Value,
    offered: &Value,
    found: &mut dyn FnMut(String, bool),
) {
    let live = live || is_live(schema);
    match (schema.get("properties"), schema.get("items"), running, offered) {
        (Some(properties), _, Value::Object(running), Value::Object(offered)) => {
            let mut names: Vec<_> = running.keys().chain(offered.keys()).cloned().collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let own = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                let schema = properties.get(&name).unwrap_or(&Value::Null);
                let offered = offered.get(&name).unwrap_or(&Value::Null);
                let running = running.entry(name).or_insert(Value::Null);
                merge(schema, &own, live, running, offered, found);
            }
        }
        // A list that is live is taken as a whole; of one that is not, the changed members are named.
        (_, Some(items), Value::Array(running), Value::Array(offered))
            if !live && items.get("properties").is_some() && running.len() == offered.len() =>
        {
            for (at, (running, offered)) in running.iter_mut().zip(offered).enumerate() {
                merge(items, &format!("{path}[{at}]"), live, running, offered, found);
            }
        }
        (_, _, running, offered) => {
            if running != offered {
                found(path.to_owned(), live);
                if live {
                    running.clone_from(offered);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "environment = 'production'\n[[upstreams]]\nname = 'a'\nurl = 'http://h:1'\n";

    /// What changes when a gateway that runs with [`START`] is offered it with `more`.
    fn check(more: &str, applied: &[&str], restart: &[&str]) {
        let running = Config::parse(START).unwrap();
        let offered = Config::parse(&format!("{START}{more}")).unwrap();
        let merged = running.merge(&offered).unwrap();
        assert_eq!(merged.applied, applied, "{more}");
        assert_eq!(merged.restart, restart, "{more}");
        // Offered again, nothing is left to apply, and what waits still waits.
        let again = merged.config.merge(&offered).unwrap();
        assert_eq!(again.applied, Vec::<String>::new());
        assert_eq!(again.restart, restart);
        // What waits is as it was: going back to the start leaves the live settings alone.
        assert_eq!(merged.config.merge(&running).unwrap().applied, applied);
        assert_eq!(
            merged.config.merge(&running).unwrap().restart,
            Vec::<String>::new()
        );
    }

    #[test]
    fn live_settings_are_taken_and_the_others_are_named() {
        check("", &[], &[]);
        check("[log]\nlevel = 'debug'", &["log.level"], &[]);
        check("[log]\nformat = 'json'", &[], &["log.format"]);
        check(
            "[proxy]\ntrusted_proxies = ['10.0.0.0/8']",
            &["proxy.trusted_proxies"],
            &[],
        );
        check(
            "[limits]\nbody_max_bytes = 5\nconnections_max = 5",
            &["limits.body_max_bytes"],
            &["limits.connections_max"],
        );
        check("idle_timeout_ms = 1", &[], &["upstreams[0].idle_timeout_ms"]);
        check(
            "[[upstreams]]\nname = 'b'\nurl = 'http://h:2'",
            &[],
            &["upstreams"],
        );
        check(
            "[attestation]\nchallenge_ttl_s = 9\nresponse_ttl_s = 9",
            &["attestation.challenge_ttl_s", "attestation.response_ttl_s"],
            &[],
        );
    }

    /// Every live setting. Before adding one: whoever reads it must do so through `Gateway::live` at each use, and never keep it.
    const ALL_LIVE: &[&str] = &[
        "admin.body_max_bytes",
        "admin.connections_max",
        "admin.failures_per_source_per_minute",
        "admin.metrics_without_token",
        "admin.request_timeout_ms",
        "admin.requests_per_token_per_minute",
        "admin.tokens",
        "attestation.challenge_ttl_s",
        "attestation.challenges_per_source_per_minute",
        "attestation.enroll_failures_per_source_per_minute",
        "attestation.evidence_max_bytes",
        "attestation.response_ttl_s",
        "limits.body_idle_timeout_ms",
        "limits.body_max_bytes",
        "limits.body_rate_min_bytes_per_s",
        "limits.body_total_timeout_ms",
        "limits.drain_s",
        "log.level",
        "policy.poll_ms",
        "proxy.trusted_proxies",
        "store.sweep_interval_s",
    ];

    fn marked(schema: &Value, path: &str, live: bool, found: &mut Vec<String>) {
        let live = live || is_live(schema);
        let Some(properties) = schema["properties"].as_object() else {
            if live {
                found.push(path.to_owned());
            }
            return;
        };
        for (name, schema) in properties {
            let own = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            marked(schema, &own, live, found);
        }
    }

    #[test]
    fn the_marked_settings_are_those_that_are_known_to_be_read_live() {
        let mut found = Vec::new();
        marked(&schema(), "", false, &mut found);
        found.sort_unstable();
        assert_eq!(found, ALL_LIVE);
    }

    #[test]
    fn what_a_core_takes_at_its_start_is_never_live() {
        // These are copied when the gateway starts; marking one live would be a lie.
        let schema = schema();
        for path in [
            "environment",
            "allow_public_development",
            "listen",
            "keys",
            "store/path",
            "policy/file",
            "limits/head_bytes",
        ] {
            let mut at = &schema;
            for name in path.split('/') {
                at = &at["properties"][name];
                assert!(at.is_object() && !is_live(at), "{path}");
            }
        }
    }
}
