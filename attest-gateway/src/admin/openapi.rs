//! The OpenAPI 3.1 document of the admin listener, made from the table of operations and the types that travel.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::operation::{BASE, Operation, Parameter, Shape, operations};
use super::problem::{AdminCode, MEDIA_TYPE, ProblemDocument};

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut schemas = BTreeMap::new();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for operation in operations() {
        let methods = paths.entry(format!("{BASE}{}", operation.path)).or_default();
        methods.insert(
            operation.method.as_str().to_lowercase(),
            described(operation, &mut schemas),
        );
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "attest gateway: admin listener",
            "description": "Times are Unix seconds. Members are added, never renamed or removed.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of `[[admin.tokens]]`; `attest gateway token` makes one.",
            } },
        },
    })
}

type Schemas = BTreeMap<String, Value>;

fn described(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut answers: BTreeMap<String, Value> = BTreeMap::new();
    for answer in operation.answers {
        let content = match answer.shape {
            Some(shape) => json!({ "application/json": { "schema": reference(shape, schemas) } }),
            None if operation.id == "openapi" => {
                json!({ "application/json": { "schema": { "type": "object" } } })
            }
            None => json!({ prometheus::TEXT_FORMAT: { "schema": { "type": "string" } } }),
        };
        let described = json!({ "description": answer.meaning, "content": content });
        answers.insert(answer.status.to_string(), described);
    }
    let problem = reference(Shape::of::<ProblemDocument>(), schemas);
    for (code, meaning) in refusals(operation) {
        let described = json!({ "description": meaning, "content": { MEDIA_TYPE: { "schema": problem } } });
        answers
            .entry(code.status().as_u16().to_string())
            .or_insert(described);
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "responses": answers,
    });
    if let Some(members) = described.as_object_mut() {
        if !operation.parameters.is_empty() {
            let parameters = operation
                .parameters
                .iter()
                .map(|parameter| parameter_of(operation, parameter));
            members.insert("parameters".to_owned(), parameters.collect());
        }
        if let Some(shape) = operation.request {
            let content = json!({ "application/json": { "schema": reference(shape, schemas) } });
            members.insert(
                "requestBody".to_owned(),
                json!({ "required": true, "content": content }),
            );
        }
        if let Some(scope) = operation.scope {
            members.insert("security".to_owned(), json!([{ "token": [] }]));
            members.insert("x-scope".to_owned(), json!(scope.as_str()));
        }
    }
    described
}

fn refusals(operation: &Operation) -> Vec<(AdminCode, &'static str)> {
    let mut refusals = vec![(
        AdminCode::Unavailable,
        "The store does not answer, or the call took too long.",
    )];
    if operation.scope.is_some() {
        refusals.push((AdminCode::Unauthenticated, "No token, or one that is not known."));
        refusals.push((AdminCode::Forbidden, "The token does not have the scope."));
        refusals.push((
            AdminCode::TooManyRequests,
            "Too many bad tokens from this source, or calls with this token.",
        ));
    }
    if operation.request.is_some() {
        refusals.push((AdminCode::ContentTooLarge, "The body is too large."));
    }
    if operation.request.is_some() || !operation.parameters.is_empty() {
        refusals.push((
            AdminCode::Malformed,
            "Path, query or body are not what the call takes.",
        ));
    }
    if operation.path.contains('{') || operation.request.is_some() {
        refusals.push((AdminCode::NotFound, "There is no such resource."));
    }
    refusals
}

fn parameter_of(operation: &Operation, parameter: &Parameter) -> Value {
    let in_path = operation.path.contains(&format!("{{{}}}", parameter.name));
    let schema = if parameter.is_number {
        json!({ "type": "integer", "minimum": 1, "maximum": super::calls::LIMIT_MAX })
    } else {
        json!({ "type": "string" })
    };
    json!({
        "name": parameter.name,
        "in": if in_path { "path" } else { "query" },
        "required": in_path,
        "description": parameter.meaning,
        "schema": schema,
    })
}

/// A reference to the type's schema, which is among the components from now on, with all that it refers to.
fn reference(shape: Shape, schemas: &mut Schemas) -> Value {
    let mut collected = Vec::new();
    (shape.collect)(&mut collected);
    for (name, schema) in collected {
        schemas
            .entry(name)
            .or_insert_with(|| serde_json::to_value(schema).unwrap_or_default());
    }
    json!({ "$ref": format!("#/components/schemas/{}", (shape.name)()) })
}
