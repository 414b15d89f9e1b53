//! A writer of DER that writes what it is told, right or wrong, and the little reading that cutting a certificate in three needs.

/// Content of a BOOLEAN that is true.
pub const TRUE: u8 = 0xff;

/// One element: identifier octet, length, content.
#[must_use]
pub fn element(identifier: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![identifier];
    push_length(&mut out, content.len());
    out.extend_from_slice(content);
    out
}

/// SEQUENCE of these elements.
#[must_use]
pub fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &elements.concat())
}

/// SET of these elements in this order, sorted or not.
#[must_use]
pub fn set(elements: &[Vec<u8>]) -> Vec<u8> {
    element(0x31, &elements.concat())
}

/// SET OF INTEGER.
#[must_use]
pub fn integers(values: &[i64]) -> Vec<u8> {
    set(&values.iter().copied().map(integer).collect::<Vec<_>>())
}

/// INTEGER.
#[must_use]
pub fn integer(value: i64) -> Vec<u8> {
    element(0x02, &shortest(value))
}

/// ENUMERATED.
#[must_use]
pub fn enumerated(value: i64) -> Vec<u8> {
    element(0x0a, &shortest(value))
}

/// OCTET STRING.
#[must_use]
pub fn octets(bytes: &[u8]) -> Vec<u8> {
    element(0x04, bytes)
}

/// BOOLEAN with this content: some phones write 0x01 for true.
#[must_use]
pub fn boolean(content: u8) -> Vec<u8> {
    element(0x01, &[content])
}

/// NULL.
#[must_use]
pub fn null() -> Vec<u8> {
    element(0x05, &[])
}

/// Context-specific EXPLICIT tag of any number around this element.
#[must_use]
pub fn explicit(tag: u32, inner: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match u8::try_from(tag) {
        Ok(low) if low < 31 => out.push(0xa0 | low),
        _ => {
            out.push(0xbf);
            push_base128(&mut out, tag);
        }
    }
    push_length(&mut out, inner.len());
    out.extend_from_slice(inner);
    out
}

/// OBJECT IDENTIFIER of these arcs, of which there are at least two.
#[must_use]
pub fn oid(arcs: &[u32]) -> Vec<u8> {
    let mut content = Vec::new();
    if let [first, second, rest @ ..] = arcs {
        push_base128(&mut content, first * 40 + second);
        for arc in rest {
            push_base128(&mut content, *arc);
        }
    }
    element(0x06, &content)
}

/// The content of the first element and what follows that element; `None` if it is cut short or has no definite length.
#[must_use]
pub fn split(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, rest) = der.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if *first >= 0x80 {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        length = digits
            .iter()
            .fold(0, |sum, digit| (sum << 8) | usize::from(*digit));
        rest = after;
    }
    (*first != 0x80).then_some(())?;
    rest.split_at_checked(length)
}

fn shortest(value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let spare = |pair: &[u8]| match pair {
        [0x00, next] => next & 0x80 == 0,
        [0xff, next] => next & 0x80 != 0,
        _ => false,
    };
    let skip = bytes.windows(2).take_while(|pair| spare(pair)).count();
    bytes.iter().skip(skip).copied().collect()
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            out.extend_from_slice(&digits);
        }
    }
}

fn push_base128(out: &mut Vec<u8>, value: u32) {
    let groups = (1..5).rev().filter(|group| value >> (7 * group) != 0);
    for group in groups {
        out.push(low_bits(value >> (7 * group)) | 0x80);
    }
    out.push(low_bits(value));
}

fn low_bits(value: u32) -> u8 {
    u8::try_from(value & 0x7f).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_tags_and_numbers_are_written_as_the_standard_says() {
        let check = |written: Vec<u8>, expect: &[u8]| assert_eq!(written, expect);
        check(integer(0), &[2, 1, 0]);
        check(integer(127), &[2, 1, 127]);
        check(integer(128), &[2, 2, 0, 128]);
        check(integer(-1), &[2, 1, 0xff]);
        check(integer(-129), &[2, 2, 0xff, 0x7f]);
        check(integer(202_510), &[2, 3, 0x03, 0x17, 0x0e]);
        check(enumerated(2), &[10, 1, 2]);
        check(boolean(TRUE), &[1, 1, 0xff]);
        check(null(), &[5, 0]);
        check(integers(&[3, 2]), &[0x31, 6, 2, 1, 3, 2, 1, 2]);
        check(explicit(10, &null()), &[0xaa, 2, 5, 0]);
        check(explicit(31, &null()), &[0xbf, 31, 2, 5, 0]);
        check(explicit(704, &null()), &[0xbf, 0x85, 0x40, 2, 5, 0]);
        check(
            oid(&[1, 2, 840, 113_635, 100, 8, 2]),
            &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 0x08, 0x02],
        );
        for length in [0, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let mut der = octets(&content);
            der.push(9);
            assert_eq!(split(&der), Some((content.as_slice(), [9].as_slice())));
        }
        for cut in [&[][..], &[4], &[4, 2, 0], &[4, 0x82, 1], &[0x30, 0x80, 0, 0]] {
            assert_eq!(split(cut), None);
        }
    }
}
