//! Where this very code lies, and the app's own package, which is found by that.
//!
//! What runs is mapped from somewhere, and whoever states another path, or maps another package beside it, does not change that: a
//! cloner may show the app a package that it does not run.

use std::path::Path;

use attest_core::policy::Variables;

use super::super::parse::maps::{Backing, Region};
use super::maps;

/// From a package's folder to its libraries it is two folders: `lib/arm64`.
const FOLDERS_UP: usize = 3;
const DELETED: &str = " (deleted)";

/// An address within this code.
pub(super) fn address() -> u64 {
    u64::try_from((address as fn() -> u64) as usize).unwrap_or_default()
}

/// The path from which the app's own package is mapped. Those of the system and of other packages, such as the WebView's, are not
/// meant.
pub(super) fn apk(map: &[Region<'_>], variables: &Variables) -> Option<String> {
    let code = maps::around(map, address()).filter(|region| region.backing() == Backing::File);
    let apks: Vec<&str> = map
        .iter()
        .filter(|region| region.backing() == Backing::File)
        .map(|region| region.path.as_ref())
        .filter(|path| name(path).ends_with(".apk"))
        .collect();
    chosen(code.map_or("", |code| &code.path), &apks, variables).map(str::to_owned)
}

/// The package that this code was installed with; where there is none beside it, the one that the platform states, if it is mapped, and
/// else the first whose path names the app.
fn chosen<'m>(code: &'m str, apks: &[&'m str], variables: &Variables) -> Option<&'m str> {
    let stated = variables.value("own_apk");
    let package = variables.value("package");
    let find = |is_it: &dyn Fn(&str) -> bool| apks.iter().copied().find(|path| is_it(path));
    installed_with(code, apks, stated)
        .or_else(|| find(&|path| Some(path) == stated))
        .or_else(|| find(&|path| package.is_some_and(|package| names(path, package))))
}

fn installed_with<'m>(code: &'m str, apks: &[&'m str], stated: Option<&str>) -> Option<&'m str> {
    // Libraries are run from within the package, or from a part of it that only makes it whole for one kind of phone.
    if apks.contains(&code) && !name(code).starts_with("split_") {
        return Some(code);
    }
    Path::new(code)
        .ancestors()
        .skip(1)
        .take(FOLDERS_UP)
        .find_map(|folder| {
            let beside = || {
                apks.iter()
                    .copied()
                    .filter(|path| Path::new(path).parent() == Some(folder))
            };
            let base = beside().find(|path| name(path) == "base.apk");
            base.or_else(|| beside().find(|path| Some(*path) == stated))
                .or_else(|| beside().next())
        })
}

/// The file's name, of one that is gone too.
fn name(path: &str) -> &str {
    let path = path.strip_suffix(DELETED).unwrap_or(path);
    path.rsplit('/').next().unwrap_or_default()
}

fn names(path: &str, package: &str) -> bool {
    path.split('/').any(|part| {
        let rest = part.strip_prefix(package);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "/data/app/~~q==/com.bank.app-1/base.apk";
    const SPLIT: &str = "/data/app/~~q==/com.bank.app-1/split_config.arm64_v8a.apk";
    const WEBVIEW: &str = "/data/app/~~w==/com.google.android.webview-1/base.apk";
    const NESTED: &str = "/data/data/org.host/virtual/data/app/com.bank.app/base.apk";

    #[test]
    fn the_package_is_the_one_whose_code_runs() {
        let check = |code: &str, mapped: &[&str], stated: &str, expect: Option<&str>| {
            let variables = Variables::default()
                .with("package", "com.bank.app")
                .with("own_apk", stated);
            assert_eq!(chosen(code, mapped, &variables), expect, "{code} of {mapped:?}");
        };
        // Genuine installations: libraries beside the package, within it, and within a part of it.
        let beside = "/data/app/~~q==/com.bank.app-1/lib/arm64/libattest.so";
        check(beside, &[WEBVIEW, SPLIT, BASE], BASE, Some(BASE));
        check(BASE, &[WEBVIEW, BASE], BASE, Some(BASE));
        check(SPLIT, &[WEBVIEW, SPLIT, BASE], BASE, Some(BASE));
        let system = "/system/priv-app/Bank/Bank.apk";
        check(
            "/system/priv-app/Bank/lib/arm64/libattest.so",
            &[WEBVIEW, system],
            system,
            Some(system),
        );
        check(
            "/system/lib64/libattest.so",
            &[WEBVIEW, system],
            system,
            Some(system),
        );
        // An update while the app runs.
        let gone = [BASE, DELETED].concat();
        check(&[beside, DELETED].concat(), &[WEBVIEW, &gone], BASE, Some(&gone));
        // A cloner that states and maps the installed package, and runs its own.
        let nested = "/data/data/org.host/virtual/data/app/com.bank.app/lib/libattest.so";
        check(nested, &[BASE, NESTED], BASE, Some(NESTED));
        check(NESTED, &[BASE, NESTED], BASE, Some(NESTED));
        // No package beside the code: what is stated, if it is there, and else what names the app.
        let apart = "/data/data/org.host/lib/libattest.so";
        check(apart, &[NESTED, BASE], BASE, Some(BASE));
        check(apart, &[WEBVIEW, NESTED], BASE, Some(NESTED));
        check(apart, &[WEBVIEW], BASE, None);
        check("", &[WEBVIEW, BASE], BASE, Some(BASE));
        check("", &[], BASE, None);
    }
}
