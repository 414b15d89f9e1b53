//! One host for each request, whatever the protocol: `:authority` or an absolute target and `Host` agree, or one stands for the
//! other. After this layer `Host` is there, once, and the target is the path alone.
//!
//! It also refuses what may not travel over HTTP/2 because it would frame the request anew over HTTP/1.

use attest_core::problem::ProblemCode;
use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Uri, Version};

use super::hygiene::Inbound;
use super::step::Step;
use crate::guard::host;
use crate::refusal::Refusal;

/// The layer.
#[derive(Debug, Clone, Copy)]
pub struct Authority;

/// Fields that HTTP/2 does not have (RFC 9113 section 8.2.2).
const ONE_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TRANSFER_ENCODING,
    UPGRADE,
];

impl Step for Authority {
    type In = Inbound;
    type Out = Inbound;

    fn step(&self, mut request: Inbound) -> Result<Inbound, Refusal> {
        one_host(&mut request.parts)?;
        if request.parts.version == Version::HTTP_2 {
            of_http2(&request.parts.headers)?;
        }
        Ok(request)
    }
}

fn one_host(parts: &mut Parts) -> Result<(), Refusal> {
    let ambiguous = |reason| Refusal::new(ProblemCode::HeaderAmbiguous, reason);
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(ambiguous("host-not-single"));
    }
    let authority = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let named = match (host, authority) {
        (Some(host), Some(authority)) => {
            let secure = parts.uri.scheme() == Some(&Scheme::HTTPS);
            if !host::agree(authority, host.as_bytes(), host::default_port(secure)) {
                let code = ProblemCode::TargetAmbiguous;
                return Err(Refusal::new(code, "absolute-form-disagrees-with-host"));
            }
            None
        }
        (Some(_), None) => None,
        (None, Some(authority)) => HeaderValue::from_bytes(authority).ok(),
        (None, None) => return Err(ambiguous("host-missing")),
    };
    let known = named.as_ref().or(host);
    if !known.is_some_and(|host| host::is_host(host.as_bytes())) {
        return Err(ambiguous("host-malformed"));
    }
    if let Some(host) = named {
        parts.headers.insert(HOST, host);
    }
    if parts.uri.authority().is_some() {
        let path = parts.uri.path_and_query().cloned();
        parts.uri = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    }
    Ok(())
}

fn of_http2(headers: &HeaderMap) -> Result<(), Refusal> {
    let refuse = |reason| Err(Refusal::new(ProblemCode::RequestMalformed, reason));
    if ONE_CONNECTION.iter().any(|name| headers.contains_key(name)) {
        return refuse("connection-field-in-http-2");
    }
    if headers.get_all(TE).iter().any(|te| te != "trailers") {
        return refuse("te-not-trailers");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    /// The request after the layer's checks: its target and its host, or the reason.
    fn through(
        version: Version,
        uri: &str,
        fields: &[(&str, &str)],
    ) -> Result<(String, String), &'static str> {
        let mut request = Request::builder().version(version).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        one_host(&mut parts).map_err(|refusal| refusal.reason)?;
        if version == Version::HTTP_2 {
            of_http2(&parts.headers).map_err(|refusal| refusal.reason)?;
        }
        let host = parts.headers[HOST].to_str().unwrap().to_owned();
        Ok((parts.uri.to_string(), host))
    }

    #[test]
    fn one_host_in_every_protocol() {
        let check = |uri, hosts: &[&str], expect: Result<(&str, &str), &'static str>| {
            let fields: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            let expect = expect.map(|(target, host)| (target.to_owned(), host.to_owned()));
            for version in [Version::HTTP_11, Version::HTTP_2] {
                assert_eq!(
                    through(version, uri, &fields),
                    expect,
                    "{version:?} {uri} {hosts:?}"
                );
            }
        };
        check("/x?y", &["a"], Ok(("/x?y", "a")));
        check("http://a/x?y", &["A"], Ok(("/x?y", "A")));
        check("https://a/x", &[], Ok(("/x", "a")));
        check("https://a:443/", &["a"], Ok(("/", "a")));
        check("http://a", &["a:80"], Ok(("/", "a:80")));
        check("http://a?x", &["a"], Ok(("/?x", "a")));
        check("http://b/", &["a"], Err("absolute-form-disagrees-with-host"));
        check("https://a:80/", &["a"], Err("absolute-form-disagrees-with-host"));
        check("http://u@a/", &["a"], Err("absolute-form-disagrees-with-host"));
        check("http://u@a/", &[], Err("host-malformed"));
        check("http://a:0/", &[], Err("host-malformed"));
        check("/", &["a,b"], Err("host-malformed"));
        check("/", &[""], Err("host-malformed"));
        check("/", &["a", "a"], Err("host-not-single"));
        check("http://a/", &["a", "b"], Err("host-not-single"));
        check("/", &[], Err("host-missing"));
    }

    #[test]
    fn nothing_of_one_connection_travels_over_http2() {
        let check = |field: (&str, &str), expect: Option<&str>| {
            let found = through(Version::HTTP_2, "http://a/", &[field]).err();
            assert_eq!(found, expect, "{field:?}");
            assert_eq!(
                through(Version::HTTP_11, "http://a/", &[("host", "a"), field]).err(),
                None
            );
        };
        check(("connection", "close"), Some("connection-field-in-http-2"));
        check(
            ("transfer-encoding", "chunked"),
            Some("connection-field-in-http-2"),
        );
        check(("upgrade", "h2c"), Some("connection-field-in-http-2"));
        check(("keep-alive", "x"), Some("connection-field-in-http-2"));
        check(("proxy-connection", "x"), Some("connection-field-in-http-2"));
        check(("te", "gzip"), Some("te-not-trailers"));
        check(("te", "trailers, gzip"), Some("te-not-trailers"));
        check(("te", "trailers"), None);
        check(("x", "y"), None);
    }
}
