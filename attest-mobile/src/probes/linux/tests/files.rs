//! Paths, directories and files: what the families say of what a test has put there.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use attest_core::facts::{Head, Observation, Value};
use attest_core::policy::Variables;

use super::super::super::posix::paths::Paths;
use super::super::properties::Properties;
use super::{Errno, answers, both, each, error, head, here, integer, items, text};

fn at(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn paths_are_told_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link, missing) = (
        at(folder.path(), "file"),
        at(folder.path(), "link"),
        at(folder.path(), "missing"),
    );
    fs::write(&file, "one\ntwo\n\nfour").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&file, &link).unwrap();
    let told = fs::metadata(&file).unwrap();
    let lines = ["one", "two", "", "four"].map(str::to_owned).to_vec();
    for (fact, expect) in [
        ("path.exists", Value::Boolean(true).into()),
        ("path.mode", integer(0o640)),
        ("path.owner_uid", integer(told.uid())),
        ("path.dev", integer(told.dev())),
        ("path.ino", integer(told.ino())),
        ("path.lines", Value::List(lines).into()),
    ] {
        assert_eq!(here(&format!("{fact}({file})")), expect, "{fact}");
        assert_eq!(here(&format!("{fact}({link})")), expect, "{fact} behind a link");
        let absent = match fact {
            "path.exists" => Value::Boolean(false).into(),
            _ => Observation::Absent,
        };
        assert_eq!(here(&format!("{fact}({missing})")), absent, "{fact}");
        assert_eq!(
            here(&format!("{fact}(file)")),
            error(Errno::UNFIT),
            "{fact} of no absolute path"
        );
    }
    assert_eq!(here(&format!("path.type({file})")), text("file"));
    assert_eq!(here(&format!("path.type({link})")), text("link"));
    assert_eq!(here("path.type(/dev/null)"), text("char"));
    assert_eq!(here(&format!("path.link_target({link})")), text(&file));
    assert_eq!(here(&format!("path.link_target({file})")), Observation::Absent);
    assert!(matches!(
        here(&format!("path.access({file})")),
        Observation::Value(Value::Integer(bits)) if bits & 4 == 4
    ));
    assert!(matches!(
        here("path.mount_flags(/proc)"),
        Observation::Value(Value::Integer(_))
    ));
    assert_eq!(here("path.lines(/dev/null)"), error(Errno::NOT_READ));
}

#[test]
fn what_may_be_made_is_tried_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let file = at(folder.path(), "file");
    fs::write(&file, "x").unwrap();
    let ask = |path: &str| here(&format!("path.can_create({path})"));
    let is = |value: bool| Observation::from(Value::Boolean(value));
    let own = folder.path().to_str().unwrap();
    assert_eq!(ask(own), is(true));
    assert_eq!(fs::read_dir(own).unwrap().count(), 1, "it stays behind");
    // Nobody makes files there, whatever its rights.
    assert_eq!(ask("/sys"), is(false));
    assert_eq!(ask(&at(folder.path(), "missing")), Observation::Absent);
    assert_eq!(ask(&file), Observation::Absent);
    assert_eq!(ask("file"), error(Errno::UNFIT));

    let many: Vec<String> = (0..10).map(|at| format!("{own}/{at}")).collect();
    for folder in &many {
        fs::create_dir(folder).unwrap();
    }
    let asked: Vec<String> = many
        .iter()
        .map(|at| format!("path.can_create({at})@libc"))
        .collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let facts = answers(&Paths, &Variables::default(), &asked);
    let told: Vec<_> = facts.iter().map(|(_, told)| told.clone()).collect();
    assert_eq!(told.iter().filter(|told| **told == is(true)).count(), 8);
    assert_eq!(told.iter().filter(|told| **told == error(Errno::CUT)).count(), 2);
}

#[test]
fn what_is_cut_is_a_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let long = at(folder.path(), "long");
    fs::write(&long, vec![b'x'; (64 << 10) + 1]).unwrap();
    assert_eq!(here(&format!("path.lines({long})")), head(&[]));
    fs::write(&long, ["one\ntwo\n".as_bytes(), &[b'x'; 64 << 10]].concat()).unwrap();
    assert_eq!(here(&format!("path.lines({long})")), head(&["one", "two"]));
    let many = at(folder.path(), "many");
    fs::create_dir(&many).unwrap();
    for number in 0..1_024 {
        fs::write(Path::new(&many).join(number.to_string()), "").unwrap();
    }
    let names = items(here(&format!("path.entries({many})")));
    assert_eq!(names.len(), 1_024);
    assert!(names.is_sorted());
    fs::write(Path::new(&many).join("more"), "").unwrap();
    let Observation::ListHead(Head(names)) = here(&format!("path.entries({many})")) else {
        panic!("a list that was cut looks whole");
    };
    assert_eq!(names.len(), 1_024);
}

