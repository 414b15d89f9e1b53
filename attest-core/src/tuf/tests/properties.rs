//! What holds for every input.

use proptest::prelude::*;

use super::*;

/// A repository and the names of the files that a client has to fetch, its root first.
fn served() -> (Repository, [&'static str; 4]) {
    let mut repository = Repository::new();
    repository.targets_signed =
        json!({"targets": {"x": {"length": 1, "hashes": {"sha256": hex(sha256(&[b"x"]))}}}});
    repository.publish();
    repository.publish_root(2, &[]);
    (
        repository,
        [
            "2.root.json",
            "timestamp.json",
            "1.snapshot.json",
            "1.targets.json",
        ],
    )
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// What a client trusts is what was signed: a byte that is changed leaves every value as it was, or nothing is trusted.
    #[test]
    fn a_changed_byte_says_nothing_new(file in 0_usize..4, at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let (mut repository, names) = served();
        let bytes = repository.files.get_mut(names[file]).unwrap();
        let before = crate::json::read(bytes);
        let index = at.index(bytes.len());
        prop_assume!(bytes[index] != to);
        bytes[index] = to;
        let after = crate::json::read(bytes);
        let signed = |read: &Option<crate::json::Json>| read.as_ref().and_then(|read| read.member("signed").cloned());
        let same = signed(&before) == signed(&after);
        let outcome = Client::of(&repository).refresh(&repository);
        prop_assert!(outcome.is_err() || same, "byte {index} of {} became {to}", names[file]);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..512), file in 0_usize..4) {
        let (mut repository, names) = served();
        repository.files.insert(names[file].to_owned(), bytes);
        prop_assert!(Client::of(&repository).refresh(&repository).is_err());
    }

    #[test]
    fn any_json_in_the_place_of_a_member_is_refused_or_changes_nothing(value in any_json(), file in 0_usize..4, member in any::<prop::sample::Index>()) {
        let (mut repository, names) = served();
        let mut metadata: Value = serde_json::from_slice(&repository.files[names[file]]).unwrap();
        let members: Vec<String> = metadata["signed"].as_object().unwrap().keys().cloned().collect();
        let member = member.get(&members);
        let same = metadata["signed"][member] == value;
        metadata["signed"][member] = value;
        repository.files.insert(names[file].to_owned(), metadata.to_string().into_bytes());
        prop_assert!(Client::of(&repository).refresh(&repository).is_err() || same);
    }

    #[test]
    fn the_canonical_form_is_stable_and_holds_the_same_value(value in any_json()) {
        let read = crate::json::read(value.to_string().as_bytes()).unwrap();
        let pretty = crate::json::read(serde_json::to_string_pretty(&value).unwrap().as_bytes()).unwrap();
        prop_assert_eq!(&read, &pretty);
        prop_assert_eq!(read.canonical(), pretty.canonical());
    }

    /// The canonical form tells values apart, so one signature is good for one value.
    #[test]
    fn other_values_have_other_canonical_forms(one in any_json(), other in any_json()) {
        let read = |value: &Value| crate::json::read(value.to_string().as_bytes()).unwrap();
        let (one, other) = (read(&one), read(&other));
        prop_assert_eq!(one == other, one.canonical() == other.canonical());
    }
}
