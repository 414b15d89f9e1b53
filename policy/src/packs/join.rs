//! A policy and its packs become one policy; problems of a pack carry the pack's own file and place.
//!
//! A pack that cannot be read, is taken twice or defines what is defined already is left out and said to be; whatever
//! is named of it elsewhere is then not reported as unknown.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::OnceLock,
};

use attest_core::{facts::Platform, policy::Mode};

use super::{MAX_PACKS, MAX_PACKS_BYTES, MAX_PACKS_NODES, PackFiles, PackSource, PackUse, SHIPPED, shipped};
use crate::{
    nearest::hint,
    node::{self, Node},
    problem::Problem,
    report::{Places, Report},
    source::{PolicySource, TestCase},
};

/// What stands for a required field of a pack that cannot be read, so that the rest is looked at.
const STAND_INS: &[(&str, &str)] = &[("pack", UNREAD), ("about", UNREAD), ("detectors", "[]")];

const UNREAD: &str = "-";

/// The policy with the detectors, lists and tests of its packs after its own.
pub(crate) fn join(
    mut policy: PolicySource,
    file_name: &str,
    files: &dyn PackFiles,
    report: &mut Report,
) -> PolicySource {
    let uses = policy.packs.clone();
    let mut joining = Joining::new(&policy, file_name, files, report);
    if uses.len() > MAX_PACKS {
        joining.refuse(
            "packs",
            "packs-too-many",
            &format!("a policy takes at most {MAX_PACKS} packs"),
        );
    }
    for (index, pack_use) in uses.iter().enumerate().take(MAX_PACKS) {
        let read = joining.read(index, pack_use);
        match read.and_then(|(document, pack)| joining.admit(index, document, pack)) {
            Some((document, pack)) => joining.add(index, pack_use, document, pack, &mut policy),
            None => joining.report.parts_are_missing(),
        }
    }
    let places = joining.places;
    report.joined(places);
    policy
}

/// Who defines a detector or list.
#[derive(Clone, Copy)]
enum Owner {
    Policy,
    /// By its position among the packs.
    Pack(usize),
}

struct Joining<'a> {
    file_name: &'a str,
    files: &'a dyn PackFiles,
    report: &'a mut Report,
    bytes: usize,
    nodes: usize,
    /// The names of the packs that were taken, and where.
    names: BTreeMap<String, usize>,
    detectors: BTreeMap<String, Owner>,
    lists: BTreeMap<String, Owner>,
    places: Places,
}

impl<'a> Joining<'a> {
    fn new(
        policy: &PolicySource,
        file_name: &'a str,
        files: &'a dyn PackFiles,
        report: &'a mut Report,
    ) -> Self {
        let own = |count: usize| (0..count).map(|index| (0, index)).collect();
        let by_policy = |name: &String| (name.clone(), Owner::Policy);
        Self {
            file_name,
            files,
            report,
            bytes: 0,
            nodes: 0,
            names: BTreeMap::new(),
            detectors: policy.detectors.iter().map(|own| by_policy(&own.id)).collect(),
            lists: policy.lists.keys().map(by_policy).collect(),
            places: Places {
                detectors: own(policy.detectors.len()),
                tests: own(policy.tests.len()),
                lists: Vec::new(),
            },
        }
    }

    /// An error of the policy that takes the pack.
    fn refuse(&mut self, path: &str, code: &'static str, message: &str) {
        self.report.error_in(0, path, code, message);
    }

    /// The pack as it is written, and the number of its document.
    fn read(&mut self, index: usize, pack_use: &PackUse) -> Option<(usize, PackSource)> {
        let path = format!("packs[{index}].use");
        let name = pack_use.pack.as_str();
        let (file, text) = match self.text(name) {
            Ok(found) => found,
            Err((code, message)) => {
                self.refuse(&path, code, &message);
                return None;
            }
        };
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > MAX_PACKS_BYTES {
            let message = format!("all packs together have at most {MAX_PACKS_BYTES} bytes");
            self.refuse(&path, "packs-too-large", &message);
            return None;
        }
        let root = match tree(name, &file, &text) {
            Ok(root) => root,
            Err(problem) => {
                self.report.unread(*problem);
                return None;
            }
        };
        self.nodes = self.nodes.saturating_add(root.count());
        if self.nodes > MAX_PACKS_NODES {
            let message = format!("all packs together have at most {MAX_PACKS_NODES} values");
            self.refuse(&path, "packs-too-large", &message);
            return None;
        }
        let (document, pack) = self.report.read(&file, root, STAND_INS);
        Some((document, pack?))
    }

    /// The name of a pack's file, and its text.
    fn text(&self, name: &str) -> Result<(String, Cow<'static, str>), (&'static str, String)> {
        if let Some(text) = shipped(name) {
            return Ok((format!("packs/{name}.yaml"), text.into()));
        }
        let Some(path) = name.strip_prefix("./") else {
            let hint = hint(name, SHIPPED.iter().map(|(name, _)| *name));
            let name = short(name);
            let message = format!(
                "no pack `{name}` ships with this release{hint}; a file beside the policy is `./{name}`"
            );
            return Err(("pack-unknown", message));
        };
        let plain =
            |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']);
        if !path.split('/').all(plain) {
            let message = "a pack's path stays in the policy's folder: `./mine.yaml` or `./folder/mine.yaml`";
            return Err(("pack-path", message.to_owned()));
        }
        let text = self
            .files
            .read(name)
            .map_err(|reason| ("pack-unreadable", reason))?;
        let file = Path::new(self.file_name).with_file_name(path);
        Ok((file.to_string_lossy().into_owned(), text.into()))
    }

