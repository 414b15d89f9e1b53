use super::*;
use ring::rand::SystemRandom;

#[test]
fn what_is_written_is_read_private_and_never_overwritten() {
    let rng = SystemRandom::new();
    let directory = tempfile::tempdir().unwrap();
    let keys = Keys::generate(&rng).unwrap();
    keys.write(directory.path()).unwrap();
    let read = Keys::read(directory.path(), &rng).unwrap();
    assert_eq!(read.attestation.current.kid, keys.attestation.current.kid);
    assert_eq!(read.fleet.reveal(), keys.fleet.reveal());
    assert_ne!(read.attestation.current.kid, read.assertion.current.kid);
    assert!(matches!(
        keys.write(directory.path()),
        Err(KeyFileError::Io { .. })
    ));
    #[cfg(unix)]
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            entry.unwrap().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

#[test]
fn damage_is_named() {
    let rng = SystemRandom::new();
    for (file, content, expect) in [
        (FLEET_FILE, "{}", "key-file-content"),
        (
            FLEET_FILE,
            r#"{"secret":"AA","ticket":{"current":1,"accepted":[1]},"support":{"current":1,"accepted":[1]}}"#,
            "key-file-content",
        ),
        (
            ATTESTATION_FILE,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "key-file-content",
        ),
        (ASSERTION_FILE, "", "key-file-content"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        Keys::generate(&rng).unwrap().write(directory.path()).unwrap();
        std::fs::write(directory.path().join(file), content).unwrap();
        let error = Keys::read(directory.path(), &rng).unwrap_err();
        assert_eq!(error.code(), expect, "{file}");
        assert!(error.to_string().contains(file), "{error}");
    }
}
