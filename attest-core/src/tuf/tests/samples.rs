//! Repositories that python-tuf signed (`tests/clients/tuf/samples.py`), one for each kind of key, with a new root key, a delegation,
//! lengths, hashes, and characters that a canonical form may get wrong.

use super::*;

macro_rules! sample {
    ($kind:literal) => {
        sample([
            (
                "1.root.json",
                include_str!(concat!("samples/", $kind, "/1.root.json")),
            ),
            (
                "2.root.json",
                include_str!(concat!("samples/", $kind, "/2.root.json")),
            ),
            (
                "timestamp.json",
                include_str!(concat!("samples/", $kind, "/timestamp.json")),
            ),
            (
                "1.snapshot.json",
                include_str!(concat!("samples/", $kind, "/1.snapshot.json")),
            ),
            (
                "1.targets.json",
                include_str!(concat!("samples/", $kind, "/1.targets.json")),
            ),
            (
                "1.feed.json",
                include_str!(concat!("samples/", $kind, "/1.feed.json")),
            ),
        ])
    };
}

fn sample(files: [(&str, &str); 6]) -> Repository {
    let mut repository = Repository::new();
    let read = |(name, text): (&str, &str)| (name.to_owned(), text.as_bytes().to_vec());
    repository.files = files.into_iter().map(read).collect();
    repository
}

fn check(mut repository: Repository) {
    let follow = |repository: &Repository| {
        let mut client = Client::of(repository);
        let mut updater = client.refresh(repository)?;
        for (target, bytes) in [
            ("device.json", b"device".as_slice()),
            ("feeds/public.json", b"feed"),
        ] {
            updater.seek(target);
            client.run(&mut updater, repository)?;
            updater.found()?.1.verify(target, bytes)?;
        }
        Ok::<_, TufError>(updater.trusted().root_version())
    };
    assert_eq!(follow(&repository), Ok(2));
    // No file is good with a signature of which one digit is another.
    for name in [
        "1.root.json",
        "2.root.json",
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
        "1.feed.json",
    ] {
        let good = repository.files[name].clone();
        let mut metadata: Value = serde_json::from_slice(&good).unwrap();
        for signature in metadata["signatures"].as_array_mut().unwrap() {
            let text = signature["sig"].as_str().unwrap();
            let middle = text.len() / 2;
            let (before, after) = text.split_at(middle);
            let (digit, after) = after.split_at(1);
            let spoiled = format!("{before}{}{after}", if digit == "0" { "1" } else { "0" });
            signature["sig"] = json!(spoiled);
        }
        let bytes = metadata.to_string().into_bytes();
        repository.files.insert(name.to_owned(), bytes);
        assert!(follow(&repository).is_err(), "{name}");
        repository.files.insert(name.to_owned(), good);
    }
}

#[test]
fn ed25519() {
    check(sample!("ed25519"));
}

#[test]
fn ecdsa_on_p256() {
    check(sample!("ecdsa"));
}

#[cfg(feature = "tuf-rsa")]
#[test]
fn rsa_pss() {
    check(sample!("rsa"));
}

/// A phone has no RSA: what only such keys signed, nobody signed.
#[cfg(not(feature = "tuf-rsa"))]
#[test]
fn rsa_is_for_hosts() {
    let repository = sample!("rsa");
    let error = Client::of(&repository).refresh(&repository).unwrap_err();
    assert_eq!(error.code(), "tuf-threshold");
}
