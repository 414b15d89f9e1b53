use std::cell::Cell;

use proptest::prelude::*;

use super::forge::{self, Identity, SignerParts, numbered, prefixed};
use super::*;

const LINEAGE: u32 = lineage::ATTRIBUTE;

fn one(kind: SchemeKind, spoil: impl FnOnce(&mut SignerParts<'_>), key: &Identity) -> Vec<u8> {
    let mut parts = SignerParts::new(kind, key);
    spoil(&mut parts);
    forge::signed(&[forge::entry(kind.id(), &forge::scheme(&[parts]))])
}

fn check(what: &str, apk: &[u8], expect: &str) {
    let found = parse(&apk).map_or_else(|error| error.code(), |_| "read");
    assert_eq!(found, expect, "{what}");
}

#[test]
fn each_scheme_says_who_signed() {
    let (old, new) = (Identity::new(1), Identity::new(2));
    let mut rotated = SignerParts::new(SchemeKind::V31, &new);
    rotated.attributes = vec![numbered(LINEAGE, &forge::lineage(&[&old, &new]))];
    rotated.certificates.push(b"not looked at".to_vec());
    let apk = forge::signed(&[
        forge::entry(0x4272_6577, &[0; 100]),
        forge::entry(SchemeKind::V31.id(), &forge::scheme(&[rotated])),
        forge::entry(
            SchemeKind::V2.id(),
            &forge::scheme(&[
                SignerParts::new(SchemeKind::V2, &old),
                SignerParts::new(SchemeKind::V2, &new),
            ]),
        ),
    ]);
    let block = parse(&apk.as_slice()).unwrap();
    let ids: Vec<_> = block.entries.iter().map(|entry| id_name(entry.id)).collect();
    assert_eq!(ids, [Some("verity-padding"), Some("v3.1"), Some("v2")]);
    let v2 = block.scheme(SchemeKind::V2).unwrap();
    let signers: Vec<_> = v2.signers.iter().map(|signer| &signer.certificate.der).collect();
    assert_eq!(signers, [&old.certificate, &new.certificate]);
    let [signer] = block.newest().unwrap().signers.as_slice() else {
        panic!("one signer");
    };
    assert_eq!(signer.certificate.sha256, sha256(&[&new.certificate]));
    assert_eq!(signer.sdk, Some(SdkRange { min: 28, max: 33 }));
    assert_eq!(signer.chain.len(), 1);
    assert_eq!(signer.signature, SignatureState::Verified);
    let lineage: Vec<_> = signer
        .lineage
        .iter()
        .map(|ancestor| (&ancestor.certificate.der, ancestor.signature))
        .collect();
    let good = SignatureState::Verified;
    assert_eq!(lineage, [(&old.certificate, good), (&new.certificate, good)]);
    assert!(block.scheme(SchemeKind::V3).is_none());
}

#[test]
fn a_signature_says_what_it_is_worth() {
    let (key, other) = (Identity::new(1), Identity::new(2));
    let state = |spoil: &dyn Fn(&mut SignerParts<'_>)| {
        let apk = one(SchemeKind::V3, |parts| spoil(parts), &key);
        parse(&apk.as_slice()).unwrap().schemes[0].signers[0].signature
    };
    assert_eq!(state(&|_| ()), SignatureState::Verified);
    // DSA is not verified here; beside a good signature that does not matter.
    assert_eq!(
        state(&|parts| parts.algorithms = vec![0x0301]),
        SignatureState::Unsupported
    );
    assert_eq!(
        state(&|parts| parts.algorithms.push(0x0301)),
        SignatureState::Verified
    );
    assert_eq!(
        state(&|parts| parts.certificates = vec![other.certificate.clone()]),
        SignatureState::ForeignKey
    );
    let mut tampered = one(SchemeKind::V3, |_| (), &key);
    let digest = tampered.windows(32).position(|window| window == [7; 32]).unwrap();
    tampered[digest] = 8;
    let block = parse(&tampered.as_slice()).unwrap();
    assert_eq!(block.schemes[0].signers[0].signature, SignatureState::Bad);
}

#[test]
fn a_lineage_is_vouched_for_link_by_link() {
    let keys = [Identity::new(1), Identity::new(2), Identity::new(3)];
    let [a, b, c] = &keys;
    let rotated = |attributes: &[&[u8]]| {
        let attributes = attributes.iter().map(|value| numbered(LINEAGE, value)).collect();
        one(SchemeKind::V3, |parts| parts.attributes = attributes, c)
    };
    let good = forge::lineage(&[a, b, c]);
    check("three keys", &rotated(&[&good]), "read");
    check("twice", &rotated(&[&good, &good]), "signing-block-lineage");
    check(
        "other end",
        &rotated(&[&forge::lineage(&[a, b])]),
        "signing-block-lineage",
    );
    check(
        "repeated",
        &rotated(&[&forge::lineage(&[c, a, c])]),
        "signing-block-lineage",
    );
    check(
        "empty",
        &rotated(&[&1_u32.to_le_bytes()]),
        "signing-block-lineage",
    );
    check("no version", &rotated(&[&[1, 0]]), "signing-block-truncated");
    // Somebody who has the newest key only puts a stranger before it.
    let mut grafted = forge::lineage(&[a, c]);
    let stranger = forge::lineage(&[b]);
    grafted.splice(4..stranger.len(), stranger[4..].iter().copied());
    let apk = rotated(&[&grafted]);
    let states: Vec<_> = parse(&apk.as_slice()).unwrap().schemes[0].signers[0]
        .lineage
        .iter()
        .map(|ancestor| ancestor.signature)
        .collect();
    assert_eq!(states, [SignatureState::Verified, SignatureState::Bad]);
    // v2 knows no rotation: what looks like one is any attribute.
    let apk = one(
        SchemeKind::V2,
        |parts| parts.attributes = vec![numbered(LINEAGE, &good)],
        a,
    );
    let block = parse(&apk.as_slice()).unwrap();
    assert_eq!(block.schemes[0].signers[0].lineage, []);
    assert_eq!(block.schemes[0].signers[0].attributes, [LINEAGE]);
}

#[test]
fn what_is_no_signed_archive_is_told_apart() {
    check("empty", b"", "not-zip");
    check("text", &[b'a'; 70_000], "not-zip");
    check(
        "unsigned",
        &forge::apk(b"PK\x03\x04contents that are longer", b""),
        "signing-block-absent",
    );
    check("empty archive", &forge::apk(b"", b""), "signing-block-absent");
    check("cut", &forge::apk(b"", b"")[..21], "not-zip");
    let mut moved = forge::apk(b"PK\x03\x04", b"");
    moved.insert(0, 0);
    check("bytes before", &moved, "central-directory");
    let locator = [b"PK\x06\x07".as_slice(), &[0; 16]].concat();
    check("zip64", &forge::apk(&locator, b""), "zip64");
}

#[test]
fn the_end_is_found_behind_a_comment_of_any_length() {
    let key = Identity::new(1);
    let value = forge::scheme(&[SignerParts::new(SchemeKind::V2, &key)]);
    let block = forge::block(&forge::entry(SchemeKind::V2.id(), &value));
    for bytes in [1, 21, 22, 4096, 0xffff] {
        let apk = forge::apk(&block, &vec![b'c'; bytes]);
        check(&format!("{bytes} bytes"), &apk, "read");
    }
    let mut longer = forge::apk(&block, &[b'c'; 0xffff]);
    longer.push(b'c');
    check("a byte behind the comment", &longer, "not-zip");
    // An end record within a comment that does not reach the end of the file is none.
    let inner = forge::apk(b"", b"");
    check(
        "inner",
        &forge::apk(&block, &[&inner, b"x".as_slice()].concat()),
        "read",
    );
}

#[test]
fn sizes_that_lie_are_refused() {
    let key = Identity::new(1);
    let value = forge::scheme(&[SignerParts::new(SchemeKind::V2, &key)]);
    let v2 = forge::entry(SchemeKind::V2.id(), &value);
    let block = forge::block(&v2);
    let with = |at: usize, size: u64| {
        let mut block = block.clone();
        block[at..at + 8].copy_from_slice(&size.to_le_bytes());
        forge::apk(&block, b"")
    };
    let footer = block.len() - 24;
    let size = u64::try_from(block.len() - 8).unwrap();
    check("as it is", &with(0, size), "read");
    for lie in [0, 23, size - 1, size + 1, 1 << 31, u64::MAX] {
        check(&format!("header {lie}"), &with(0, lie), "signing-block-size");
        check(&format!("footer {lie}"), &with(footer, lie), "signing-block-size");
    }
    let entry = u64::try_from(v2.len() - 8).unwrap();
    for lie in [0, 3, entry + 1, entry - 1, 1 << 40, u64::MAX] {
        check(&format!("entry {lie}"), &with(8, lie), "signing-block-entry-size");
    }
    check(
        "value shorter than it says",
        &with(8, 4),
        "signing-block-entry-size",
    );
    check(
        "twice",
        &forge::signed(&[v2.clone(), v2.clone()]),
        "signing-block-duplicate",
    );
    let other = forge::entry(0x7177_7777, b"channel");
    check("other twice", &forge::signed(&[v2, other.clone(), other]), "read");
}

#[test]
fn more_than_is_read_is_refused() {
    let key = Identity::new(1);
    let v2 = |value: &[u8]| forge::signed(&[forge::entry(SchemeKind::V2.id(), value)]);
    let signer = prefixed(&SignerParts::new(SchemeKind::V2, &key).bytes());
    for (signers, expect) in [
        (1, "read"),
        (Limits::SIGNERS, "read"),
        (Limits::SIGNERS + 1, "signing-block-too-many"),
    ] {
        check(
            &format!("{signers} signers"),
            &v2(&prefixed(&signer.repeat(signers))),
            expect,
        );
    }
    check(
        "ten thousand",
        &v2(&prefixed(&prefixed(&[]).repeat(10_000))),
        "signing-block-too-many",
    );
    let many = signer.repeat(10_000);
    check(
        "ten thousand whole",
        &v2(&prefixed(&many)),
        "signing-block-too-large",
    );
    let certificates = |count: usize| {
        let certificates = vec![key.certificate.clone(); count];
        one(SchemeKind::V2, |parts| parts.certificates = certificates, &key)
    };
    check("no certificate", &certificates(0), "signing-block-missing");
    check("certificates", &certificates(Limits::PER_SIGNER), "read");
    check(
        "certificates",
        &certificates(Limits::PER_SIGNER + 1),
        "signing-block-too-many",
    );
    check("no signer", &v2(&prefixed(&[])), "signing-block-missing");
    check("no sequence", &v2(&[]), "signing-block-truncated");
    let entries = vec![forge::entry(1, b""); Limits::ENTRIES + 1];
    check("entries", &forge::signed(&entries[1..]), "read");
    check("entries", &forge::signed(&entries), "signing-block-entries");
    let keys: Vec<_> = (0..=Limits::LINEAGE).map(|_| Identity::new(1)).collect();
    let keys: Vec<_> = keys.iter().collect();
    let long = vec![numbered(LINEAGE, &forge::lineage(&keys))];
    let apk = one(
        SchemeKind::V3,
        |parts| parts.attributes = long,
        keys.last().unwrap(),
    );
    check("lineage", &apk, "signing-block-too-many");
    let other = Some(SdkRange { min: 1, max: 33 });
    let apk = one(SchemeKind::V3, |parts| parts.unsigned_sdk = other, &key);
    check("two ranges", &apk, "signing-block-sdk-range");
}

/// A file of a terabyte that counts what is read of it.
struct Sparse {
    tail: Vec<u8>,
    read: Cell<usize>,
}

impl ReadAt for Sparse {
    fn len(&self) -> u64 {
        1 << 40
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.read.set(self.read.get() + buf.len());
        let tail_at = self.len() - u64::try_from(self.tail.len()).unwrap();
        for (at, byte) in (offset..).zip(buf) {
            let inside = at.checked_sub(tail_at).and_then(|at| usize::try_from(at).ok());
            *byte = inside.map_or(0, |at| self.tail[at]);
        }
        Ok(())
    }
}

#[test]
fn a_large_file_is_not_read_whole() {
    let sparse = |tail: Vec<u8>| Sparse {
        tail,
        read: Cell::new(0),
    };
    let empty = sparse(Vec::new());
    assert_eq!(parse(&empty), Err(SigningBlockError::NotZip));
    assert!(empty.read.get() < 70_000, "{}", empty.read.get());
    // The directory lies 4 GiB from the start at most, so here it is not where it should be.
    let far = sparse(forge::apk(b"", b""));
    assert_eq!(parse(&far), Err(SigningBlockError::CentralDirectory));
}

#[test]
fn a_file_that_cannot_be_read_is_told_apart() {
    struct Broken;
    impl ReadAt for Broken {
        fn len(&self) -> u64 {
            100
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> Result<(), ReadError> {
            Err(ReadError)
        }
    }
    assert_eq!(parse(&Broken), Err(SigningBlockError::Unreadable(ReadError)));
}

proptest! {
    #[test]
    fn no_value_panics(kind in 0_usize..3, value in prop::collection::vec(any::<u8>(), 0..512)) {
        let id = SchemeKind::ALL[kind].id();
        let _read = parse(&forge::signed(&[forge::entry(id, &value)]).as_slice()).is_ok();
    }

    #[test]
    fn no_spoiled_byte_panics_or_makes_another_signer_verify(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let key = Identity::new(1);
        let mut apk = one(SchemeKind::V3, |_| (), &key);
        let at = at.index(apk.len());
        apk[at] ^= 1 << bit;
        if let Ok(block) = parse(&apk.as_slice()) {
            for signer in block.schemes.iter().flat_map(|scheme| &scheme.signers) {
                prop_assert!(
                    signer.signature != SignatureState::Verified || signer.certificate.der == key.certificate
                );
            }
        }
    }
}
