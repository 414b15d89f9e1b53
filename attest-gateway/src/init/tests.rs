//! What is made loads and serves; what is there stays.

use super::*;
use crate::policy::ActivePolicy;

fn options(listen: &str) -> InitOptions {
    InitOptions {
        listen: listen.parse().unwrap(),
        ..InitOptions::default()
    }
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_made_loads_and_its_policy_can_be_activated() {
    for (listen, origin) in [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("127.0.0.1:80", "http://127.0.0.1"),
        ("[::1]:9443", "http://[::1]:9443"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let made = write(&folder.path().join("a/b"), &options(listen)).unwrap();
        let config = Config::read(&made.config).unwrap();
        assert_eq!(config.listen.address.to_string(), listen);
        assert_eq!(config.admin.address.port(), config.listen.address.port() + 1);
        let keys = Keys::read(&config.keys.directory, &SystemRandom::new()).unwrap();
        let compiled =
            attest_policy::compile(POLICY_FILE, &fs::read_to_string(&made.policy).unwrap()).unwrap();
        assert_eq!(compiled.gateway.origins, [origin]);
        let names: Vec<_> = config
            .upstreams
            .iter()
            .map(|upstream| upstream.name.clone())
            .collect();
        let rng = SystemRandom::new();
        let active = ActivePolicy::of_source(compiled, config.environment, &names, &keys, 1, &rng);
        assert_eq!(active.unwrap().audience(), origin);
        // The template's comments survive.
        let text = fs::read_to_string(&made.config).unwrap();
        assert!(
            text.starts_with("# Configuration") && text.contains("#idle_per_core = 64"),
            "{text}"
        );
    }
}

#[test]
fn beyond_loopback_only_when_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let options = InitOptions {
        public: true,
        origin: Some("http://127.0.0.1:8080".to_owned()),
        ..options("0.0.0.0:9000")
    };
    let made = write(folder.path(), &options).unwrap();
    let config = Config::read(&made.config).unwrap();
    assert!(config.allow_public_development);
    assert_eq!(config.listen.address, options.listen);
    let policy = fs::read_to_string(&made.policy).unwrap();
    assert!(policy.contains("origins: ['http://127.0.0.1:8080']"), "{policy}");
}

#[test]
fn every_upstream_of_the_policy_is_in_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let policy = attest_policy::EXAMPLE.replacen("upstream: bank\n", "upstream: status\n", 1);
    let options = InitOptions {
        policy: Some(policy.clone()),
        upstream_url: "http://127.0.0.1:7001".to_owned(),
        ..InitOptions::default()
    };
    let made = write(folder.path(), &options).unwrap();
    let config = Config::read(&made.config).unwrap();
    let upstreams: Vec<_> = config
        .upstreams
        .iter()
        .map(|u| (u.name.as_str(), u.url.as_str()))
        .collect();
    assert_eq!(
        upstreams,
        [
            ("bank", "http://127.0.0.1:7001"),
            ("status", "http://127.0.0.1:7001")
        ]
    );
    assert_eq!(fs::read_to_string(&made.policy).unwrap(), policy);
    let text = fs::read_to_string(&made.config).unwrap();
    assert!(
        text.find("\n[[upstreams]]\nname = \"status\"").unwrap() < text.find("[limits]").unwrap(),
        "{text}"
    );
}

#[cfg(unix)]
#[test]
fn secrets_are_private_and_differ() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let folder = tempfile::tempdir().unwrap();
    let made = write(folder.path(), &InitOptions::default()).unwrap();
    assert_eq!((mode(&made.keys), mode(&made.admin_token)), (0o700, 0o600));
    for name in files(&made.keys) {
        assert_eq!(mode(&made.keys.join(&name)), 0o600, "{name}");
    }
    let token = fs::read_to_string(&made.admin_token).unwrap();
    assert_eq!(
        attest_core::encoding::from_base64url(token.trim_end())
            .unwrap()
            .len(),
        32
    );
    let other = write(&folder.path().join("other"), &InitOptions::default()).unwrap();
    assert_ne!(fs::read_to_string(&other.admin_token).unwrap(), token);
    // The configuration knows the token by its hash, and nothing else of it.
    let config = Config::read(&made.config).unwrap();
    let tokens = crate::admin::AdminTokens::read(&config.admin.tokens).unwrap();
    assert!(config.admin.enabled && tokens.caller(token.trim_end()).is_some());
    assert!(
        !fs::read_to_string(&made.config)
            .unwrap()
            .contains(token.trim_end())
    );
    assert!(
        tokens
            .caller(fs::read_to_string(&other.admin_token).unwrap().trim_end())
            .is_none()
    );
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_of_a_failure() {
    for there in [CONFIG_FILE, POLICY_FILE, KEYS_FOLDER, ADMIN_TOKEN_FILE] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(there), "mine").unwrap();
        let error = write(folder.path(), &InitOptions::default()).unwrap_err();
        assert_eq!(error.code(), "init-exists");
        assert!(error.to_string().contains(there), "{error}");
        assert_eq!(files(folder.path()), [there]);
        assert_eq!(fs::read_to_string(folder.path().join(there)).unwrap(), "mine");
    }
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new");
    let refused = |options: InitOptions| {
        let error = write(&target, &options).unwrap_err();
        assert!(!target.exists(), "{error}");
        (error.code(), error.to_string())
    };
    let (code, message) = refused(options("0.0.0.0:8080"));
    assert_eq!(code, "init-config");
    assert!(message.contains("listen.address"), "{message}");
    let (code, message) = refused(InitOptions {
        upstream_url: "ftp://h".to_owned(),
        ..InitOptions::default()
    });
    assert_eq!(code, "init-config");
    assert!(message.contains("upstreams[0].url"), "{message}");
    let (code, message) = refused(InitOptions {
        policy: Some("version: 1\nroutes: 5\n".to_owned()),
        ..InitOptions::default()
    });
    assert_eq!(code, "init-policy");
    assert!(message.contains("policy.yaml:"), "{message}");
    fs::write(&target, "a file").unwrap();
    assert_eq!(
        write(&target, &InitOptions::default()).unwrap_err().code(),
        "init-io"
    );
    assert_eq!(fs::read_to_string(&target).unwrap(), "a file");
}

#[test]
fn what_was_begun_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b");
    let mut begun = Begun::default();
    begun.folders(&deep).unwrap();
    begun.private_folder(&deep.join(KEYS_FOLDER)).unwrap();
    fs::write(deep.join(KEYS_FOLDER).join("key"), "").unwrap();
    begun.file(&deep.join(CONFIG_FILE), 0o600, "x").unwrap();
    assert!(matches!(
        begun.file(&deep.join(CONFIG_FILE), 0o600, "y"),
        Err(InitError::Io { .. })
    ));
    drop(begun);
    assert_eq!(files(folder.path()), [""; 0]);
}