#[test]
fn the_canary_tells_where_the_data_really_lies() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().canonicalize().unwrap().join("real/com.bank.app");
    fs::create_dir_all(real.join("cache")).unwrap();
    let said = folder.path().join("said");
    symlink(&real, &said).unwrap();
    let variables = Variables::default().with("data_dir", said.to_str().unwrap());
    // Views are asked about one file: only then are they the same.
    let Observation::Value(Value::Text(path)) = both("fd.canary", &variables) else {
        panic!("no canary");
    };
    assert_eq!(Path::new(&path).parent().unwrap(), real.join("cache"));
    assert!(matches!(
        both("fd.canary_parent_access", &variables),
        Observation::Value(Value::Integer(bits)) if bits & 4 == 4
    ));
    assert_eq!(
        fs::read_dir(real.join("cache")).unwrap().count(),
        0,
        "it stays behind"
    );
    assert_eq!(both("app.data_dir", &variables), text(real.to_str().unwrap()));

    fs::remove_dir(real.join("cache")).unwrap();
    assert_eq!(both("fd.canary", &variables), error(Errno::new(libc::ENOENT)));
    let unknown = answers(
        &super::super::super::posix::canary::Canary,
        &Variables::default(),
        &["fd.canary@syscall"],
    );
    assert!(unknown.is_empty(), "without a place there is no answer");
}

#[test]
fn the_own_apk_is_told_as_it_is_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let map = |name: &str| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![b'x'; 4096]).unwrap();
        Mapped::of(&path)
    };
    let said = |own_apk: &str| {
        Variables::default()
            .with("package", "com.bank.app")
            .with("own_apk", root.join(own_apk).to_str().unwrap())
    };
    let _other = map("com.google.webview-1/base.apk");
    assert_eq!(both("maps.own_apk", &said("a.apk")), Observation::Absent);
    let copy = map("org.host/virtual/data/app/com.bank.app/base.apk");
    let shown = |path: &str| text(root.join(path).to_str().unwrap());
    let nested = "org.host/virtual/data/app/com.bank.app/base.apk";
    assert_eq!(
        both("maps.own_apk", &said("com.bank.app-1/base.apk")),
        shown(nested)
    );
    let _installed = map("com.bank.app-1/base.apk");
    assert_eq!(
        both("maps.own_apk", &said("com.bank.app-1/base.apk")),
        shown("com.bank.app-1/base.apk")
    );
    drop(copy);
    let told = fs::metadata(root.join("com.bank.app-1/base.apk")).unwrap();
    for rows in each("maps.rows").map(super::rows) {
        let row = rows
            .iter()
            .find(|row| row.get("path").unwrap().ends_with("com.bank.app-1/base.apk"))
            .unwrap();
        assert_eq!(
            (row.get("perm").unwrap().as_str(), row.get("ino").unwrap()),
            ("r--p", &told.ino().to_string())
        );
        let path = row.get("path").unwrap();
        let has = |fact: &str, item: &str| {
            let lists = each(fact).map(items);
            lists
                .iter()
                .all(|list| list.iter().any(|one| one.ends_with(item)))
        };
        assert!(has("maps.path", path));
        assert!(has("maps.perm", &format!("r--p {path}")));
        assert!(has("maps.dev", &format!("{} {path}", row.get("dev").unwrap())));
        assert!(has("maps.line", path));
    }
    let path = root.join("com.bank.app-1/base.apk");
    fs::remove_file(&path).unwrap();
    for paths in each("maps.path").map(items) {
        assert!(paths.contains(&format!("{} (deleted)", path.display())));
    }
}

/// A file in memory, until this goes.
struct Mapped(*mut libc::c_void);

#[expect(unsafe_code, reason = "a mapping is what is looked for")]
impl Mapped {
    fn of(path: &Path) -> Self {
        use std::os::fd::AsRawFd;
        let file = fs::File::open(path).unwrap();
        let (read, private) = (libc::PROT_READ, libc::MAP_PRIVATE);
        // SAFETY: a new mapping, of which nothing is read.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, read, private, file.as_raw_fd(), 0) };
        assert_ne!(at, libc::MAP_FAILED);
        Self(at)
    }
}

