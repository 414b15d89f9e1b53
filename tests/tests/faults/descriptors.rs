//! No descriptors are left: hostile connections hold all that the process may have.

use std::time::Duration;

use attest_tests::crowd::Crowd;
use attest_tests::deployment::Deployment;
use attest_tests::origin::Origin;
use attest_tests::request::Request;
use attest_tests::slow::{Mode, Siege};

use super::assert_closed;

const LIMIT: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_without_descriptors_survives_and_recovers_by_itself() {
    let origin = Origin::sound().await;
    let deployment = Deployment::new(|_| ());
    let node = deployment.node("a", &origin.url(), "", "");
    let mut instance = node.start();
    let phone = deployment.phone(node.address);
    let balance = Request::balance();
    let sent = phone
        .send("GET", &balance.target, &balance.headers, b"")
        .await
        .unwrap();
    assert_eq!(sent.reply.status, 200);
    instance.limit("nofile", &LIMIT.to_string());
    // The listener's queue takes those that the process cannot.
    let pause = Duration::from_millis(200);
    let siege = Siege::lay(node.address, Mode::Head, 3 * LIMIT, pause).await;
    instance.logged("cannot accept connections").await;
    // A change of policy meets the same want, and takes effect all the same once that is over.
    deployment.publish(|policy| policy.cloner_rule = "enforce");
    drop(siege);
    assert!(instance.runs(), "{}", instance.log());
    instance.logged("policy activated").await;
    assert_closed(node.address).await;
    let phones = (0..4).map(|_| deployment.phone(node.address)).collect();
    let crowd = Crowd::start(phones, Duration::ZERO);
    crowd.answered(40).await;
    crowd.rests().await.assert_unharmed();
    let sent = phone
        .send("GET", &balance.target, &balance.headers, b"")
        .await
        .unwrap();
    assert_eq!(sent.reply.status, 200, "{:?}", sent.refusal);
    let (code, log) = instance.ends().await;
    assert_eq!(code, Some(0), "{log}");
}
