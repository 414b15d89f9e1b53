//! What the tests with real clients share: the tools, a gateway with everything behind it, tokens from `attest device`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use attest_testkit::policy::ANDROID_APP;
use attest_tests::binary::attest;
use attest_tests::deployment::{Deployment, Node, PUBLIC_ORIGIN};
use attest_tests::instance::Instance;
use attest_tests::origin::Origin;

/// Value of `Authorization` that tokens for the balance are bound to.
pub(super) const AUTHORIZATION: &str = "Bearer customer-1";
/// A request that needs a token, bound to its query and its authorization.
pub(super) const BALANCE: &str = "/v1/balance?currency=EUR";
/// Longer than any conversation takes: a hanging one must not hang the test.
const PATIENCE_S: &str = "120";

/// The Python with the pinned packages; `None`, and said so, where the tools were not set up.
pub(super) fn python() -> Option<PathBuf> {
    let venv = std::env::var_os("ATTEST_CLIENTS");
    if venv.is_none() {
        println!("not run: `cargo xtask test --only clients` sets the real clients up");
    }
    Some(PathBuf::from(venv?).join("bin/python"))
}

/// A script of `tests/clients`.
pub(super) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// Runs a client to its end and returns what it printed; fails with everything it said if it did not succeed.
pub(super) fn succeeds(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> String {
    told(program, arguments).unwrap_or_else(|said| panic!("{said}"))
}

/// What a client printed, or everything it said if it did not succeed.
pub(super) fn told(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Result<String, String> {
    let output = run(program.as_ref(), arguments, "");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(out);
    }
    let err = String::from_utf8_lossy(&output.stderr);
    Err(format!("{arguments:?}: {}\n{out}\n{err}", output.status))
}

/// Runs a client with this input.
pub(super) fn run(program: &std::ffi::OsStr, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new("timeout")
        .arg(PATIENCE_S)
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A server in Python, which prints its port. It ends with its standard input.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    /// Its port on loopback.
    pub(super) port: u16,
}

impl Server {
    pub(super) fn start(python: &Path, name: &str) -> Self {
        let mut child = Command::new(python)
            .arg(script(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let port = line.trim().parse();
        let port = port.unwrap_or_else(|_| panic!("{name} does not start: {line:?}"));
        Self { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill().is_err();
        let _reaped = self.child.wait().is_err();
    }
}

const ROUTES: &str = "- {id: grpc, methods: [POST], path: /field.Echo/*, upstream: grpc, require: enforce, apps: [bank-android]}
  - {id: socket, methods: [GET], path: /socket, upstream: socket, require: enforce, apps: [bank-android]}";

/// A fleet whose routes lead to a bank, a gRPC server and a WebSocket server.
pub(super) struct Stage {
    pub(super) deployment: Deployment,
    /// A gateway without TLS, where phones enrol.
    pub(super) plain: Instance,
    bank: String,
    _origin: Origin,
}

/// The upstreams beside the bank.
pub(super) struct Behind {
    /// Lines of the gRPC upstream's section.
    pub(super) grpc: String,
    /// Lines of the WebSocket upstream's section.
    pub(super) socket: String,
}

impl Behind {
    /// Ports where nobody listens, for tests that go to the bank only.
    pub(super) fn nobody() -> Self {
        Self {
            grpc: "url = \"http://127.0.0.1:9\"".to_owned(),
            socket: "url = \"http://127.0.0.1:9\"".to_owned(),
        }
    }

    fn sections(&self) -> String {
        let Self { grpc, socket } = self;
        format!("[[upstreams]]\nname = \"grpc\"\n{grpc}\n\n[[upstreams]]\nname = \"socket\"\n{socket}\n")
    }
}

impl Stage {
    pub(super) async fn open(behind: &Behind) -> Self {
        let origin = Origin::sound().await;
        let deployment = Deployment::new(|policy| policy.more_routes = ROUTES);
        let plain = deployment
            .node("plain", &origin.url(), "", &behind.sections())
            .start();
        Self {
            bank: origin.url(),
            deployment,
            plain,
            _origin: origin,
        }
    }

    /// A further gateway, which takes the same tokens.
    pub(super) fn node(&self, name: &str, behind: &Behind, more: &str) -> Node {
        let more = format!("{}\n{more}\n", behind.sections());
        self.deployment.node(name, &self.bank, "", &more)
    }

    /// The header lines that `attest device --print-token` makes for a request, each as `Name: value`.
    pub(super) fn token(&self, method: &str, path: &str, more: &[&str]) -> String {
        let gateway = format!("http://{}", self.plain.address);
        let mut arguments = vec!["device", "--gateway", &gateway, "--app", ANDROID_APP];
        arguments.extend([
            "--origin",
            PUBLIC_ORIGIN,
            "--method",
            method,
            "--path",
            path,
            "--print-token",
        ]);
        arguments.extend(more);
        succeeds(attest(), &arguments)
    }

    /// The header lines for the balance.
    pub(super) fn balance_token(&self) -> String {
        self.token("GET", BALANCE, &["--authorization", AUTHORIZATION])
    }

    /// The bare session token for a request.
    pub(super) fn bare_token(&self, method: &str, path: &str) -> String {
        let headers = self.token(method, path, &["--json"]);
        let mut headers: BTreeMap<String, String> = serde_json::from_str(&headers).unwrap();
        headers.remove("attest-token").unwrap()
    }
}
