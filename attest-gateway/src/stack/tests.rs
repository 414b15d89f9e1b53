//! What the stack's own types promise, beside the tables in each layer: the order of the list, and who makes `Admitted`.

use super::hygiene::is_ours;
use super::target::unambiguous_path;
use crate::upstream::is_reserved;
use proptest::prelude::*;

/// The request layers in the order in which they are written, top to bottom.
const LAYERS: [&str; 11] = [
    "rescue::RescueLayer::new",
    "authority::Authority",
    "hygiene::Hygiene::new",
    "target::Target",
    "service::ServiceLayer::new",
    "route::FindRoute::new",
    "verify::Verify::new",
    "bind::BindLayer::new",
    "decide::Decide::new",
    "spend::Spend::new",
    "admit::Admit::new",
];

#[test]
fn the_list_is_in_the_order_that_its_table_explains() {
    let source = include_str!("mod.rs");
    let (table, list) = source.split_once("pub fn stack").unwrap();
    let places = LAYERS.map(|layer| {
        list.find(layer)
            .unwrap_or_else(|| panic!("{layer} is not in the list"))
    });
    assert!(places.is_sorted(), "{places:?}");
    for (position, layer) in LAYERS.iter().enumerate() {
        let name = layer.split_once(':').unwrap().0;
        assert!(
            table.contains(&format!("| {} | [`{name}`]", position + 1)),
            "{name} is not explained at its place"
        );
    }
}

#[test]
fn admitted_is_made_in_one_place() {
    let admit = include_str!("admit.rs");
    let making = |source: &str| {
        let made = source.lines().filter(|line| line.contains("Admitted {"));
        made.filter(|line| !line.contains("struct ") && !line.contains("impl "))
            .count()
    };
    assert_eq!(making(admit), 1);
    assert!(
        !admit.contains("pub request:") && !admit.contains("pub(super) request:"),
        "its fields are private"
    );
    for derived in admit
        .lines()
        .take_while(|line| !line.contains("pub struct Admitted"))
        .filter(|l| l.contains("derive"))
    {
        assert!(
            !derived.contains("Clone") && !derived.contains("Default"),
            "a witness is not copied: {derived}"
        );
    }
}

proptest! {
    #[test]
    fn both_rules_for_our_names_are_one(name in "[aA][tT]{1,2}[eE][sS][tT]?[-_]?[a-zA-Z_-]{0,6}") {
        prop_assert_eq!(is_ours(&name), is_reserved(&name));
    }

    #[test]
    fn no_text_makes_the_target_guard_panic(path in ".{0,40}") {
        let _outcome = unambiguous_path(&path);
    }
}
