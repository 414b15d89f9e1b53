//! Files as `java.io` and `java.util.zip` show them: the third view of what libc and the kernel are asked, too.

use attest_core::facts::{FactId, FactRef, Observation, Value};

use super::call::Call;
use super::family::Family;
use super::fault::Fault;
use super::jvm::{Argument, Object};
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
const BUFFER_BYTES: i32 = 64 * 1_024;

fn ask(call: &mut Call<'_, '_>, question: &FactRef) -> Result<Observation, Fault> {
    let param = question.param().unwrap_or_default();
    if question.fact() == FactId::APK_ENTRY_EXISTS {
        return entry_exists(call, param).map(boolean);
    }
    let class = call.class("java.io.File")?;
    let path = call.string(param)?;
    let sig = c"(Ljava/lang/String;)V";
    let file = call.create(&class, sig, &[Argument::Object(&path)])?;
    let exists = call.boolean(&file, c"exists")?;
    if question.fact() == FactId::PATH_EXISTS {
        return Ok(boolean(exists));
    }
    if !exists {
        return Err(Fault::ABSENT);
    }
    match question.fact() {
        FactId::PATH_ACCESS => access(call, &file).map(integer),
        FactId::PATH_ENTRIES => {
            let sig = c"()[Ljava/lang/String;";
            // Null is a directory that may not be read, or none.
            let names = match call.object(&file, c"list", sig, &[]) {
                Err(Fault::ABSENT) => return Err(Fault::REFUSED),
                names => names?,
            };
            Ok(Value::List(call.texts(names, ENTRIES_MAX)?).into())
        }
        FactId::PATH_LINES => lines(call, &file),
        _ => Err(Fault::UNFIT),
    }
}

fn access(call: &mut Call<'_, '_>, file: &Object<'_>) -> Result<i64, Fault> {
    let mut bits = 0;
    for (name, bit) in [(c"canRead", 4), (c"canWrite", 2), (c"canExecute", 1)] {
        bits |= if call.boolean(file, name)? { bit } else { 0 };
    }
    Ok(bits)
}

/// The lines of a regular file; opening anything else could wait or change something.
fn lines(call: &mut Call<'_, '_>, file: &Object<'_>) -> Result<Observation, Fault> {
    if !call.boolean(file, c"isFile")? {
        return Err(Fault::UNFIT);
    }
    let streams = call.class("java.io.FileInputStream")?;
    let stream = call.create(&streams, c"(Ljava/io/File;)V", &[Argument::Object(file)])?;
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

fn whole(call: &mut Call<'_, '_>, stream: &Object<'_>) -> Result<Vec<u8>, Fault> {
    let buffer = call.env.new_bytes(BUFFER_BYTES)?;
    let mut bytes = Vec::new();
    loop {
        let sig = c"([B)I";
        let count =
            call.framed(|call| call.integer_of(stream, c"read", sig, &[Argument::Object(&buffer)]))?;
        // Below zero is the end.
        let Ok(count) = usize::try_from(count) else {
            return Ok(bytes);
        };
        if bytes.len() + count > LINES_BYTES_MAX {
            return Err(Fault::CUT);
        }
        bytes.extend(call.env.bytes(&buffer, LINES_BYTES_MAX)?.into_iter().take(count));
    }
}

fn close(call: &mut Call<'_, '_>, closeable: &Object<'_>) -> Result<(), Fault> {
    call.void(closeable, c"close")
}

/// Whether the app's own APK has this entry.
fn entry_exists(call: &mut Call<'_, '_>, name: &str) -> Result<bool, Fault> {
    let path = call.text(&call.java.context(), c"getPackageCodePath")?;
    let path = call.string(&path)?;
    let name = call.string(name)?;
    let archives = call.class("java.util.zip.ZipFile")?;
    let archive = call.create(&archives, c"(Ljava/lang/String;)V", &[Argument::Object(&path)])?;
    let sig = c"(Ljava/lang/String;)Ljava/util/zip/ZipEntry;";
    let entry = call.object(&archive, c"getEntry", sig, &[Argument::Object(&name)]);
    let closed = close(call, &archive);
    let found = match entry {
        Ok(_) => true,
        Err(Fault::ABSENT) => false,
        Err(fault) => return Err(fault),
    };
    closed.map(|()| found)
}
