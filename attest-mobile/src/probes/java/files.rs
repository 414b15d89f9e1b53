//! Files as `java.io` and `java.util.zip` show them: the third view of what libc and the kernel are asked, too.

use attest_core::facts::{FactId, FactRef, Observation, Value};
use jni::objects::JObject;
use jni::{JValue, jni_sig, jni_str};

use super::call::Call;
use super::family::Family;
use super::fault::Fault;
use crate::probes::Lifetime;
use crate::probes::answers::{boolean, integer};

pub(super) const FAMILY: Family = Family {
    name: "java.files",
    facts: &[
        FactId::PATH_EXISTS,
        FactId::PATH_ACCESS,
        FactId::PATH_ENTRIES,
        FactId::PATH_LINES,
        FactId::APK_ENTRY_EXISTS,
    ],
    cost_us: 300,
    lifetime: Lifetime::Scan,
    ask,
};

const ENTRIES_MAX: usize = 1_024;
const LINES_BYTES_MAX: usize = 64 * 1_024;

fn ask(call: &mut Call<'_, '_>, question: &FactRef) -> Result<Observation, Fault> {
    let param = question.param().unwrap_or_default();
    if question.fact() == FactId::APK_ENTRY_EXISTS {
        return entry_exists(call, param).map(boolean);
    }
    let class = call.class("java.io.File")?;
    let path = call.string(param)?;
    let sig = jni_sig!("(Ljava/lang/String;)V");
    let file = call.create(&class, &sig, &[JValue::Object(&path)])?;
    let exists = call.boolean(&file, jni_str!("exists"))?;
    if question.fact() == FactId::PATH_EXISTS {
        return Ok(boolean(exists));
    }
    if !exists {
        return Err(Fault::ABSENT);
    }
    match question.fact() {
        FactId::PATH_ACCESS => access(call, &file).map(integer),
        FactId::PATH_ENTRIES => {
            let sig = jni_sig!("()[Ljava/lang/String;");
            // Null is a directory that may not be read, or none.
            let names = match call.object(&file, jni_str!("list"), &sig, &[]) {
                Err(Fault::ABSENT) => return Err(Fault::REFUSED),
                names => names?,
            };
            Ok(Value::List(call.texts(names, ENTRIES_MAX)?).into())
        }
        FactId::PATH_LINES => lines(call, &file),
        _ => Err(Fault::UNFIT),
    }
}

fn access(call: &mut Call<'_, '_>, file: &JObject<'_>) -> Result<i64, Fault> {
    let mut bits = 0;
    for (name, bit) in [
        (jni_str!("canRead"), 4),
        (jni_str!("canWrite"), 2),
        (jni_str!("canExecute"), 1),
    ] {
        bits |= if call.boolean(file, name)? { bit } else { 0 };
    }
    Ok(bits)
}

/// The lines of a regular file; opening anything else could wait or change something.
fn lines(call: &mut Call<'_, '_>, file: &JObject<'_>) -> Result<Observation, Fault> {
    if !call.boolean(file, jni_str!("isFile"))? {
        return Err(Fault::UNFIT);
    }
    let streams = call.class("java.io.FileInputStream")?;
    let stream = call.create(&streams, &jni_sig!("(Ljava/io/File;)V"), &[JValue::Object(file)])?;
    let read = whole(call, &stream);
    let closed = close(call, &stream);
    let bytes = read?;
    closed?;
    let lines = String::from_utf8_lossy(&bytes)
        .lines()
        .map(str::to_owned)
        .collect();
    Ok(Value::List(lines).into())
}

fn whole(call: &mut Call<'_, '_>, stream: &JObject<'_>) -> Result<Vec<u8>, Fault> {
    let buffer = call.env.new_byte_array(LINES_BYTES_MAX)?;
    let mut bytes = Vec::new();
    loop {
        let sig = jni_sig!("([B)I");
        let count =
            call.framed(|call| call.integer_of(stream, jni_str!("read"), &sig, &[JValue::Object(&buffer)]))?;
        // Below zero is the end.
        let Ok(count) = usize::try_from(count) else {
            return Ok(bytes);
        };
        if bytes.len() + count > LINES_BYTES_MAX {
            return Err(Fault::CUT);
        }
        bytes.extend(call.env.convert_byte_array(&buffer)?.into_iter().take(count));
    }
}

fn close(call: &mut Call<'_, '_>, closeable: &JObject<'_>) -> Result<(), Fault> {
    call.void(closeable, jni_str!("close"))
}

/// Whether the app's own APK has this entry.
fn entry_exists(call: &mut Call<'_, '_>, name: &str) -> Result<bool, Fault> {
    let path = call.text(call.java.context(), jni_str!("getPackageCodePath"))?;
    let path = call.string(&path)?;
    let name = call.string(name)?;
    let archives = call.class("java.util.zip.ZipFile")?;
    let archive = call.create(
        &archives,
        &jni_sig!("(Ljava/lang/String;)V"),
        &[JValue::Object(&path)],
    )?;
    let sig = jni_sig!("(Ljava/lang/String;)Ljava/util/zip/ZipEntry;");
    let entry = call.object(&archive, jni_str!("getEntry"), &sig, &[JValue::Object(&name)]);
    let closed = close(call, &archive);
    let found = match entry {
        Ok(_) => true,
        Err(Fault::ABSENT) => false,
        Err(fault) => return Err(fault),
    };
    closed.map(|()| found)
}
