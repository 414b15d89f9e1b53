//! What `Host` may be: one host and an optional port, in the plain spelling that clients use. It resolves nothing and never
//! says whether a host is served here.

use std::net::Ipv6Addr;

/// Whether a value is a name, an IPv4 address or a bracketed IPv6 address, with an optional port from 1 to 65535.
pub(crate) fn is_host(value: &[u8]) -> bool {
    let Some((host, port)) = split(value) else {
        return false;
    };
    let named = match host.strip_prefix(b"[") {
        Some(address) => address
            .strip_suffix(b"]")
            .and_then(|address| std::str::from_utf8(address).ok())
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => {
            !host.is_empty()
                && host
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        }
    };
    named && port.is_none_or(|port| number(port).is_some())
}

/// Whether an authority, of an absolute target or of HTTP/2, is the host that `Host` names, where no port is the scheme's own.
pub(crate) fn agree(authority: &[u8], host: &[u8], default_port: u16) -> bool {
    let (Some((one, one_port)), Some((other, other_port))) = (split(authority), split(host)) else {
        return false;
    };
    let port = |port: Option<&[u8]>| port.map_or(Some(default_port), number);
    one.eq_ignore_ascii_case(other) && port(one_port).is_some() && port(one_port) == port(other_port)
}

/// The port of `http` or `https` where none is given.
pub(crate) const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Host, brackets included, and port.
fn split(value: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let end = match value.first()? {
        b'[' => value.iter().position(|byte| *byte == b']')?.checked_add(1)?,
        _ => value.iter().position(|byte| *byte == b':').unwrap_or(value.len()),
    };
    let (host, rest) = value.split_at_checked(end)?;
    match rest.split_first() {
        None => Some((host, None)),
        Some((b':', port)) => Some((host, Some(port))),
        Some(_) => None,
    }
}

fn number(port: &[u8]) -> Option<u16> {
    let digits = !port.is_empty() && port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(port).ok().filter(|_| digits)?;
    text.parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_with_an_optional_port() {
        let check = |value: &str, expect| assert_eq!(is_host(value.as_bytes()), expect, "{value:?}");
        check("api.bank.example", true);
        check("API.bank.example:8443", true);
        check("localhost:1", true);
        check("a_b.internal.:65535", true);
        check("127.0.0.1:80", true);
        check("[::1]", true);
        check("[2001:db8::1]:443", true);
        check("", false);
        check(":80", false);
        check("a:", false);
        check("a:0", false);
        check("a:65536", false);
        check("a:080808", false);
        check("a:+80", false);
        check("a:8x", false);
        check("a:80:80", false);
        check("user@a", false);
        check("a b", false);
        check("a,b", false);
        check("a, a", false);
        check("a/b", false);
        check("a%41", false);
        check("\u{e4}.example", false);
        check("[::1", false);
        check("::1", false);
        check("[::1]x", false);
        check("[::1]:", false);
        check("[::1%25eth0]", false);
        check("[127.0.0.1]", false);
    }

    #[test]
    fn authorities_agree_in_any_case_and_without_their_own_port() {
        let check = |one: &str, other: &str, expect| {
            for secure in [false, true] {
                let one = one.replace("{own}", if secure { "443" } else { "80" });
                let agreed = agree(one.as_bytes(), other.as_bytes(), default_port(secure));
                assert_eq!(agreed, expect, "{one} {other}");
            }
        };
        check("a.example", "A.example", true);
        check("a.example:{own}", "a.example", true);
        check("a.example:8080", "a.example:8080", true);
        check("[::1]:{own}", "[::1]", true);
        check("a.example:8080", "a.example", false);
        check("a.example", "a.example.", false);
        check("user@a.example", "a.example", false);
        check("a.example:", "a.example", false);
        check("a.example", "b.example", false);
        check("", "a.example", false);
    }
}
