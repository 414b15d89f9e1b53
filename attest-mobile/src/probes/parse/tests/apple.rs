//! Mach-O heads, code signatures, property lists and profiles.

use super::super::ParseError;
use super::super::entitlements::{MAX_PARTS, signature};
use super::super::macho::{Architecture, Image, Span, architectures, image};
use super::super::plist::{MAX_BYTES, MAX_DEPTH, MAX_VALUES, Value, plist};
use super::super::provision::{Profile, profile};
use super::{cuts, forge};

const DIRECTORY: u32 = 0xfade_0c02;
const XML: u32 = 0xfade_7171;
const DER: u32 = 0xfade_7172;

#[test]
fn heads_of_programs() {
    let uuid = forge::command(0x1b, &[1, 2, 3, 4]);
    let encrypted = forge::command(0x2c, &[0x4000, 0x8000, 1, 0]);
    let signed = forge::command(0x1d, &[0x9000, 0x200]);
    let check = |commands: &[Vec<u8>], cryptid: Option<u32>, signature: Option<Span>| {
        let read = image(&forge::macho(commands)).unwrap();
        let expect = Image {
            cpu: 0x0100_000c,
            kind: 2,
            cryptid,
            signature,
        };
        assert_eq!(read, expect);
    };
    let span = Span {
        offset: 0x9000,
        bytes: 0x200,
    };
    check(&[], None, None);
    check(
        &[uuid.clone(), encrypted.clone(), signed.clone()],
        Some(1),
        Some(span),
    );
    check(&[forge::command(0x2c, &[0x4000, 0x8000, 0, 0])], Some(0), None);
    check(&[forge::command(0x21, &[0x4000, 0x8000, 1])], Some(1), None);
    let file = forge::macho(&[uuid.clone(), encrypted.clone(), signed.clone()]);
    assert_eq!(
        (span.of(&file), span.of(&vec![0; 0x9200])),
        (None, Some([0; 0x200].as_slice()))
    );
    for cut in cuts(&file) {
        assert_eq!(image(cut), Err(ParseError::Short));
    }
    let refused = |commands: &[Vec<u8>]| image(&forge::macho(commands)).unwrap_err();
    assert_eq!(
        refused(&[encrypted.clone(), encrypted]),
        ParseError::Contradiction
    );
    assert_eq!(refused(&[signed.clone(), signed]), ParseError::Contradiction);
    assert_eq!(refused(&[forge::words(&[0x1b, 7, 0])]), ParseError::Contradiction);
    assert_eq!(refused(&[forge::words(&[0x1b, 4096])]), ParseError::Contradiction);
    // Too small for what it is.
    assert_eq!(refused(&[forge::command(0x2c, &[0, 0])]), ParseError::Short);
    let spoiled = |at: usize, bytes: &[u8]| {
        let mut file = forge::macho(std::slice::from_ref(&uuid));
        file[at..at + bytes.len()].copy_from_slice(bytes);
        image(&file).unwrap_err()
    };
    assert_eq!(spoiled(0, b"\x7fELF"), ParseError::OtherFormat);
    assert_eq!(spoiled(0, &0xfeed_facf_u32.to_be_bytes()), ParseError::Variant);
    assert_eq!(spoiled(16, &[2]), ParseError::Contradiction);
    assert_eq!(spoiled(18, &[1]), ParseError::Bound);
    assert_eq!(spoiled(20, &[0xff; 4]), ParseError::Bound);
}

#[test]
fn files_of_several_architectures() {
    let narrow = [
        0xcafe_babe,
        2,
        0x0100_000c,
        2,
        0x4000,
        0x100,
        14,
        0x0100_0007,
        3,
        0x8000,
        0x200,
        14,
    ];
    let narrow = narrow.map(u32::to_be_bytes).concat();
    let arm = Architecture {
        cpu: 0x0100_000c,
        span: Span {
            offset: 0x4000,
            bytes: 0x100,
        },
    };
    let intel = Architecture {
        cpu: 0x0100_0007,
        span: Span {
            offset: 0x8000,
            bytes: 0x200,
        },
    };
    assert_eq!(architectures(&narrow), Ok(vec![arm, intel]));
    let wide = [0xcafe_babf, 1, 0x0100_000c, 2, 0, 0x4000, 0, 0x100, 14, 0]
        .map(u32::to_be_bytes)
        .concat();
    assert_eq!(architectures(&wide), Ok(vec![arm]));
    for file in [narrow, wide] {
        for cut in cuts(&file) {
            assert_eq!(architectures(cut), Err(ParseError::Short));
        }
    }
    assert_eq!(
        architectures(&[0xcafe_babe, 17].map(u32::to_be_bytes).concat()),
        Err(ParseError::Bound)
    );
    assert_eq!(architectures(&forge::macho(&[])), Err(ParseError::OtherFormat));
}

