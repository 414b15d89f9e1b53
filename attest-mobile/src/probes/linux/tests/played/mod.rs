//! The probes and the shipped detectors together, against processes that play what detectors are for: a cloner with a hooked C library,
//! a debugger, an instrumentation tool, a rooted phone, an emulator, a changed package.
//!
//! Each case says which detectors hit, and without which probe each of them does not: the same process scans itself again with that
//! probe left out. So a probe that answers nothing any more fails its cases, and one without a case fails by itself.
//!
//! Each process lives in a root directory of its own, so that its paths are an Android phone's and nothing of this machine is
//! touched. Where the system gives no such root, a test says so and ends.

mod acts;
mod phone;
mod player;

use std::collections::BTreeSet;

use self::phone::{Phone, WHOLE};
use super::super::code::tests::{TEXT_BYTES, library};
use super::probes;
use crate::probes::parse::tests::forge;

const HOST: &str = "/data/data/org.host.space/virtual/data/user/0/com.bank.app";

/// A detector that hits, and the probes without any one of which it does not.
type Found = (&'static str, &'static [&'static str]);

struct Case {
    stage: fn() -> Phone,
    finds: &'static [Found],
}

/// What the detectors find on a phone where nobody plays anything. A test is no app: it has another name.
const ALWAYS: Found = ("clone.cmdline", &["process"]);

macro_rules! cases {
    ($($name:ident: $stage:expr => $finds:expr;)+) => {
        $(#[test]
        fn $name() {
            play(&Case { stage: || $stage, finds: &$finds });
        })+

        const FINDS: &[&[Found]] = &[$(&$finds),+];
    };
}

fn play(case: &Case) {
    let finds = || case.finds.iter().chain([&ALWAYS]);
    let needed: BTreeSet<&str> = finds().flat_map(|(_, probes)| *probes).copied().collect();
    let Some(hits) = (case.stage)().scan(&needed) else {
        return;
    };
    for without in needed.into_iter().chain([WHOLE]) {
        let hit = finds().filter(|(_, probes)| !probes.contains(&without));
        let expect: BTreeSet<&str> = hit.map(|(id, _)| *id).collect();
        let told = hits
            .get(without)
            .map(|hits| hits.iter().map(String::as_str).collect())
            .unwrap_or_default();
        assert_eq!(expect, told, "without `{without}`");
    }
}

#[test]
fn every_probe_is_needed_by_a_case() {
    let needed: BTreeSet<&str> = FINDS
        .iter()
        .flat_map(|finds| finds.iter())
        .flat_map(|(_, probes)| *probes)
        .copied()
        .collect();
    let made = probes();
    let all: BTreeSet<&str> = made
        .iter()
        .map(|probe| probe.name())
        .chain([player::JAVA])
        .collect();
    assert_eq!(all, needed);
}

cases! {
    an_app_by_itself_is_clear: Phone::new() => [];

    a_cloner_is_found_by_where_things_lie: Phone::new()
        .with_folder(&format!("{HOST}/cache"))
        .with_file("/data/data/org.host.space/lib/libengine.so")
        .with_file(&format!("{HOST}/lib/libbank.so"))
        .set("data_dir", HOST)
        .set("map", &format!("/data/data/org.host.space/lib/libengine.so,{HOST}/lib/libbank.so"))
        => [
            ("clone.canary_path", &["canary"]),
            ("clone.data_dir", &["app"]),
            ("clone.maps.foreign_private_code", &["maps"]),
            ("clone.maps.nested_private_code", &["maps"]),
            ("clone.parent_readable", &["canary"]),
            ("clone.parent_writable", &["canary"]),
        ];

    a_cloner_that_hooks_the_c_library_is_found_by_what_views_differ_in: Phone::new()
        .without_folder("/data/data/com.bank.app")
        .without_folder("/data/app/com.bank.app-1")
        .with_folder(&format!("{HOST}/cache"))
        .with_file("/data/data/org.host.space/apk/com.bank.app.apk")
        .set("map", "/data/data/org.host.space/apk/com.bank.app.apk")
        .hooked()
        .set("HOOK_FROM", "/data/data/com.bank.app")
        .set("HOOK_TO", HOST)
        .set("HOOK_BACK", "1")
        .set("HOOK_LINES", "org.host.space")
        => [
            ("clone.apk_path", &["maps"]),
            ("clone.apk_views", &["maps"]),
            ("clone.canary_path", &["canary"]),
            ("clone.canary_views", &["canary"]),
            ("clone.data_dir_views", &["app"]),
            ("clone.maps.foreign_private_code", &["maps"]),
            ("clone.parent_readable", &["canary"]),
            ("clone.parent_writable", &["canary"]),
        ];

    a_cloner_that_shows_the_installed_package_is_found_by_what_it_runs: Phone::new()
        .with_file("/data/data/org.host.space/virtual/data/app/com.bank.app/base.apk")
        .set("program", "/data/data/org.host.space/virtual/data/app/com.bank.app/lib")
        .set("map", "/data/data/org.host.space/virtual/data/app/com.bank.app/base.apk")
        => [
            ("clone.apk_path", &["maps"]),
            ("clone.maps.foreign_private_code", &["maps"]),
            ("clone.maps.nested_private_code", &["maps"]),
        ];

    a_cloner_s_engine_that_the_map_hides_is_found_by_the_loader: Phone::new()
        .with_library("/data/app/com.bank.app-1/lib/arm64/libblackbox.so", "int engine;")
        .set("load", "/data/app/com.bank.app-1/lib/arm64/libblackbox.so")
        .hooked()
        .set("HOOK_LINES", "libblackbox")
        => [("clone.engine_library", &["images"])];

    a_mount_is_found: Phone::new().set("mount", "magisk /data/adb") => [("root.mounts", &["mounts"])];

    a_hidden_mount_is_found_by_what_views_differ_in: Phone::new()
        .set("mount", "magisk /data/adb")
        .hooked()
        .set("HOOK_LINES", "magisk")
        => [("root.mounts", &["mounts"]), ("root.mounts_hidden", &["mounts"])];

    a_hidden_su_is_found_by_what_views_differ_in: Phone::new()
        .with_file("/system/xbin/su")
        .hooked()
        .set("HOOK_FROM", "/system/xbin/su")
        .set("HOOK_TO", "/nowhere")
        => [("root.su_path", &["paths"]), ("root.su_hidden", &["paths"])];

    a_tool_s_security_domain_is_found: Phone::new()
        .with_content("/context", b"u:r:magisk:s0\0")
        .set("proc", "/context self/attr/current")
        => [("root.selinux_context", &["process"])];

    a_tool_s_search_path_is_found: Phone::new().set("env", "PATH=/su/bin:/system/bin") => [("root.search_path", &["environment"])];

    a_debugger_is_found: Phone::new().traced() => [("debug.tracer", &["process"])];

    a_debugger_that_hides_is_found: Phone::new().traced().hooked().set("HOOK_LINES", "TracerPid")
        => [("debug.tracer", &["process"]), ("debug.tracer_hidden", &["process"])];

    an_instrumentation_tool_is_found_by_what_it_brings: Phone::new()
        .with_file("/data/local/tmp/re.frida.server/frida-agent-64.so")
        .with_file("/data/local/tmp/linjector-1")
        .set("map", "/data/local/tmp/re.frida.server/frida-agent-64.so")
        .set("open", "/data/local/tmp/linjector-1")
        .set("threads", "gum-js-loop,gmain,gdbus")
        .set("listen", "27042")
        .preloaded("/data/local/tmp/libtool.so")
        => [
            ("hook.code_from_tmp", &["maps"]),
            ("hook.frida_fd", &["fds"]),
            ("hook.frida_files", &["paths"]),
            ("hook.frida_maps", &["maps"]),
            ("hook.frida_port", &["net"]),
            ("hook.frida_threads", &["process"]),
            ("hook.glib_threads", &["process", "maps"]),
            ("hook.preload", &["environment"]),
        ];

    a_tool_in_a_map_that_is_longer_than_what_is_read_is_found: Phone::new()
        .with_file(&flood())
        .with_file("/data/local/tmp/frida-agent-64.so")
        .set("flood", &flood())
        .set("map", "/data/local/tmp/frida-agent-64.so")
        => [("hook.code_from_tmp", &["maps"]), ("hook.frida_maps", &["maps"])];

    changed_code_of_a_library_is_found: Phone::new()
        .with_content("/system/lib64/libc.so", &library(TEXT_BYTES))
        .set("patch", "/system/lib64/libc.so")
        => [("hook.libc_text", &["code"])];

    a_filter_of_system_calls_is_found_with_who_answers_for_it: Phone::new().set("filter", "1")
        => [("tamper.seccomp", &["process", "signals"])];

    a_package_that_carries_the_original_is_found: Phone::new()
        .with_content(
            "/data/app/com.bank.app-1/base.apk",
            &forge::zip(&[("assets/lspatch/origin.apk", b"x")], b"", b""),
        )
        => [
            ("hook.lspatch", &["apk"]),
            ("tamper.origin_apk", &["apk"]),
            ("tamper.v1_only", &["apk"]),
        ];

    a_package_that_lies_over_the_one_that_runs_is_found: Phone::new()
        .with_file("/other.apk")
        .set("may", ",+sys_admin")
        .set("over", "/other.apk,/data/app/com.bank.app-1/base.apk")
        => [("tamper.same_file", &["apk"])];

    an_emulator_s_processor_is_found: Phone::new()
        .with_content("/cpuinfo", b"processor\t: 0\nHardware\t: ranchu\n")
        .set("proc", "/cpuinfo cpuinfo")
        => [("emulator.cpu_board", &["cpuinfo"])];

    a_property_that_java_is_told_otherwise_is_found: Phone::new()
        .with_content("/dev/__properties__/u:object_r:build_prop:s0", &area(&[("ro.hardware", "ranchu")]))
        .set("java", "prop(ro.hardware)@java=qcom")
        => [("emulator.property_views", &["properties", "java"])];

    signs_that_look_alike_are_clear: Phone::new()
        .with_file("/data/app/com.bank.app-1/lib/arm64/libfridge.so")
        .with_file("/data/user/0/com.bank.app/code_cache/a.dex")
        .with_content("/dev/__properties__/u:object_r:build_prop:s0", &area(&[("ro.hardware", "qcom")]))
        .set("java", "prop(ro.hardware)@java=qcom")
        .set(
            "map",
            "/data/app/com.bank.app-1/lib/arm64/libfridge.so,/data/user/0/com.bank.app/code_cache/a.dex",
        )
        .set("threads", "pool-1-thread-1,RenderThread,gmain")
        => [];
}

/// A path as long as paths can be: mapped often enough, it makes the map longer than what is read of it.
fn flood() -> String {
    let part = format!("/{}", "x".repeat(249));
    format!("/data/data/com.bank.app{}/libflood.so", part.repeat(15))
}

/// An area with these properties.
fn area(properties: &[(&str, &str)]) -> Vec<u8> {
    let mut area = forge::Area::new();
    for (name, value) in properties {
        area.add(name, value);
    }
    area.file(4096)
}
