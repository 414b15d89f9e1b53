//! Files of binary formats that the probes read, made by the builder of the parsers' own tests.

#[path = "../../../attest-mobile/src/probes/parse/tests/forge.rs"]
mod forge;

use self::forge::{Area, Load};
use super::{Result, write};

/// The seeds of `probe_apple`, `probe_elf`, `probe_properties` and `probe_zip`.
pub(super) fn probes() -> Result<()> {
    apple()?;
    let text = Load {
        kind: 1,
        flags: 5,
        offset: 0,
        address: 0x1000,
        file_bytes: 64,
        memory_bytes: 64,
    };
    let spoiled = Load {
        file_bytes: 65,
        ..text
    };
    write("seeds/probe_elf/arm64", forge::elf64(&[text, text]))?;
    write("seeds/probe_elf/arm", forge::elf32(&[text, text]))?;
    write(
        "seeds/probe_elf/refused-longer-than-memory",
        forge::elf64(&[spoiled]),
    )?;

    let mut area = Area::new();
    let long = "x".repeat(120);
    for (name, value) in [("ro.a.b", "1"), ("ro.a.c", ""), ("init", "2"), ("ro.d", &long)] {
        area.add(name, value);
    }
    write("seeds/probe_properties/area", area.file(1024))?;
    area.put(8, 0x40);
    area.put(112 + 16, 112);
    write("seeds/probe_properties/refused-cycle", area.file(0))?;

    let entries: [(&str, &[u8]); 2] = [("classes.dex", b"dex"), ("lib/arm64-v8a/libattest.so", b"")];
    let apk = forge::zip(&entries, b"APK Sig Block 42", b"comment");
    write("seeds/probe_zip/apk", &apk)?;
    write(
        "seeds/probe_zip/refused-one-more",
        [apk.as_slice(), b"x"].concat(),
    )
}

fn apple() -> Result<()> {
    let parts = [
        (0xfade_0c02, forge::code_directory("com.bank.app", "TEAM123456")),
        (
            0xfade_7171,
            forge::plist("<dict><key>get-task-allow</key><true/></dict>"),
        ),
        (0xfade_7172, forge::der(&["get-task-allow"])),
    ];
    let signature = forge::signature(&parts);
    let commands = [
        forge::command(0x2c, &[0, 0, 1, 0]),
        forge::command(0x1d, &[72, 4096]),
    ];
    write("seeds/probe_apple/signature", &signature)?;
    write(
        "seeds/probe_apple/program",
        [forge::macho(&commands), signature].concat(),
    )?;
    let profile = "<dict><key>TeamIdentifier</key><array><string>TEAM123456</string></array>\
        <key>Entitlements</key><dict><key>application-identifier</key><string>T.com.bank.app</string></dict></dict>";
    let list = forge::plist(profile);
    write("seeds/probe_apple/profile", forge::envelope(&list))?;
    let several = forge::words(&[0xbeba_feca, 0x0100_0000, 0x0c00_0001, 0, 0x4000, 0x100, 14]);
    write("seeds/probe_apple/architectures", several)?;
    write("seeds/probe_apple/list", &list)?;
    write(
        "seeds/probe_apple/refused-two-lists",
        forge::envelope(&list.repeat(2)),
    )
}