impl Drop for Mapped {
    #[expect(unsafe_code, reason = "a mapping is what is looked for")]
    fn drop(&mut self) {
        // SAFETY: it is ours and nobody reads it.
        unsafe { libc::munmap(self.0, 4096) };
    }
}

/// An area with one property, whose name has no dot.
fn area(name: &str, value: &str) -> Vec<u8> {
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<_>>()
    };
    let length = |text: &str| u32::try_from(text.len()).unwrap();
    let padded = |text: &str| {
        let mut bytes = [text.as_bytes(), &[0]].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    // The root, the node, and the property.
    let mut place = words(&[0, 0, 0, 0, 112]);
    place.resize(112, 0);
    let info_at = 112 + 20 + u32::try_from(padded(name).len()).unwrap();
    place.extend(words(&[length(name), info_at, 0, 0, 0]));
    place.extend(padded(name));
    place.extend(words(&[length(value) << 24]));
    let mut room = value.as_bytes().to_vec();
    room.resize(92, 0);
    place.extend(room);
    place.extend(padded(name));
    let used = u32::try_from(place.len()).unwrap();
    let mut file = words(&[used, 0, 0x504f_5250, 0xfc6e_d0ab]);
    file.resize(128, 0);
    file.extend(place);
    file.resize(128 << 10, 0);
    file
}

#[test]
fn properties_are_read_from_their_area_and_missing_without_one() {
    let folder = tempfile::tempdir().unwrap();
    for (file, bytes) in [
        ("u:object_r:build_prop:s0", area("model", "Pixel")),
        ("u:object_r:debug_prop:s0", area("debuggable", "")),
        ("property_info", b"an index".to_vec()),
        ("properties_serial", vec![0; 4096]),
    ] {
        fs::write(folder.path().join(file), bytes).unwrap();
    }
    let probe = Properties::at(folder.path().to_str().unwrap());
    let ask = |fact: &str| {
        let facts = answers(&probe, &Variables::default(), &[&format!("{fact}@syscall")]);
        facts.iter().next().unwrap().1.clone()
    };
    assert_eq!(ask("prop(model)"), text("Pixel"));
    assert_eq!(ask("prop(debuggable)"), text(""));
    assert_eq!(ask("prop(brand)"), Observation::Absent);
    assert_eq!(items(ask("prop.names")), ["debuggable", "model"]);

    // A spoiled area: what it held is unknown, what others hold is not.
    let mut spoiled = area("brand", "x");
    spoiled[8] = 0;
    fs::write(folder.path().join("u:object_r:brand_prop:s0"), spoiled).unwrap();
    assert_eq!(ask("prop(model)"), text("Pixel"));
    assert_eq!(ask("prop(brand)"), error(Errno::CUT));
    assert_eq!(ask("prop.names"), head(&["debuggable", "model"]));

    assert_eq!(here("prop(ro.product.model)"), error(Errno::NO_SUCH_VIEW));
    let java = answers(
        &probe,
        &Variables::default(),
        &["prop(model)", "prop(model)@java"],
    );
    assert!(
        java.is_empty(),
        "the platform's own API is somebody else's to ask"
    );
}

#[test]
fn tables_are_those_of_the_kernel() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert_eq!(items(here("mounts.line")), mounts.lines().collect::<Vec<_>>());
    let rows = super::rows(here("mounts.rows"));
    assert_eq!(rows.len(), mounts.lines().count());
    let proc = rows
        .iter()
        .find(|row| row.get("target").unwrap() == "/proc")
        .unwrap();
    assert_eq!(proc.get("type").unwrap(), "proc");
    let cpus = items(here("cpuinfo.line"));
    assert!(!cpus.is_empty() && cpus.iter().all(|line| line.contains(':')));
    let mut open = tempfile::NamedTempFile::new().unwrap();
    open.write_all(b"x").unwrap();
    let path = open.path().canonicalize().unwrap();
    let path = path.to_str().unwrap().to_owned();
    let facts = answers(
        &super::super::super::posix::fds::Fds,
        &Variables::default(),
        &["fd.path@syscall", "fd.rows@syscall"],
    );
    let told: Vec<_> = facts.iter().map(|(_, told)| told.clone()).collect();
    assert!(items(told[0].clone()).contains(&path));
    let rows = super::rows(told[1].clone());
    let number = std::os::fd::AsRawFd::as_raw_fd(open.as_file()).to_string();
    assert!(
        rows.iter()
            .any(|row| *row.get("path").unwrap() == path && *row.get("fd").unwrap() == number)
    );
}
