//! Makes apps: APKs by aapt and apksigner, as developers do, and IPAs by hand, since nothing here can make a real one.
#![cfg(test)]

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use zip::write::SimpleFileOptions;

/// Set where the tools must be there.
const REQUIRED: &str = "ATTEST_APP_TOOLS";

/// Android's own attributes, of which aapt wants a declaration.
const FRAMEWORK: &str = r#"<resources>
 <public type="attr" name="versionCode" id="0x0101021b"/><attr name="versionCode" format="integer"/>
 <public type="attr" name="versionName" id="0x0101021c"/><attr name="versionName" format="string"/>
 <public type="attr" name="minSdkVersion" id="0x0101020c"/><attr name="minSdkVersion" format="integer|string"/>
 <public type="attr" name="targetSdkVersion" id="0x01010270"/><attr name="targetSdkVersion" format="integer|string"/>
</resources>"#;

const SCHEMA: &str = "xmlns:android=\"http://schemas.android.com/apk/res/android\"";

/// A folder with keys and apps.
pub(crate) struct Workshop {
    folder: tempfile::TempDir,
}

fn answers(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs a tool and returns what it printed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// One with aapt and apksigner; without them says how many cases are not run.
    pub(crate) fn with_tools(cases: usize) -> Option<Self> {
        if answers("aapt", "version") && answers("apksigner", "--version") && answers("openssl", "version") {
            return Some(Self::new());
        }
        assert!(
            std::env::var_os(REQUIRED).is_none(),
            "aapt, apksigner or openssl is missing"
        );
        println!("absent: {cases} cases not run; apt-get install aapt apksigner openssl");
        None
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = PathBuf::from(self.path(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        self.path(name)
    }

    /// An unsigned APK.
    pub(crate) fn unsigned(&self) -> String {
        let framework = self.path("framework.apk");
        let manifest = self.write(
            "framework/AndroidManifest.xml",
            format!("<manifest {SCHEMA} package=\"android\"/>"),
        );
        self.write("framework/res/values/public.xml", FRAMEWORK);
        let resources = self.path("framework/res");
        run(
            "aapt",
            &[
                "package", "-f", "-x", "-M", &manifest, "-S", &resources, "-F", &framework,
            ],
        );
        let manifest = self.write(
            "app/AndroidManifest.xml",
            format!(
                "<manifest {SCHEMA} package=\"com.example.bank\" android:versionCode=\"42\" android:versionName=\"2.4.0\">\
                 <uses-sdk android:minSdkVersion=\"21\" android:targetSdkVersion=\"29\"/><application/></manifest>"
            ),
        );
        let apk = self.path("unsigned.apk");
        run(
            "aapt",
            &["package", "-f", "-M", &manifest, "-I", &framework, "-F", &apk],
        );
        apk
    }

    /// A signing key with its certificate, as arguments of apksigner.
    pub(crate) fn key(&self, name: &str, algorithm: &[&str]) -> Vec<String> {
        let (pem, key, certificate) = (
            self.path(&format!("{name}.pem")),
            self.path(&format!("{name}.pk8")),
            self.path(&format!("{name}.crt")),
        );
        let subject = format!("/CN={name}");
        let mut arguments = vec!["req", "-x509", "-nodes", "-days", "9000", "-subj", &subject];
        arguments.extend(["-keyout", &pem, "-out", &certificate, "-newkey"]);
        arguments.extend(algorithm);
        run("openssl", &arguments);
        run(
            "openssl",
            &[
                "pkcs8", "-topk8", "-nocrypt", "-in", &pem, "-outform", "DER", "-out", &key,
            ],
        );
        ["--key", &key, "--cert", &certificate]
            .map(str::to_owned)
            .to_vec()
    }

    /// Signs an APK.
    pub(crate) fn signed(&self, name: &str, apk: &str, arguments: &[&str]) -> String {
        let out = self.path(name);
        let mut all = vec!["sign"];
        all.extend(arguments);
        all.extend(["--out", &out, apk]);
        run("apksigner", &all);
        out
    }
}

/// A ZIP archive of these files.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
