//! The guarded stream by itself, on a clock that stands still: what it hands on, and when it stops waiting.

use http::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;
use crate::upstream::ResponseBody;

const LIMITS: Limits = Limits {
    head_bytes: 8192,
    head_fields: 100,
};
const TIMEOUT: Duration = Duration::from_secs(10);
const HEAD: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

fn connected() -> (DuplexStream, Guarded<DuplexStream>, Exchanges) {
    let (client, server) = duplex(1 << 20);
    let exchanges = Exchanges::new(Instant::now());
    let guarded = Guarded::new(server, LIMITS, TIMEOUT, Instant::now(), exchanges.clone());
    (client, guarded, exchanges)
}

/// What one read hands on; `None` if it waits for ever.
async fn read(guarded: &mut Guarded<DuplexStream>) -> Option<io::Result<String>> {
    let mut bytes = vec![0; 16384];
    let read = tokio::time::timeout(100 * TIMEOUT, guarded.read(&mut bytes)).await;
    read.ok()
        .map(|read| read.map(|read| String::from_utf8_lossy(&bytes[..read]).into_owned()))
}

async fn reads(guarded: &mut Guarded<DuplexStream>) -> String {
    read(guarded).await.unwrap().unwrap()
}

fn stand_in() -> &'static str {
    std::str::from_utf8(STAND_IN).unwrap()
}

fn answer(exchanges: &Exchanges, status: u16) {
    let exchange = exchanges.begin().unwrap();
    let mut response = Response::new(ResponseBody::Empty);
    *response.status_mut() = status.try_into().unwrap();
    drop(exchange.answer(response));
}

#[test]
fn a_connection_can_be_handed_over_after_an_upgrade() {
    fn sent<T: Send + Unpin + 'static>() {}
    sent::<Guarded<tokio::net::TcpStream>>();
}

#[tokio::test(start_paused = true)]
async fn no_part_of_a_head_is_handed_on() {
    let (mut client, mut guarded, _exchanges) = connected();
    let (begin, end) = HEAD.split_at(9);
    client.write_all(begin.as_bytes()).await.unwrap();
    let early = tokio::time::timeout(TIMEOUT / 2, guarded.read_u8()).await;
    assert!(early.is_err(), "{early:?}");
    client.write_all(end.as_bytes()).await.unwrap();
    assert_eq!(reads(&mut guarded).await, HEAD);
}

