//! What a built library offers, as text that people review: each type, and each call with what it takes, returns and throws.

use std::fmt::Write as _;

use uniffi_bindgen::ComponentInterface;
use uniffi_bindgen::interface::{Argument, AsType as _, Enum, Method, Record, Type};

/// The lines, sorted within each kind.
pub(crate) fn text(interface: &ComponentInterface) -> String {
    let mut blocks: Vec<String> = interface.record_definitions().iter().map(record).collect();
    blocks.extend(interface.enum_definitions().iter().map(enumeration));
    for callback in interface.callback_interface_definitions() {
        let methods = callback.methods().into_iter().map(method).collect();
        blocks.push(block(&format!("trait {}", callback.name()), methods));
    }
    for object in interface.object_definitions() {
        let constructors = object.constructors().into_iter().map(|made| {
            let arguments = arguments(&made.arguments());
            format!(
                "constructor {}({arguments}){}",
                made.name(),
                throws(made.throws_name())
            )
        });
        let methods = object.methods().into_iter().map(method);
        blocks.push(block(
            &format!("object {}", object.name()),
            constructors.chain(methods).collect(),
        ));
    }
    for function in interface.function_definitions() {
        blocks.push(format!("function {}\n", function.name()));
    }
    blocks.sort();
    blocks.join("\n")
}

fn record(record: &Record) -> String {
    let fields = record.fields().iter().map(|field| {
        let default = if field.default_value().is_some() {
            " = …"
        } else {
            ""
        };
        format!("{}: {}{default}", field.name(), shown(&field.as_type()))
    });
    block(&format!("record {}", record.name()), fields.collect())
}

fn enumeration(of: &Enum) -> String {
    let variants = of.variants().iter().map(|variant| {
        let fields: Vec<String> = variant
            .fields()
            .iter()
            .map(|field| format!("{}: {}", field.name(), shown(&field.as_type())))
            .collect();
        match fields.is_empty() {
            true => variant.name().to_owned(),
            false => format!("{} {{ {} }}", variant.name(), fields.join(", ")),
        }
    });
    block(&format!("enum {}", of.name()), variants.collect())
}

fn method(method: &Method) -> String {
    let asynchronous = if method.is_async() { "async " } else { "" };
    let returned = method
        .return_type()
        .map_or_else(String::new, |made| format!(" -> {}", shown(made)));
    format!(
        "{asynchronous}{}({}){returned}{}",
        method.name(),
        arguments(&method.arguments()),
        throws(method.throws_name())
    )
}

fn arguments(arguments: &[&Argument]) -> String {
    let each = arguments
        .iter()
        .map(|argument| format!("{}: {}", argument.name(), shown(&argument.as_type())));
    each.collect::<Vec<_>>().join(", ")
}

fn throws(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(" throws {name}"))
}

fn shown(of: &Type) -> String {
    if let Type::Optional { inner_type } = of {
        format!("{}?", shown(inner_type))
    } else if let Type::Sequence { inner_type } = of {
        format!("[{}]", shown(inner_type))
    } else {
        of.name()
            .map_or_else(|| format!("{of:?}").to_lowercase(), str::to_owned)
    }
}

fn block(head: &str, lines: Vec<String>) -> String {
    let mut text = format!("{head}\n");
    for line in lines {
        // A text takes everything.
        let _ = writeln!(text, "  {line}");
    }
    text
}