#[test]
fn what_a_signature_states() {
    let xml = forge::plist("<dict><key>get-task-allow</key><true/><key>a&amp;b</key><string/></dict>");
    let directory = forge::code_directory("com.bank.app", "TEAM123456");
    let parts = [
        (DIRECTORY, directory.clone()),
        (0xfade_0c01, vec![0; 4]),
        (XML, xml.clone()),
        (DER, forge::der(&["get-task-allow", &"n".repeat(200)])),
        // A directory by another hash: what it says is said.
        (DIRECTORY, forge::code_directory("other", "OTHER")),
    ];
    let file = forge::signature(&parts);
    let read = signature(&file).unwrap();
    assert_eq!(read.identifier.as_deref(), Some("com.bank.app"));
    assert_eq!(read.team.as_deref(), Some("TEAM123456"));
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(read.xml, names(&["a&b", "get-task-allow"]));
    assert_eq!(read.der, names(&["get-task-allow", &"n".repeat(200)]));
    let all: Vec<_> = read.entitlements().into_iter().map(str::len).collect();
    assert_eq!(all, [3, 14, 200]);
    for cut in cuts(&file) {
        assert_eq!(signature(cut), Err(ParseError::Short));
    }
    let refused = |parts: &[(u32, Vec<u8>)]| signature(&forge::signature(parts)).unwrap_err();
    assert_eq!(
        refused(&[(XML, xml.clone()), (XML, xml.clone())]),
        ParseError::Contradiction
    );
    assert_eq!(
        refused(&[(XML, forge::plist("<array/>"))]),
        ParseError::Contradiction
    );
    assert_eq!(refused(&[(XML, b"text".to_vec())]), ParseError::OtherFormat);
    assert_eq!(
        refused(&[(DER, forge::der(&["a", "a"]))]),
        ParseError::Contradiction
    );
    assert_eq!(refused(&[(DER, vec![0x30, 0])]), ParseError::Contradiction);
    assert_eq!(refused(&[(DER, vec![0x70, 0x80])]), ParseError::Variant);
    assert_eq!(
        refused(&[(DER, vec![0x70, 3, 2, 1, 2])]),
        ParseError::Contradiction
    );
    assert_eq!(refused(&vec![(0xfade_0c01, vec![]); 65]), ParseError::Bound);
    assert_eq!(signature(&forge::macho(&[])), Err(ParseError::OtherFormat));
    // Older directories name no team.
    let mut old = directory;
    old[..4].copy_from_slice(&0x2_0100_u32.to_be_bytes());
    let file = forge::signature(&[(DIRECTORY, old)]);
    assert_eq!(signature(&file).unwrap().team, None);
    assert_eq!(
        signature(&forge::signature(&[])),
        Ok(super::super::entitlements::Signature::default())
    );
    assert_eq!(MAX_PARTS, 64);
}

fn value(text: &str) -> Result<Value, ParseError> {
    plist(&forge::plist(text))
}

#[test]
fn values_of_a_property_list() {
    let check = |text: &str, expect: Value| assert_eq!(value(text), Ok(expect), "{text}");
    let text = |text: &str| Value::Text(text.to_owned());
    check(
        "<string>a &lt;&amp;&gt;&quot;&apos; &#x41;&#66;</string>",
        text("a <&>\"' AB"),
    );
    check("<string>a<![CDATA[<b>&amp;]]>c</string>", text("a<b>&amp;c"));
    check("<string/>", text(""));
    check("<string></string >", text(""));
    check(" <!-- <no> --> <integer> -7 </integer>\n", Value::Integer(-7));
    check("<true/>", Value::Boolean(true));
    check("<false></false>", Value::Boolean(false));
    check("<date>2026-01-01T00:00:00Z</date>", Value::Opaque);
    check(
        "<array><true/><string>x</string><array/></array>",
        Value::List(vec![Value::Boolean(true), text("x"), Value::List(vec![])]),
    );
    let dictionary = value("<dict><key>a</key><integer>1</integer><key>b</key><dict/></dict>").unwrap();
    assert_eq!(dictionary.at("a"), Some(&Value::Integer(1)));
    assert_eq!(dictionary.at("b"), Some(&Value::Dictionary(Default::default())));
    assert_eq!(
        (dictionary.at("c"), text("x").at("c"), dictionary.as_text()),
        (None, None, None)
    );
    // A signature pads with zeros.
    assert_eq!(
        plist(&[forge::plist("<true/>"), vec![0; 9]].concat()),
        Ok(Value::Boolean(true))
    );
}

