//! What is around the process: ports of this machine and its interfaces.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use attest_core::facts::Observation;
use attest_core::policy::Variables;

use super::super::super::posix::net::Net;
use super::{Errno, answers, error, items, text};

#[test]
fn a_port_is_told_by_what_it_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        (0..2)
            .map(|_| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = [0; 7];
                stream.read_exact(&mut asked).unwrap();
                stream
                    .write_all(b"REJECTED EXTERNAL DBUS_COOKIE_SHA1\r\nmore")
                    .unwrap();
                asked
            })
            .collect::<Vec<_>>()
    });
    // Whoever answers may be slow here; what says nothing is not waited for.
    let (patient, hasty) = (Net::with_patience(60_000), Net::with_patience(1));
    let ask = |net: &Net, port: &str| {
        let asked = ["libc", "syscall"].map(|view| format!("net.port_banner({port})@{view}"));
        let facts = answers(net, &Variables::default(), &asked.each_ref().map(String::as_str));
        let told: Vec<_> = facts.iter().map(|(_, told)| told.clone()).collect();
        assert_eq!(told[0], told[1]);
        told[0].clone()
    };
    assert_eq!(
        ask(&patient, &port.to_string()),
        text("REJECTED EXTERNAL DBUS_COOKIE_SHA1")
    );
    assert_eq!(server.join().unwrap(), [*b"\0AUTH\r\n"; 2]);
    // Now nobody listens there.
    assert_eq!(ask(&patient, &port.to_string()), Observation::Absent);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    assert_eq!(ask(&hasty, &port.to_string()), error(Errno::SILENT));
    assert_eq!(ask(&patient, "70000"), error(Errno::UNFIT));
    assert_eq!(ask(&patient, "x"), error(Errno::UNFIT));
}

#[test]
fn more_ports_than_a_scan_asks_stay_open_questions() {
    let asked: Vec<String> = (1..=20)
        .map(|port| format!("net.port_banner({port})@syscall"))
        .collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    assert_eq!(answers(&Net::default(), &Variables::default(), &asked).len(), 16);
}

#[test]
fn interfaces_are_named() {
    let facts = answers(
        &Net::default(),
        &Variables::default(),
        &["net.interfaces@libc", "net.interfaces", "net.interfaces@java"],
    );
    assert_eq!(facts.len(), 1);
    let names = items(facts.iter().next().unwrap().1.clone());
    for entry in std::fs::read_dir("/sys/class/net").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "{name}");
    }
}
