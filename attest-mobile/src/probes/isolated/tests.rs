//! Both ends over a real socket, one of them spoiled.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use attest_core::facts::{FactMap, FactRef, NOT_OBSERVED, Observation, Value};
use proptest::prelude::*;

use super::*;
use crate::probes::sys::Unlimited;

const NONCE: Nonce = Nonce::new([7; 16]);

fn questions() -> Vec<FactRef> {
    [
        "id.ppid",
        "path.lines(/proc/self/maps)@syscall",
        "fd.rows",
        "java.debugger",
        "prop(a)",
    ]
    .map(|text| text.parse().unwrap())
    .to_vec()
}

fn facts() -> FactMap {
    let said = [
        Observation::Value(Value::Integer(-3)),
        Observation::Value(Value::List(vec!["a\n\"\u{e9}".into(), String::new()])),
        Observation::Value(Value::Rows(vec![[("fd".to_owned(), "3".to_owned())].into()])),
        Observation::Absent,
        Observation::Error(NOT_OBSERVED),
    ];
    questions().into_iter().zip(said).collect()
}

/// What `ask` returns when the other end gets the questions and then writes these bytes.
fn told(reply: &[u8]) -> Result<FactMap, IsolatedError> {
    let (app, isolated) = UnixStream::pair().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            channel::receive(&isolated, ASKED_MAX, &Unlimited).unwrap();
            drop((&isolated).write_all(reply));
        });
        ask(&app, &NONCE, &questions(), &Unlimited)
    })
}

fn framed(json: &str) -> Vec<u8> {
    let length = u32::try_from(json.len()).unwrap();
    [&length.to_be_bytes(), json.as_bytes()].concat()
}

