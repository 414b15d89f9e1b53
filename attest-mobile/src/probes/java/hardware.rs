//! Sensors and network interfaces, as the platform lists them.

use std::ffi::CStr;

use attest_core::facts::{FactId, FactRef, Observation, Value};

use super::call::Call;
use super::family::Family;
use super::fault::Fault;
use super::jvm::Argument;
use crate::probes::Lifetime;

pub(super) const SENSORS: Family = Family {
    name: "java.sensors",
    facts: &[FactId::SENSORS_NAME, FactId::SENSORS_VENDOR],
    cost_us: 3_000,
    lifetime: Lifetime::Process,
    ask: sensors,
};

pub(super) const NETWORK: Family = Family {
    name: "java.network",
    facts: &[FactId::NET_INTERFACES],
    cost_us: 200,
    lifetime: Lifetime::Seconds(60),
    ask: interfaces,
};

/// Phones have about 50.
const SENSORS_MAX: usize = 256;
const INTERFACES_MAX: usize = 256;
/// `Sensor.TYPE_ALL`.
const ALL: i32 = -1;

fn sensors(call: &mut Call<'_, '_>, question: &FactRef) -> Result<Observation, Fault> {
    let column: &CStr = match question.fact() {
        FactId::SENSORS_NAME => c"getName",
        FactId::SENSORS_VENDOR => c"getVendor",
        _ => return Err(Fault::UNFIT),
    };
    let service = call.string("sensor")?;
    let sig = c"(Ljava/lang/String;)Ljava/lang/Object;";
    let name = c"getSystemService";
    let manager = call.object(&call.java.context(), name, sig, &[Argument::Object(&service)])?;
    let sig = c"(I)Ljava/util/List;";
    let sensors = call.object(&manager, c"getSensorList", sig, &[Argument::Int(ALL)])?;
    let sensors = call.array_of(&sensors)?;
    let texts = call.each(sensors, SENSORS_MAX, &mut |call, sensor| {
        call.text(&sensor, column)
    })?;
    Ok(Value::List(texts).into())
}

fn interfaces(call: &mut Call<'_, '_>, _: &FactRef) -> Result<Observation, Fault> {
    let class = call.class("java.net.NetworkInterface")?;
    let sig = c"()Ljava/util/Enumeration;";
    let interfaces = call.static_object(&class, c"getNetworkInterfaces", sig, &[])?;
    let collections = call.class("java.util.Collections")?;
    let sig = c"(Ljava/util/Enumeration;)Ljava/util/ArrayList;";
    let interfaces = call.static_object(&collections, c"list", sig, &[Argument::Object(&interfaces)])?;
    let interfaces = call.array_of(&interfaces)?;
    let names = call.each(interfaces, INTERFACES_MAX, &mut |call, interface| {
        call.text(&interface, c"getName")
    })?;
    Ok(Value::List(names).into())
}
