//! The path of a request target.

use attest_gateway::stack::target::unambiguous_path;

/// What is accepted has no second reading: unescaped once or twice, it has the same segments, none of them empty, a dot or two,
/// and nothing in it that another reader would take for a separator, a parameter, a query or an end.
pub fn request_target(data: &[u8]) -> bool {
    let path = crate::text(data);
    if unambiguous_path(path).is_err() {
        return false;
    }
    let once = unescaped(path.as_bytes());
    assert_eq!(unescaped(&once), once, "a second unescaping reads something else");
    assert!(std::str::from_utf8(&once).is_ok(), "not UTF-8 when unescaped");
    let count = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'/').count();
    assert_eq!(count(&once), count(path.as_bytes()), "unescaping adds a segment");
    assert_eq!(once.first(), Some(&b'/'), "not absolute");
    let segments: Vec<&[u8]> = once.split(|byte| *byte == b'/').skip(1).collect();
    for (at, segment) in segments.iter().enumerate() {
        assert!(!matches!(*segment, b"." | b".."), "a dot segment");
        assert!(!segment.is_empty() || at + 1 == segments.len(), "an empty segment");
    }
    let separates = |byte: &u8| matches!(byte, b'\\' | b';' | b'?' | b'#' | b'%') || byte.is_ascii_control();
    assert!(!once.iter().any(separates), "a separator");
    true
}

/// As lenient as the most lenient reader: what is no escape stays as it is.
fn unescaped(path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = path;
    while let [first, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high * 16 + low);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}