    /// The pack, if its name fits and it was not taken before.
    fn admit(&mut self, index: usize, document: usize, pack: PackSource) -> Option<(usize, PackSource)> {
        if pack.pack == UNREAD && self.report.is_partial() {
            return Some((document, pack));
        }
        let Some(platform) = platform_of(&pack.pack) else {
            let message = format!("`{}` is not `android/NAME` or `ios/NAME`", short(&pack.pack));
            self.report.error_in(document, "pack", "pack-name", message);
            return None;
        };
        if let Some(first) = self.names.insert(pack.pack.clone(), index) {
            self.refuse(
                &format!("packs[{index}].use"),
                "pack-twice",
                &format!("`{}` is taken at packs[{first}] already", pack.pack),
            );
            return None;
        }
        for (at, detector) in pack.detectors.iter().enumerate() {
            if detector.platform != platform {
                let message = format!("a pack named `{}` is for {} only", pack.pack, platform.as_str());
                let path = format!("detectors[{at}].platform");
                self.report.error_in(document, path, "pack-platform", message);
            }
        }
        Some((document, pack))
    }

    fn add(
        &mut self,
        index: usize,
        pack_use: &PackUse,
        document: usize,
        pack: PackSource,
        policy: &mut PolicySource,
    ) {
        self.named(index, pack_use, document, &pack);
        for (at, mut detector) in pack.detectors.into_iter().enumerate() {
            if let Some(owner) = self.detectors.get(&detector.id).copied()
                && self.is_double(owner, index, "detector", &detector.id, "pack-detector-duplicate")
            {
                continue;
            }
            self.detectors.insert(detector.id.clone(), Owner::Pack(index));
            if let Some(mode) = pack_use.mode {
                detector.mode = mode;
            }
            if pack_use.off.contains(&detector.id) {
                detector.mode = Mode::Off;
            }
            if let Some(severity) = pack_use.severity.get(&detector.id) {
                detector.severity = *severity;
            }
            self.places.detectors.push((document, at));
            policy.detectors.push(detector);
        }
        for (name, items) in pack.lists {
            if let Some(owner) = self.lists.get(&name).copied()
                && self.is_double(owner, index, "list", &name, "pack-list-duplicate")
            {
                continue;
            }
            self.lists.insert(name.clone(), Owner::Pack(index));
            self.places.lists.push((name.clone(), document));
            policy.lists.insert(name, items);
        }
        for (at, test) in pack.tests.into_iter().enumerate() {
            self.places.tests.push((document, at));
            policy.tests.push(TestCase {
                name: test.name,
                decision: None,
                detector: Some(test.detector),
            });
        }
    }

    /// What the policy says of detectors, and the tests of the pack, must be of detectors that the pack has.
    fn named(&mut self, index: usize, pack_use: &PackUse, document: usize, pack: &PackSource) {
        let ids: BTreeSet<&str> = pack
            .detectors
            .iter()
            .map(|detector| detector.id.as_str())
            .collect();
        let unknown = |id: &str| {
            let hint = hint(id, ids.iter().copied());
            format!("pack `{}` has no detector `{}`{hint}", pack.pack, short(id))
        };
        let off = pack_use.off.iter().enumerate();
        let off = off.map(|(at, id)| (format!("packs[{index}].off[{at}]"), id));
        let severity = pack_use.severity.keys();
        let severity = severity.map(|id| (format!("packs[{index}].severity.{id}"), id));
        for (path, id) in off.chain(severity) {
            if !ids.contains(id.as_str()) {
                self.report
                    .error_in(0, path, "pack-detector-unknown", unknown(id));
            }
        }
        for (at, test) in pack.tests.iter().enumerate() {
            if !ids.contains(test.detector.id.as_str()) {
                let path = format!("tests[{at}].detector.id");
                let message = unknown(&test.detector.id);
                self.report
                    .error_in(document, path, "pack-detector-unknown", message);
            }
        }
    }

    /// True, and reported, if the policy or another pack defines it already; twice in one pack is the pack's own fault,
    /// which is found with those of the policy.
    fn is_double(&mut self, owner: Owner, index: usize, what: &str, id: &str, code: &'static str) -> bool {
        let by = match owner {
            Owner::Pack(other) if other == index => return false,
            Owner::Pack(other) => format!("packs[{other}]"),
            Owner::Policy => "the policy itself".to_owned(),
        };
        let message = format!(
            "{what} `{}` is defined by {by} already; they cannot be taken together",
            short(id)
        );
        self.refuse(&format!("packs[{index}].use"), code, &message);
        true
    }
}

/// The tree of a pack. Those of shipped packs are read once: gateways compile each new policy while they serve.
fn tree(name: &str, file: &str, text: &str) -> Result<Node, Box<Problem>> {
    static TREES: [OnceLock<Node>; SHIPPED.len()] = [const { OnceLock::new() }; SHIPPED.len()];
    let known = SHIPPED
        .iter()
        .zip(&TREES)
        .find(|((shipped, _), _)| *shipped == name);
    let Some((_, kept)) = known else {
        return node::read_document(file, text);
    };
    if let Some(root) = kept.get() {
        return Ok(root.clone());
    }
    let root = node::read_document(file, text)?;
    Ok(kept.get_or_init(|| root).clone())
}

fn platform_of(name: &str) -> Option<Platform> {
    let (platform, name) = name.split_once('/')?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let named = !name.is_empty() && name.len() <= 64 && name.bytes().all(plain);
    [Platform::Android, Platform::Ios]
        .into_iter()
        .find(|known| named && known.as_str() == platform)
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
