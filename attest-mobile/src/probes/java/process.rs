//! The process as its runtime sees it: who called at the start, whether a debugger is there, and its name.

use attest_core::facts::{FactId, FactRef, Observation, Value};

use super::call::Call;
use super::family::Family;
use super::fault::Fault;
use crate::probes::Lifetime;
use crate::probes::answers::{boolean, text};

pub(super) const FAMILY: Family = Family {
    name: "java.process",
    facts: &[FactId::JAVA_STACK, FactId::JAVA_DEBUGGER, FactId::PROC_CMDLINE],
    cost_us: 200,
    lifetime: Lifetime::Scan,
    ask,
};

/// Frames of a start are about 20; a cloner adds as many.
const FRAMES_MAX: usize = 512;

fn ask(call: &mut Call<'_, '_>, question: &FactRef) -> Result<Observation, Fault> {
    Ok(match question.fact() {
        FactId::JAVA_STACK => Value::List(stack(call)?).into(),
        FactId::JAVA_DEBUGGER => boolean(debugged(call)?),
        FactId::PROC_CMDLINE => text(name(call)?),
        _ => return Err(Fault::UNFIT),
    })
}

/// The frames that led to [`super::Java::capture`], each `class.method`, the innermost first.
fn stack(call: &mut Call<'_, '_>) -> Result<Vec<String>, Fault> {
    let sig = c"()[Ljava/lang/StackTraceElement;";
    let frames = call.object(&call.java.start(), c"getStackTrace", sig, &[])?;
    call.each(frames, FRAMES_MAX, &mut |call, frame| {
        let class = call.text(&frame, c"getClassName")?;
        let method = call.text(&frame, c"getMethodName")?;
        Ok(format!("{class}.{method}"))
    })
}

fn debugged(call: &mut Call<'_, '_>) -> Result<bool, Fault> {
    let debug = call.class("android.os.Debug")?;
    let connected = call.static_value(&debug, c"isDebuggerConnected", c"()Z", &[])?;
    connected.boolean()
}

/// The name that the process was started under, as its activity thread keeps it.
fn name(call: &mut Call<'_, '_>) -> Result<String, Fault> {
    let threads = call.class("android.app.ActivityThread")?;
    let sig = c"()Ljava/lang/String;";
    let name = call.static_object(&threads, c"currentProcessName", sig, &[])?;
    call.read(name)
}
