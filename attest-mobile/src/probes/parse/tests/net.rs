//! Sockets and interfaces.

use std::fs;
use std::net::TcpListener;

use super::super::net::{interfaces, tcp, unix};
use super::{cuts, texts};

const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:69A2 00000000:0000 0A 00000000:00000000 00:00000000 00000000  2000        0 5151 1 0000000000000000 100 0 0 10 0
   1: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 647 1 0000000000000000 100 0 0 10 0
   2: 0F02000A:9C40 0101A8C0:01BB 01 00000000:00000000 02:000007AB 00000000 10182        0 9001 2 0000000000000000 20 4 30 10 -1
   3: 0F02000A:22B8 00000000:0000 0A 00000000:00000000 00:00000000 00000000 10182        0 9002 1 0000000000000000 100 0 0 10 0
";

const TCP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 10182        0 77 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 10182        0 78 1 0000000000000000 100 0 0 10 0
   2: B80D0120000000000000000067452301:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 10182        0 79 1 0000000000000000 100 0 0 10 0
";

const UNIX: &str = "Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 17251 /dev/socket/adbd
0000000000000000: 00000002 00000000 00000000 0005 01   771 @com.bank.app x
0000000000000000: 00000003 00000000 00000000 0002 03 25001
";

const INTERFACES: &str = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1024      16    0    0    0     0          0         0     1024      16    0    0    0     0       0          0
rmnet_data0: 5 1    0    0    0     0          0         0     9 1 0    0    0     0       0          0
 wlan0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
   a:b: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
";

#[test]
fn tcp_sockets_and_the_ports_that_loopback_reaches() {
    let check = |text: &str, locals: &[&str], ports: &[Option<u16>]| {
        let sockets = tcp::sockets(text.as_bytes()).whole().unwrap();
        let found: Vec<_> = sockets.iter().map(|socket| socket.local.to_string()).collect();
        assert_eq!(found, locals);
        assert_eq!(
            sockets.iter().map(tcp::Socket::loopback_port).collect::<Vec<_>>(),
            ports
        );
    };
    check(
        TCP,
        &[
            "127.0.0.1:27042",
            "0.0.0.0:2024",
            "10.0.2.15:40000",
            "10.0.2.15:8888",
        ],
        &[Some(27042), Some(2024), None, None],
    );
    check(
        TCP6,
        &[
            "[::1]:8080",
            "[::ffff:127.0.0.1]:8081",
            "[2001:db8::123:4567]:8082",
        ],
        &[Some(8080), Some(8081), None],
    );
    let connected = tcp::sockets(TCP.as_bytes()).value[2];
    assert_eq!(
        (connected.remote.to_string().as_str(), connected.state),
        ("192.168.1.1:443", 1)
    );
    assert_eq!((connected.uid, connected.ino), (10182, 9001));
}

#[test]
fn unix_sockets_and_interfaces() {
    let sockets = unix::sockets(UNIX.as_bytes()).whole().unwrap();
    let found: Vec<_> = sockets
        .iter()
        .map(|socket| (socket.kind, socket.state, socket.ino, &*socket.path))
        .collect();
    assert_eq!(
        found,
        [
            (1, 1, 17251, "/dev/socket/adbd"),
            (5, 1, 771, "@com.bank.app x"),
            (2, 3, 25001, "")
        ]
    );
    let names = interfaces::interfaces(INTERFACES.as_bytes()).whole().unwrap();
    assert_eq!(texts(&names), ["lo", "rmnet_data0", "wlan0", "a:b"]);
}

#[test]
fn what_is_cut_or_of_another_form_is_told() {
    type Read = fn(&[u8]) -> (usize, bool);
    let readers: [(&str, Read, usize); 4] = [
        (
            TCP,
            |text| {
                let read = tcp::sockets(text);
                (read.value.len(), read.truncated)
            },
            1,
        ),
        (
            TCP6,
            |text| {
                let read = tcp::sockets(text);
                (read.value.len(), read.truncated)
            },
            1,
        ),
        (
            UNIX,
            |text| {
                let read = unix::sockets(text);
                (read.value.len(), read.truncated)
            },
            1,
        ),
        (
            INTERFACES,
            |text| {
                let read = interfaces::interfaces(text);
                (read.value.len(), read.truncated)
            },
            2,
        ),
    ];
    for (text, read, head) in readers {
        for cut in cuts(text.as_bytes()) {
            let lines = cut.iter().filter(|byte| **byte == b'\n').count();
            let cut_line = cut.last() != Some(&b'\n') || lines < head;
            assert_eq!(
                read(cut),
                (lines.saturating_sub(head), cut_line),
                "{:?}",
                str::from_utf8(cut)
            );
        }
        let rows = text.lines().count() - head;
        // Without its head the text is something else, and a line of another kind is none of its rows.
        assert!(read(text.split_once('\n').unwrap().1.as_bytes()).1);
        assert_eq!(read(format!("{text}x\n").as_bytes()), (rows, true));
        assert_eq!(read(format!("{text}\n").as_bytes()), (rows, true));
        let last = text.lines().last().unwrap();
        let many = format!("{text}{}", format!("{last}\n").repeat(1_000_000));
        let (count, truncated) = read(many.as_bytes());
        assert!(truncated && (1000..20_000).contains(&count), "{count} rows");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_port_of_this_process_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = fs::read("/proc/self/net/tcp").unwrap();
    let sockets = tcp::sockets(&text).whole().unwrap();
    assert!(sockets.iter().any(|socket| socket.loopback_port() == Some(port)));
    let text = fs::read("/proc/self/net/dev").unwrap();
    assert!(
        interfaces::interfaces(&text)
            .whole()
            .unwrap()
            .iter()
            .any(|name| name == "lo")
    );
    let text = fs::read("/proc/self/net/unix").unwrap();
    assert!(!unix::sockets(&text).truncated);
}