#[tokio::test(start_paused = true)]
async fn the_good_requests_before_a_bad_one_are_handed_on() {
    let bad = "GET / HTTP/1.1\r\nhost : a\r\n\r\n";
    for cut in 0..HEAD.len() + bad.len() {
        let (mut client, mut guarded, exchanges) = connected();
        let all = format!("{HEAD}{bad}");
        let (begin, end) = all.split_at(cut);
        client.write_all(begin.as_bytes()).await.unwrap();
        let early = tokio::time::timeout(TIMEOUT / 2, reads(&mut guarded)).await;
        client.write_all(end.as_bytes()).await.unwrap();
        client.write_all(HEAD.as_bytes()).await.unwrap();
        let mut seen = early.unwrap_or_default();
        while seen.len() < HEAD.len() + STAND_IN.len() {
            seen += &reads(&mut guarded).await;
        }
        assert_eq!(seen, format!("{HEAD}{}", stand_in()), "cut at {cut}");
        assert!(
            read(&mut guarded).await.is_none(),
            "nothing comes after the stand-in, not even an end"
        );
        answer(&exchanges, 200);
        assert_eq!(exchanges.begin().unwrap_err().1, Reason::FieldSpaceBeforeColon);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_goes_wrong_late_breaks_off() {
    let (mut client, mut guarded, _exchanges) = connected();
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(reads(&mut guarded).await, head);
    client.write_all(b"0\r\nhost: b\r\n\r\n").await.unwrap();
    let error = read(&mut guarded).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "trailer-refused");
    client.write_all(HEAD.as_bytes()).await.unwrap();
    assert!(read(&mut guarded).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_closed_and_who_begins_is_told() {
    for (begin, expect) in [
        ("", ""),
        ("G", stand_in()),
        ("GET / HTTP/1.1\r\n", stand_in()),
        ("PRI", stand_in()),
    ] {
        let (mut client, mut guarded, exchanges) = connected();
        let start = Instant::now();
        client.write_all(begin.as_bytes()).await.unwrap();
        assert_eq!(reads(&mut guarded).await, expect);
        assert_eq!(start.elapsed(), TIMEOUT, "{begin:?}");
        let told = exchanges.begin().err().map(|(_, reason)| reason);
        assert_eq!(told, (!begin.is_empty()).then_some(Reason::HeadTimeout));
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_a_second_wins_no_time() {
    let (mut client, mut guarded, _exchanges) = connected();
    let start = Instant::now();
    let dripping = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            client.write_all(b"x").await.unwrap();
        }
    };
    tokio::select! {
        seen = reads(&mut guarded) => assert_eq!(seen, stand_in()),
        () = dripping => {}
    }
    assert_eq!(start.elapsed(), TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn an_answer_on_its_way_stops_the_wait_and_its_end_begins_it() {
    let (mut client, mut guarded, exchanges) = connected();
    for _ in 0..3 {
        client.write_all(HEAD.as_bytes()).await.unwrap();
        assert_eq!(reads(&mut guarded).await, HEAD);
        assert!(
            read(&mut guarded).await.is_none(),
            "however long the answer takes"
        );
        answer(&exchanges, 200);
        tokio::time::sleep(TIMEOUT / 2).await;
    }
    let start = Instant::now();
    assert_eq!(reads(&mut guarded).await, "");
    assert_eq!(start.elapsed(), TIMEOUT / 2);
}

#[tokio::test(start_paused = true)]
async fn what_follows_an_upgrade_waits_for_its_answer() {
    let upgrade = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    let frame = "\u{1}not HTTP\r\n\r\n";
    for (status, behind, expect) in [(101, frame, frame), (200, HEAD, HEAD), (200, frame, stand_in())] {
        let (mut client, mut guarded, exchanges) = connected();
        client
            .write_all(format!("{upgrade}{behind}").as_bytes())
            .await
            .unwrap();
        assert_eq!(reads(&mut guarded).await, upgrade);
        assert!(read(&mut guarded).await.is_none());
        answer(&exchanges, status);
        assert_eq!(reads(&mut guarded).await, expect, "{status} {behind:?}");
        if status == 101 {
            client.write_all(b"\0\xff").await.unwrap();
            assert_eq!(
                guarded.read_u16().await.unwrap(),
                0x00ff,
                "and everything else, as it is"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_is_heard_out_for_a_while() {
    let (mut client, mut guarded, _exchanges) = connected();
    client.write_all(b"\0").await.unwrap();
    assert_eq!(reads(&mut guarded).await, stand_in());
    let start = Instant::now();
    let closing = guarded.shutdown();
    let sending = client.write_all(&[b'x'; 100_000]);
    let (closed, sent) = tokio::join!(closing, sending);
    closed.unwrap();
    sent.unwrap();
    assert_eq!(start.elapsed(), LINGER);
    let mut seen = String::new();
    assert_eq!(
        client.read_to_string(&mut seen).await.unwrap(),
        0,
        "it sees the end at once"
    );

    let (mut client, mut guarded, _exchanges) = connected();
    client.write_all(b"\0").await.unwrap();
    assert_eq!(reads(&mut guarded).await, stand_in());
    client.shutdown().await.unwrap();
    let start = Instant::now();
    guarded.shutdown().await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO, "who has left is not waited for");
}

#[tokio::test(start_paused = true)]
async fn who_still_takes_its_answer_is_not_late() {
    let (mut client, server) = duplex(64);
    let exchanges = Exchanges::new(Instant::now());
    let mut guarded = Guarded::new(server, LIMITS, TIMEOUT, Instant::now(), exchanges.clone());
    client.write_all(HEAD.as_bytes()).await.unwrap();
    assert_eq!(reads(&mut guarded).await, HEAD);
    answer(&exchanges, 200);
    let all = [0; 100];
    let begun = guarded.write(&all).await.unwrap();
    let stuck = tokio::time::timeout(TIMEOUT, guarded.write(&all[begun..])).await;
    assert!(stuck.is_err(), "{stuck:?}");
    assert!(read(&mut guarded).await.is_none());
    client.read_exact(&mut [0; 64]).await.unwrap();
    guarded.write_all(&all[begun..]).await.unwrap();
    let start = Instant::now();
    assert_eq!(reads(&mut guarded).await, "");
    assert_eq!(start.elapsed(), TIMEOUT);
}
