//! What a token is bound to, and how it is remembered: the request it was minted for, moved in one place at a time.

use attest_core::token::binding::{Bind, normal_origin};
use attest_core::token::single_use::SingleUseKey;
use serde_json::json;

use super::raw::RawJws;
use super::samples::World;
use super::session::{Case, check};
use super::world::{NOW, Payment, minted};

#[test]
fn the_request_is_the_one_that_was_bound() {
    check(&[
        (
            "another method",
            |c| c.request.method = "PUT".to_owned(),
            Err("binding-method"),
        ),
        (
            "the method in small letters",
            |c| c.request.method = "post".to_owned(),
            Err("binding-method"),
        ),
        (
            "another path",
            |c| c.request.path = "/v1/payments/2".to_owned(),
            Err("binding-target"),
        ),
        (
            "a trailing slash",
            |c| c.request.path.push('/'),
            Err("binding-target"),
        ),
        (
            "another case of the path",
            |c| c.request.path = "/v1/Payments".to_owned(),
            Err("binding-target"),
        ),
        (
            "an escaped letter of the path",
            |c| c.request.path = "/v1/p%61yments".to_owned(),
            Ok(()),
        ),
        (
            "an escaped slash",
            |c| c.request.path = "/v1%2Fpayments".to_owned(),
            Err("binding-target"),
        ),
        (
            "another origin",
            |c| c.request.origins = vec!["https://api.other.example".to_owned()],
            Err("binding-target"),
        ),
        ("no origin", |c| c.request.origins.clear(), Err("binding-target")),
        (
            "http",
            |c| c.request.origins = vec!["http://api.bank.example".to_owned()],
            Err("binding-target"),
        ),
        (
            "one of several origins",
            |c| c.request.origins.insert(0, "https://www.bank.example".to_owned()),
            Ok(()),
        ),
        (
            "htu with a query",
            |c| c.claim("htu", "https://api.bank.example/v1/payments?reference=7"),
            Err("binding-target"),
        ),
        (
            "htu in another spelling",
            |c| c.claim("htu", "HTTPS://API.bank.example:443/v1/%70ayments"),
            Ok(()),
        ),
        (
            "htu that is a path",
            |c| c.claim("htu", "/v1/payments"),
            Err("binding-target"),
        ),
        ("no htu", |c| c.claim("htu", json!(null)), Err("binding-target")),
        ("no htm", |c| c.claim("htm", json!(null)), Err("binding-method")),
        (
            "another query",
            |c| c.request.query = Some("reference=8".to_owned()),
            Err("binding-query"),
        ),
        (
            "an added query member",
            |c| c.request.query = Some("reference=7&x=1".to_owned()),
            Err("binding-query"),
        ),
        (
            "an escaped query",
            |c| c.request.query = Some("reference=%37".to_owned()),
            Err("binding-query"),
        ),
        ("no query", |c| c.request.query = None, Err("binding-query")),
        (
            "another body",
            |c| c.request.body = Some(br#"{"amount":2}"#.to_vec()),
            Err("binding-body"),
        ),
        (
            "an empty body",
            |c| c.request.body = Some(Vec::new()),
            Err("binding-body"),
        ),
        (
            "a body that was not read",
            |c| c.request.body = None,
            Err("binding-body"),
        ),
        (
            "another authorization",
            |c| c.request.authorization = Some("Bearer abd".to_owned()),
            Err("binding-authorization"),
        ),
        (
            "no authorization",
            |c| c.request.authorization = None,
            Err("binding-authorization"),
        ),
        (
            "the same credentials in another scheme",
            |c| c.request.authorization = Some("DPoP abc".to_owned()),
            Ok(()),
        ),
        (
            "no query binding",
            |c| c.claim("qh", json!(null)),
            Err("binding-missing"),
        ),
        (
            "no body binding",
            |c| c.claim("bh", json!(null)),
            Err("binding-missing"),
        ),
        (
            "no authorization binding",
            |c| c.claim("ath", json!(null)),
            Err("binding-missing"),
        ),
        (
            "no binding where none is asked for",
            |c| {
                for name in ["qh", "bh", "ath"] {
                    c.claim(name, json!(null));
                }
                c.request.required.clear();
            },
            Ok(()),
        ),
        (
            "a moved query where none is asked for",
            |c| {
                c.request.required.clear();
                c.request.query = None;
            },
            Err("binding-query"),
        ),
        (
            "a streamed body where none is asked for",
            |c| {
                c.request.required = vec![Bind::Query];
                c.request.body = None;
            },
            Ok(()),
        ),
    ]);
}

#[test]
fn an_absent_part_is_bound_as_the_empty_one() {
    let world = World::new();
    let bare = Payment {
        query: None,
        body: Some(Vec::new()),
        authorization: None,
        ..Payment::new()
    };
    for (what, change, expect) in [
        ("nothing", (|_| {}) as fn(&mut Payment), Ok(())),
        ("an empty query", |r| r.query = Some(String::new()), Ok(())),
        (
            "a query",
            |r| r.query = Some("a".to_owned()),
            Err("binding-query"),
        ),
        ("a body", |r| r.body = Some(vec![0]), Err("binding-body")),
        (
            "an authorization",
            |r| r.authorization = Some("Bearer x".to_owned()),
            Err("binding-authorization"),
        ),
    ] {
        let mut request = bare.clone();
        change(&mut request);
        let case = Case {
            raw: RawJws::read(&minted(&world.session, &bare.claims(NOW))),
            request,
            ..Case::new(&world)
        };
        assert_eq!(case.outcome().map(|_| ()), expect, "{what} added");
    }
    assert_eq!(
        normal_origin("HTTPS://A.example:443/").as_deref(),
        Some("https://a.example")
    );
}

#[test]
fn a_token_is_remembered_by_app_device_and_id() {
    let world = World::new();
    let key = |case: Case<'_>| SingleUseKey::of(&case.outcome().unwrap());
    let case = |id: &str| {
        let mut case = Case::new(&world);
        case.claim("jti", id);
        case
    };
    let (one, two) = ("A".repeat(22), "B".repeat(22));
    assert_eq!(key(case(&one)), key(case(&one)));
    assert_ne!(key(case(&one)), key(case(&two)));
    let other = World::new();
    let elsewhere = Case {
        world: &other,
        ..Case::new(&other)
    };
    let mut elsewhere = elsewhere;
    elsewhere.claim("jti", one.as_str());
    assert_ne!(
        key(case(&one)),
        key(elsewhere),
        "two phones may choose the same id"
    );
}