#[test]
fn what_readers_could_read_differently_is_refused() {
    let check = |text: &str, expect: ParseError| assert_eq!(value(text), Err(expect), "{text}");
    check("", ParseError::Contradiction);
    check("<true/><true/>", ParseError::Contradiction);
    check("<true/>x", ParseError::Contradiction);
    check(
        "<dict><key>a</key><true/><key>a</key><false/></dict>",
        ParseError::Contradiction,
    );
    check("<dict><key>a</key></dict>", ParseError::Contradiction);
    check("<dict><true/></dict>", ParseError::Contradiction);
    check("<dict>x<key>a</key><true/></dict>", ParseError::Contradiction);
    check("<array><key>a</key></array>", ParseError::Contradiction);
    check("<string>a<b/></string>", ParseError::Contradiction);
    check("<string>&unknown;</string>", ParseError::Contradiction);
    check("<string>&#xD800;</string>", ParseError::Contradiction);
    check("<string>&#+65;</string>", ParseError::Contradiction);
    check("<string>&amp</string>", ParseError::Contradiction);
    check("<integer>1.5</integer>", ParseError::Contradiction);
    check(
        "<integer>9223372036854775808</integer>",
        ParseError::Contradiction,
    );
    check("<true>x</true>", ParseError::Contradiction);
    check("<other/>", ParseError::Contradiction);
    let check = |text: &[u8], expect: ParseError| assert_eq!(plist(text), Err(expect));
    check(b"", ParseError::OtherFormat);
    check(b"bplist00", ParseError::OtherFormat);
    check(b"<html/>", ParseError::OtherFormat);
    check(
        b"<!DOCTYPE plist [<!ENTITY a \"b\">]><plist><true/></plist>",
        ParseError::Variant,
    );
    check(b"<plist><string>\xff</string></plist>", ParseError::Contradiction);
    check(b"<plist><true/>", ParseError::Short);
    let file = forge::plist("<dict><key>a</key><array><string>x</string></array></dict>");
    for cut in cuts(file.trim_ascii_end()) {
        plist(cut).unwrap_err();
    }
}

#[test]
fn property_lists_are_bounded() {
    let nested = |depth| {
        value(&format!(
            "{}<true/>{}",
            "<array>".repeat(depth),
            "</array>".repeat(depth)
        ))
    };
    assert!(nested(MAX_DEPTH).is_ok());
    assert_eq!(nested(MAX_DEPTH + 1), Err(ParseError::Bound));
    assert_eq!(nested(10_000), Err(ParseError::Bound));
    let many = |count| value(&format!("<array>{}</array>", "<true/>".repeat(count)));
    assert!(many(MAX_VALUES - 1).is_ok());
    assert_eq!(many(MAX_VALUES), Err(ParseError::Bound));
    assert_eq!(plist(&vec![b' '; MAX_BYTES + 1]), Err(ParseError::Bound));
}

#[test]
fn what_a_profile_allows() {
    let read = |list: &str| profile(&forge::envelope(&forge::plist(list)));
    let development = "<dict><key>TeamIdentifier</key><array><string>TEAM123456</string><true/></array>\
        <key>Entitlements</key><dict><key>application-identifier</key><string>TEAM123456.com.bank.app</string>\
        <key>get-task-allow</key><true/></dict>\
        <key>ProvisionedDevices</key><array><string>a</string><string>b</string></array></dict>";
    let expect = Profile {
        teams: vec!["TEAM123456".to_owned()],
        app_id: Some("TEAM123456.com.bank.app".to_owned()),
        entitlements: vec!["application-identifier".to_owned(), "get-task-allow".to_owned()],
        allows_debugging: true,
        is_for_all_devices: false,
        devices: 2,
    };
    assert_eq!(read(development), Ok(expect));
    let enterprise = Profile {
        is_for_all_devices: true,
        ..Profile::default()
    };
    assert_eq!(
        read("<dict><key>ProvisionsAllDevices</key><true/></dict>"),
        Ok(enterprise)
    );
    assert_eq!(read("<dict/>"), Ok(Profile::default()));
    assert_eq!(read("<array/>"), Err(ParseError::Contradiction));
    let one = forge::plist("<dict/>");
    assert_eq!(
        profile(&forge::envelope(&[one.clone(), one.clone()].concat())),
        Err(ParseError::Contradiction)
    );
    assert_eq!(profile(&forge::envelope(b"")), Err(ParseError::OtherFormat));
    assert_eq!(profile(&one[..one.len() - 9]), Err(ParseError::Short));
    assert_eq!(
        profile(&vec![b'<'; super::super::provision::MAX_BYTES + 1]),
        Err(ParseError::Bound)
    );
    // What begins a list a million times over is looked at once.
    assert_eq!(profile(&b"<?xml ".repeat(170_000)), Err(ParseError::Short));
}