fn answers(nonce: &str, answers: &str) -> Vec<u8> {
    framed(&format!(r#"{{"version":1,"nonce":{nonce},"answers":{answers}}}"#))
}

#[test]
fn what_was_asked_is_answered_and_nothing_else() {
    let (app, isolated) = UnixStream::pair().unwrap();
    let asked = questions();
    let more = FactRef::plain(attest_core::facts::FactId::ID_UID).unwrap();
    let said = thread::scope(|scope| {
        scope.spawn(|| {
            let mut facts = facts();
            facts.insert(more, Value::Integer(0));
            serve(
                &isolated,
                &|questions| {
                    assert_eq!(questions, asked);
                    facts.clone()
                },
                &Unlimited,
            )
            .unwrap();
            // The second exchange is over the same socket.
            serve(&isolated, &|_| FactMap::default(), &Unlimited).unwrap();
            assert_eq!(
                serve(&isolated, &|_| FactMap::default(), &Unlimited),
                Err(IsolatedError::Closed)
            );
        });
        let said = ask(&app, &NONCE, &asked, &Unlimited);
        assert_eq!(
            ask(&app, &Nonce::new([8; 16]), &asked, &Unlimited),
            Ok(FactMap::default())
        );
        drop(app);
        said
    });
    assert_eq!(said, Ok(facts()));
}

#[test]
fn a_spoiled_answer_is_refused() {
    let check = |reply: &[u8], expect: Result<usize, IsolatedError>| {
        let shown = String::from_utf8_lossy(reply).into_owned();
        assert_eq!(told(reply).map(|facts| facts.len()), expect, "{shown}");
    };
    let nonce = format!("{:?}", [7; 16]);
    check(&answers(&nonce, r#"[["id.ppid",1]]"#), Ok(1));
    check(&answers(&nonce, "[]"), Ok(0));
    check(
        &answers(&format!("{:?}", [8; 16]), "[]"),
        Err(IsolatedError::Foreign),
    );
    check(&answers("[7,7]", "[]"), Err(IsolatedError::Malformed));
    check(&answers(&nonce, r#"[["id.uid",1]]"#), Err(IsolatedError::Unasked));
    check(
        &answers(&nonce, r#"[["no.such",1]]"#),
        Err(IsolatedError::Unasked),
    );
    check(
        &answers(&nonce, r#"[["id.ppid",1],["id.ppid",2]]"#),
        Err(IsolatedError::Unasked),
    );
    check(
        &answers(&nonce, r#"[["id.ppid",1.5]]"#),
        Err(IsolatedError::Malformed),
    );
    check(
        &answers(&nonce, r#"[["id.ppid"]]"#),
        Err(IsolatedError::Malformed),
    );
    check(
        &framed(r#"{"version":2,"other":[]}"#),
        Err(IsolatedError::Version(2)),
    );
    check(
        &framed(r#"{"version":1,"nonce":[],"answers":[],"more":0}"#),
        Err(IsolatedError::Malformed),
    );
    check(&framed("{}"), Err(IsolatedError::Malformed));
    check(&framed(""), Err(IsolatedError::Malformed));
    check(&u32::MAX.to_be_bytes(), Err(IsolatedError::Oversized));
    check(&[0, 0], Err(IsolatedError::Closed));
    check(&[0, 0, 0, 9, b'{'], Err(IsolatedError::Closed));
    check(b"", Err(IsolatedError::Closed));
}

#[test]
fn spoiled_questions_are_refused() {
    let check = |sent: &[u8], expect| {
        let (app, isolated) = UnixStream::pair().unwrap();
        (&app).write_all(sent).unwrap();
        drop(app);
        let served = serve(&isolated, &|_| FactMap::default(), &Unlimited);
        assert_eq!(served, Err(expect), "{}", String::from_utf8_lossy(sent));
    };
    let nonce = format!("{:?}", [7; 16]);
    let asked = |questions: &str| {
        framed(&format!(
            r#"{{"version":1,"nonce":{nonce},"questions":{questions}}}"#
        ))
    };
    check(&asked(r#"["no.such"]"#), IsolatedError::Malformed);
    check(&asked("[1]"), IsolatedError::Malformed);
    let many = vec![r#""id.uid""#; QUESTIONS_MAX + 1].join(",");
    check(&asked(&format!("[{many}]")), IsolatedError::Oversized);
    let most = u32::try_from(ASKED_MAX + 1).unwrap();
    check(&most.to_be_bytes(), IsolatedError::Oversized);
    check(b"", IsolatedError::Closed);
}

#[test]
fn too_much_is_not_sent() {
    let (app, _isolated) = UnixStream::pair().unwrap();
    let many = vec![FactRef::plain(attest_core::facts::FactId::ID_UID).unwrap(); QUESTIONS_MAX + 1];
    assert_eq!(
        ask(&app, &NONCE, &many, &Unlimited),
        Err(IsolatedError::Oversized)
    );
    let long: FactRef = format!("prop({})", "x".repeat(500)).parse().unwrap();
    let long = vec![long; QUESTIONS_MAX];
    assert_eq!(
        ask(&app, &NONCE, &long, &Unlimited),
        Err(IsolatedError::Oversized)
    );
}

#[test]
fn nobody_waits_beyond_the_deadline() {
    let asks = AtomicUsize::new(0);
    let third = || asks.fetch_add(1, Ordering::Relaxed) >= 2;
    let (app, isolated) = UnixStream::pair().unwrap();
    assert_eq!(
        ask(&app, &NONCE, &questions(), &third),
        Err(IsolatedError::Stopped)
    );
    // The questions were sent, and nobody read them.
    let mut first = [0; 4];
    (&isolated).read_exact(&mut first).unwrap();
    assert_eq!(
        serve(&app, &|_| FactMap::default(), &|| true),
        Err(IsolatedError::Stopped)
    );
}

#[test]
fn nobody_waits_for_a_reader_either() {
    let (app, isolated) = UnixStream::pair().unwrap();
    let asks = AtomicUsize::new(0);
    let later = || asks.fetch_add(1, Ordering::Relaxed) >= 100;
    let message = vec![b' '; ANSWERED_MAX];
    // More than a socket's buffer holds, while nobody reads.
    assert_eq!(
        channel::send(&app, &message, ANSWERED_MAX, &later),
        Err(IsolatedError::Stopped)
    );
    drop(isolated);
    assert_eq!(
        channel::send(&app, &message, ANSWERED_MAX, &Unlimited),
        Err(IsolatedError::Closed)
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_ne!(read_back(&bytes), Some(false));
    }

    #[test]
    fn questions_are_read_as_they_are_printed(params in proptest::collection::vec("[ -~\u{e9}]{1,30}", 0..20), nonce: [u8; 16]) {
        let questions: Vec<FactRef> = params.iter().filter_map(|param| {
            FactRef::new(attest_core::facts::FactId::PROP, Some(param), None).ok()
        }).collect();
        let nonce = Nonce::new(nonce);
        let printed = Questions::new(&nonce, &questions).unwrap().print().unwrap();
        prop_assert_eq!(Questions::parse(&printed).unwrap().read(), Ok((nonce, questions)));
        prop_assert_eq!(read_back(&printed), Some(true));
    }
}
