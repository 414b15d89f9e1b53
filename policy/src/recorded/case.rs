//! Cases of cloners and of legitimate profiles: `{cases: [{name, package, user_id, data_dir, own_apk, maps}]}`. `null` is
//! what nobody observed.

use attest_core::facts::{Platform, Value};
use serde_json::{Map, Value as Json};

use super::{
    Record, RecordError, RecordedFacts, Recording,
    fields::{ABOUT, Fields},
};

const KNOWN: [&str; 6] = ["package", "user_id", "uid", "data_dir", "own_apk", "maps"];

pub(super) fn read(
    members: &Map<String, Json>,
    cases: &Json,
    platform: Platform,
    place: &str,
    recording: &mut Recording,
) {
    let fields = Fields::new(members, place);
    fields.note_others(&[&ABOUT[..], &["cases"]].concat(), &mut recording.notes);
    let Some(cases) = cases.as_array() else {
        return recording.problems.push(RecordError::MemberUnfit {
            place: fields.place("cases"),
            expected: "a list of cases",
        });
    };
    for (index, json) in cases.iter().enumerate() {
        let place = format!("{}[{index}]", fields.place("cases"));
        match case(json, platform, &place, format!("[{index}]"), &mut recording.notes) {
            Ok(record) => recording.records.push(record),
            Err(problem) => recording.problems.push(problem),
        }
    }
}

fn case(
    json: &Json,
    platform: Platform,
    place: &str,
    unnamed: String,
    notes: &mut Vec<String>,
) -> Result<Record, RecordError> {
    let members = json.as_object().ok_or_else(|| RecordError::MemberUnfit {
        place: place.to_owned(),
        expected: "an object",
    })?;
    let fields = Fields::new(members, place);
    fields.of_platform(platform)?;
    fields.note_others(&[&ABOUT[..], &KNOWN].concat(), notes);
    let (package, data_dir, own_apk) = (
        fields.text("package")?,
        fields.text("data_dir")?,
        fields.text("own_apk")?,
    );
    let (user_id, uid) = (fields.integer("user_id")?, fields.integer("uid")?);
    let mut facts = RecordedFacts::default();
    facts.put_text("id.package", package);
    facts.put("id.user_id", user_id.map(Value::Integer));
    facts.put("id.uid", uid.map(Value::Integer));
    facts.put_text("app.data_dir", data_dir);
    for fact in ["maps.own_apk", "app.apk_path", "pm.source_dir"] {
        facts.put_text(fact, own_apk);
    }
    facts.put("maps.path", fields.list("maps")?.map(Value::List));
    Ok(Record {
        case: Some(fields.text("name")?.map_or(unnamed, str::to_owned)),
        variables: facts.variables(),
        facts,
    })
}
