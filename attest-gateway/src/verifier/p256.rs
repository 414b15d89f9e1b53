//! Tells a P-256 public key by its one DER encoding (RFC 5480). It never accepts another curve, a compressed point or named
//! parameters spelt otherwise. Whether the point lies on the curve is found by the first signature that it verifies.

/// `SubjectPublicKeyInfo` up to the X9.62 point: id-ecPublicKey, prime256v1, BIT STRING without unused bits.
pub(super) const PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The uncompressed point of a DER `SubjectPublicKeyInfo`, if it is a P-256 key and nothing more.
pub(super) fn point_of_spki(spki: &[u8]) -> Option<[u8; 65]> {
    let point: [u8; 65] = spki.strip_prefix(&PREFIX)?.try_into().ok()?;
    (point.first() == Some(&4)).then_some(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_uncompressed_p256_point_is_read() {
        let spki = |first: u8, length: usize| {
            let mut spki = PREFIX.to_vec();
            spki.push(first);
            spki.extend(vec![7; length]);
            spki
        };
        assert_eq!(point_of_spki(&spki(4, 64)).map(|point| point[64]), Some(7));
        for bad in [spki(2, 64), spki(4, 63), spki(4, 65), vec![], PREFIX.to_vec()] {
            assert_eq!(point_of_spki(&bad), None);
        }
        let mut p384 = spki(4, 64);
        p384[22] = 8;
        assert_eq!(point_of_spki(&p384), None);
    }
}
