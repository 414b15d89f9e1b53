//! gRPC and WebSocket, client and server in Python, over the clear and over TLS.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use attest_tests::balancer::Balancer;
use attest_tests::deployment::PUBLIC_ORIGIN;

use super::stage::{Behind, Server, Stage, python, script, succeeds, told};
use super::tls::Certificates;

const METHODS: [&str; 5] = ["Unary", "ServerStream", "ClientStream", "Bidi", "Impatient"];

fn converse(stage: &Stage, python: &Path, at: SocketAddr, ca: Option<&Path>) {
    let (target, ca) = (at.to_string(), ca.map_or("", |ca| ca.to_str().unwrap()));
    let client = script("grpc_client.py");
    let tokens = METHODS.map(|method| {
        let token = stage.bare_token("POST", &format!("/field.Echo/{method}"));
        format!("{method}={token}")
    });
    let name = PUBLIC_ORIGIN.trim_start_matches("https://");
    let mut arguments = vec![client.to_str().unwrap(), &target, ca, name];
    arguments.extend(tokens.iter().map(String::as_str));
    let told = succeeds(python, &arguments);
    assert_eq!(told.matches("ok ").count(), 14, "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_in_python() {
    let Some(python) = python() else { return };
    let server = Server::start(&python, "grpc_server.py");
    let stage = Stage::open(&Behind::nobody()).await;
    let behind = Behind {
        grpc: format!("url = \"http://127.0.0.1:{}\"\nprotocol = \"http2\"", server.port),
        ..Behind::nobody()
    };
    let node = stage.node("grpc", &behind, "");
    let instance = node.start();
    converse(&stage, &python, instance.address, None);
    let certificates = Certificates::make(stage.deployment.folder());
    let node = stage.node("grpc-tls", &behind, &certificates.config(""));
    let instance = node.start();
    converse(&stage, &python, instance.address, Some(&certificates.ca));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_grpc_call_notices_a_rolling_restart() {
    let Some(python) = python() else { return };
    let server = Server::start(&python, "grpc_server.py");
    let stage = Stage::open(&Behind::nobody()).await;
    let behind = Behind {
        grpc: format!("url = \"http://127.0.0.1:{}\"\nprotocol = \"http2\"", server.port),
        ..Behind::nobody()
    };
    let nodes = ["first", "second"].map(|name| stage.node(name, &behind, ""));
    let mut instances = nodes.each_ref().map(|node| Some(node.start()));
    let balancer = Balancer::open(nodes.iter().map(|node| node.address).collect()).await;
    let token = stage.bare_token("POST", "/field.Echo/Unary");
    let mut client = Command::new(&python)
        .arg(script("grpc_loop.py"))
        .args([balancer.address.to_string(), token])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut fifties = BufReader::new(client.stdout.take().unwrap()).lines();
    let mut goes_on = || assert!(fifties.by_ref().take(2).count() == 2, "a call failed");
    goes_on();
    for _ in 0..2 {
        for (node, instance) in nodes.iter().zip(&mut instances) {
            let (code, log) = instance.take().unwrap().ends().await;
            assert!(code == Some(0) && log.contains("aborted=0"), "{code:?} {log}");
            goes_on();
            *instance = Some(node.start());
            goes_on();
        }
    }
    drop(client.stdin.take());
    assert!(client.wait().unwrap().success(), "a call failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websocket_in_python() {
    let Some(python) = python() else { return };
    let server = Server::start(&python, "ws_server.py");
    let behind = Behind {
        socket: format!("url = \"http://127.0.0.1:{}\"", server.port),
        ..Behind::nobody()
    };
    let stage = Stage::open(&behind).await;
    let token = stage.bare_token("GET", "/socket");
    let client = script("ws_client.py");
    let converse = |url: &str, ca: &str, address: &str, log: &dyn Fn() -> String| {
        let told = told(&python, &[client.to_str().unwrap(), url, &token, ca, address])
            .unwrap_or_else(|said| panic!("{said}\n{}", log()));
        assert_eq!(told.matches("ok ").count(), 12, "{told}");
    };
    converse(
        &format!("ws://{}/socket", stage.plain.address),
        "",
        "",
        &String::new,
    );
    let certificates = Certificates::make(stage.deployment.folder());
    let more = format!("{}\n[log]\nlevel = \"debug\"\n", certificates.config(""));
    let node = stage.node("socket-tls", &behind, &more);
    let instance = node.start();
    let url = format!("{}/socket", PUBLIC_ORIGIN.replace("https://", "wss://"));
    let ca = certificates.ca.to_str().unwrap();
    converse(&url, ca, &instance.address.to_string(), &|| instance.log());
}
