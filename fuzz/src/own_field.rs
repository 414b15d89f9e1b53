//! The name of a header field.

use attest_gateway::stack::hygiene::is_ours;
use attest_gateway::upstream::is_reserved;

/// A name in any spelling is ours, or it is not: case and `_` for `-` make no difference, wherever the rule is applied.
pub fn own_field(data: &[u8]) -> bool {
    let name = crate::text(data);
    let ours = is_ours(name);
    let plain = name.to_ascii_lowercase().replace('_', "-").starts_with("attest-");
    assert_eq!(ours, plain, "the rule is not what it says");
    assert_eq!(is_reserved(name), ours, "requests and trailers are cleaned by two rules");
    for spelling in [name.to_ascii_uppercase(), name.to_ascii_lowercase(), name.replace('-', "_"), name.replace('_', "-")] {
        assert_eq!(is_ours(&spelling), ours, "another spelling is another name");
    }
    ours
}
