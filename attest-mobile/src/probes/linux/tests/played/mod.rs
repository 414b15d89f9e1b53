//! The probes and the shipped detectors together, against processes that play what detectors are for: a cloner with a hooked C library,
//! a debugger, and an instrumentation tool.
//!
//! Each process lives in a root directory of its own, so that its paths are an Android phone's and nothing of this machine is
//! touched. Where the system gives no such root, a test says so and ends.

mod phone;
mod player;

use std::collections::BTreeSet;

use self::phone::Phone;

const HOST: &str = "/data/data/org.host.space/virtual/data/user/0/com.bank.app";

/// What the detectors find on a phone where nobody plays anything. A test is no app: it has another name.
const ALWAYS: &[&str] = &["clone.cmdline"];

fn found(phone: &Phone) -> Option<BTreeSet<String>> {
    let mut hits = phone.scan()?;
    for id in ALWAYS {
        assert!(hits.remove(*id), "{id}: {hits:?}");
    }
    Some(hits)
}

fn check(phone: &Phone, expect: &[&str]) {
    if let Some(hits) = found(phone) {
        assert_eq!(hits.iter().map(String::as_str).collect::<Vec<_>>(), expect);
    }
}

#[test]
fn an_app_by_itself_is_clear() {
    check(&Phone::new(), &[]);
}

#[test]
fn a_cloner_is_found_by_where_things_lie() {
    let phone = Phone::new()
        .with_folder(&format!("{HOST}/cache"))
        .with_file("/data/data/org.host.space/lib/libengine.so")
        .with_file(&format!("{HOST}/lib/libbank.so"))
        .set("data_dir", HOST)
        .set(
            "map",
            &format!("/data/data/org.host.space/lib/libengine.so,{HOST}/lib/libbank.so"),
        );
    check(
        &phone,
        &[
            "clone.canary_path",
            "clone.data_dir",
            "clone.maps.foreign_private_code",
            "clone.maps.nested_private_code",
            "clone.parent_readable",
            "clone.parent_writable",
        ],
    );
}

#[test]
fn a_cloner_that_hooks_the_c_library_is_found_by_what_views_differ_in() {
    let phone = Phone::new()
        .without_folder("/data/data/com.bank.app")
        .without_folder("/data/app/com.bank.app-1")
        .with_folder(&format!("{HOST}/cache"))
        .with_file("/data/data/org.host.space/apk/com.bank.app.apk")
        .set("map", "/data/data/org.host.space/apk/com.bank.app.apk")
        .hooked()
        .set("HOOK_FROM", "/data/data/com.bank.app")
        .set("HOOK_TO", HOST)
        .set("HOOK_BACK", "1")
        .set("HOOK_LINES", "org.host.space");
    check(
        &phone,
        &[
            "clone.apk_path",
            "clone.apk_views",
            "clone.canary_path",
            "clone.canary_views",
            "clone.data_dir_views",
            "clone.maps.foreign_private_code",
            "clone.parent_readable",
            "clone.parent_writable",
        ],
    );
}

#[test]
fn a_hidden_mount_is_found_by_what_views_differ_in() {
    let mounted = Phone::new().set("mount", "magisk /data/adb");
    check(&mounted, &["root.mounts"]);
    let hidden = mounted.hooked().set("HOOK_LINES", "magisk");
    check(&hidden, &["root.mounts", "root.mounts_hidden"]);
}

#[test]
fn a_debugger_is_found_also_if_it_hides() {
    check(&Phone::new().traced(), &["debug.tracer"]);
    check(
        &Phone::new().traced().hooked().set("HOOK_LINES", "TracerPid"),
        &["debug.tracer", "debug.tracer_hidden"],
    );
}

#[test]
fn an_instrumentation_tool_is_found_by_what_it_brings() {
    let tool = "/data/local/tmp/re.frida.server/frida-agent-64.so";
    let phone = Phone::new()
        .with_file(tool)
        .with_file("/data/local/tmp/linjector-1")
        .set("map", tool)
        .set("open", "/data/local/tmp/linjector-1")
        .set("threads", "gum-js-loop,gmain,gdbus");
    check(
        &phone,
        &[
            "hook.code_from_tmp",
            "hook.frida_fd",
            "hook.frida_files",
            "hook.frida_maps",
            "hook.frida_threads",
            "hook.glib_threads",
        ],
    );
}

#[test]
fn signs_that_look_alike_are_clear() {
    let phone = Phone::new()
        .with_file("/data/app/com.bank.app-1/lib/arm64/libfridge.so")
        .with_file("/data/user/0/com.bank.app/code_cache/a.dex")
        .set(
            "map",
            "/data/app/com.bank.app-1/lib/arm64/libfridge.so,/data/user/0/com.bank.app/code_cache/a.dex",
        )
        .set("threads", "pool-1-thread-1,RenderThread,gmain");
    check(&phone, &[]);
}
