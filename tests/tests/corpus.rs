//! The example policy's detectors over recorded cloner layouts, read where they lie: no legitimate profile may be flagged.

#[cfg(test)]
mod corpus {
    use std::path::PathBuf;

    use attest_core::facts::{FactMap, FactRef, Observation, Value};
    use attest_core::policy::{Detection, Variables};
    use serde_json::Value as Json;

    /// The corpus, below `ATTEST_SHARED`; `None` prints what was not run.
    fn cases() -> Option<Vec<Json>> {
        let shared = std::env::var_os("ATTEST_SHARED").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
            PathBuf::from,
        );
        let Ok(text) = std::fs::read_to_string(shared.join("device-facts/clone_cases.json")) else {
            println!("absent: 15 cases not run");
            return None;
        };
        let corpus: Json = serde_json::from_str(&text).unwrap();
        Some(corpus["cases"].as_array().unwrap().clone())
    }

    /// Ids of the cloner detectors that hit on one case.
    fn hits(case: &Json) -> Vec<String> {
        let package = case["package"].as_str().unwrap();
        let user_id = case["user_id"].as_u64().unwrap_or(0).to_string();
        let compiled = attest_policy::compile("bank.yaml", attest_policy::EXAMPLE).unwrap();
        let variables = Variables::default()
            .with("package", package)
            .with("user_id", user_id);
        let device = compiled
            .device
            .compile(attest_core::device::Platform::Android, variables)
            .unwrap();
        let mut facts = FactMap::default();
        let mut state = |name: &str, value: Value| {
            facts.insert(name.parse::<FactRef>().unwrap(), Observation::Value(value));
        };
        if let Some(data_dir) = case["data_dir"].as_str() {
            state("app.data_dir@libc", Value::Text(data_dir.to_owned()));
        }
        let maps = case["maps"].as_array().unwrap().iter();
        let maps: Vec<String> = maps.map(|line| line.as_str().unwrap().to_owned()).collect();
        state("maps.path", Value::List(maps));
        device
            .detectors()
            .scan(&facts)
            .filter(|scanned| scanned.id.starts_with("clone.") && scanned.detection == Detection::Hit)
            .map(|scanned| scanned.id.to_owned())
            .collect()
    }

    #[test]
    fn cloner_layouts_are_told_from_legitimate_profiles() {
        let Some(cases) = cases() else { return };
        assert!(!cases.is_empty());
        for case in &cases {
            let (name, label, hits) = (&case["name"], case["label"].as_str().unwrap(), hits(case));
            match label {
                "legit" => assert!(hits.is_empty(), "{name}: {hits:?}"),
                "clone" => assert!(!hits.is_empty(), "{name} was not found"),
                other => panic!("{name}: unknown label {other}"),
            }
        }
    }
}
