//! Conditions as they are written: a map with exactly one of `fact`, `all`, `any`, `not` and `at_least`.
//!
//! Names of facts, operators and lists stay text here and are resolved by compilation, so that an older engine can
//! read a newer policy and say what it does not know.

use serde::{Deserialize, Serialize};

use super::variables::names_value;
use crate::facts::{FactId, FactRef, Value};

/// A condition over facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum Condition {
    /// One fact compared.
    Fact(FactTest),
    /// True if all are.
    All(Vec<Self>),
    /// True if any is.
    Any(Vec<Self>),
    /// True if it is false.
    Not(Box<Self>),
    /// True if at least `n` are.
    AtLeast(AtLeast),
}

impl Condition {
    /// True if a clause asks for this fact, by any parameter and view.
    #[must_use]
    pub fn asks(&self, fact: FactId) -> bool {
        self.any_test(&|test| {
            let mut questions = std::iter::once(&test.fact).chain(&test.from);
            questions.any(|text| text.parse::<FactRef>().is_ok_and(|asked| asked.fact() == fact))
        })
    }

    /// The questions that its clauses ask, in their order; those that are about no known fact are left out.
    #[must_use]
    pub fn questions(&self) -> Vec<FactRef> {
        let mut questions = Vec::new();
        self.ask(&mut questions);
        questions
    }

    fn ask(&self, questions: &mut Vec<FactRef>) {
        match self {
            Self::Fact(test) => {
                let asked = std::iter::once(&test.fact).chain(&test.from);
                questions.extend(asked.filter_map(|text| text.parse().ok()));
            }
            Self::All(children) | Self::Any(children) => {
                children.iter().for_each(|child| child.ask(questions))
            }
            Self::Not(child) => child.ask(questions),
            Self::AtLeast(at_least) => at_least.of.iter().for_each(|child| child.ask(questions)),
        }
    }

    /// True if a clause names this list.
    #[must_use]
    pub fn names_list(&self, name: &str) -> bool {
        self.any_test(&|test| {
            test.values().any(|(op, value)| {
                op.contains("in_list") && matches!(value, Value::Text(text) if text == name)
            })
        })
    }

    /// True if a clause asks for `${policy.name}`.
    #[must_use]
    pub fn names_value(&self, name: &str) -> bool {
        let in_text = |text: &str| names_value(text, name);
        self.any_test(&|test| {
            in_text(&test.fact)
                || test.from.as_deref().is_some_and(in_text)
                || test.values().any(|(_, value)| match value {
                    Value::Text(text) => in_text(text),
                    Value::List(items) => items.iter().any(|item| in_text(item)),
                    Value::Integer(_) | Value::Boolean(_) | Value::Rows(_) => false,
                })
        })
    }

    fn any_test(&self, wanted: &dyn Fn(&FactTest) -> bool) -> bool {
        match self {
            Self::Fact(test) => wanted(test),
            Self::All(children) | Self::Any(children) => children.iter().any(|child| child.any_test(wanted)),
            Self::Not(child) => child.any_test(wanted),
            Self::AtLeast(at_least) => at_least.of.iter().any(|child| child.any_test(wanted)),
        }
    }
}

/// `{fact, op, value, except}`, `{fact, op: differs, from, except}` or `{fact, op, where, except}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FactTest {
    /// The question: `name(param)@view`.
    pub fact: String,
    /// The operator, such as `eq` or `any_not_prefix_ci`.
    pub op: String,
    /// What to compare with.
    pub value: Option<Value>,
    /// The other fact or view, for `differs`.
    pub from: Option<String>,
    /// What each row that counts has in its columns: `where`.
    pub columns: Option<Vec<ColumnTest>>,
    /// Items of a list, or rows, that do not count.
    pub except: Option<Except>,
}

impl FactTest {
    /// The operators and values of this clause: its own, those of its columns and of what it leaves out.
    fn values(&self) -> impl Iterator<Item = (&str, &Value)> {
        let own = self.value.iter().map(|value| (self.op.as_str(), value));
        let columns = self.columns.iter().flatten();
        let except = self
            .except
            .iter()
            .map(|except| (except.op.as_str(), &except.value));
        own.chain(columns.map(|column| (column.op.as_str(), &column.value)))
            .chain(except)
    }
}

/// What a row has in one of its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ColumnTest {
    /// The column.
    pub column: String,
    /// The operator, without quantifier.
    pub op: String,
    /// What to compare with.
    pub value: Value,
}

/// Items of a list, or rows, that do not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Except {
    /// The column, for facts with rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The operator, without quantifier.
    pub op: String,
    /// What to compare with.
    pub value: Value,
}

/// `{n, of}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AtLeast {
    /// How many must be true.
    pub n: u16,
    /// Of these.
    pub of: Vec<Condition>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fact: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) op: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub(super) columns: Option<Vec<ColumnTest>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) except: Option<Except>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) all: Option<Vec<Condition>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) any: Option<Vec<Condition>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) not: Option<Box<Condition>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at_least: Option<AtLeast>,
}

impl Written {
    const EMPTY: Self = Self {
        fact: None,
        op: None,
        value: None,
        from: None,
        columns: None,
        except: None,
        all: None,
        any: None,
        not: None,
        at_least: None,
    };
}

impl TryFrom<Written> for Condition {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        match written {
            Written {
                fact: Some(fact),
                op: Some(op),
                value,
                from,
                columns,
                except,
                all: None,
                any: None,
                not: None,
                at_least: None,
            } => Ok(Self::Fact(FactTest {
                fact,
                op,
                value,
                from,
                columns,
                except,
            })),
            Written {
                fact: Some(_),
                op: None,
                ..
            } => Err("a fact needs an `op`"),
            Written {
                fact: None,
                op: None,
                value: None,
                from: None,
                columns: None,
                except: None,
                all,
                any,
                not,
                at_least,
            } => match (all, any, not, at_least) {
                (Some(all), None, None, None) => Ok(Self::All(all)),
                (None, Some(any), None, None) => Ok(Self::Any(any)),
                (None, None, Some(not), None) => Ok(Self::Not(not)),
                (None, None, None, Some(at_least)) => Ok(Self::AtLeast(at_least)),
                _ => Err(ONE_OF),
            },
            Written { .. } => Err(ONE_OF),
        }
    }
}

const ONE_OF: &str = "a condition has exactly one of `fact`, `all`, `any`, `not`, `at_least`";

impl From<Condition> for Written {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Fact(FactTest {
                fact,
                op,
                value,
                from,
                columns,
                except,
            }) => Self {
                fact: Some(fact),
                op: Some(op),
                value,
                from,
                columns,
                except,
                ..Self::EMPTY
            },
            Condition::All(all) => Self {
                all: Some(all),
                ..Self::EMPTY
            },
            Condition::Any(any) => Self {
                any: Some(any),
                ..Self::EMPTY
            },
            Condition::Not(not) => Self {
                not: Some(not),
                ..Self::EMPTY
            },
            Condition::AtLeast(at_least) => Self {
                at_least: Some(at_least),
                ..Self::EMPTY
            },
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Condition {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = generator.subschema_for::<Self>();
        let (value, except) = (
            generator.subschema_for::<Value>(),
            generator.subschema_for::<Except>(),
        );
        let column = generator.subschema_for::<ColumnTest>();
        let at_least = generator.subschema_for::<AtLeast>();
        let only = |name: &str, schema: serde_json::Value| {
            serde_json::json!({
                "type": "object",
                "properties": { name: schema },
                "required": [name],
                "additionalProperties": false,
            })
        };
        let list = serde_json::json!({ "type": "array", "items": one, "minItems": 1 });
        schemars::json_schema!({
            "description": "A condition over facts: exactly one of `fact`, `all`, `any`, `not`, `at_least`.",
            "oneOf": [
                {
                    "type": "object",
                    "properties": {
                        "fact": { "type": "string", "description": "name, name(parameter) or name(parameter)@view" },
                        "op": {
                            "type": "string",
                            "description": "[any_|all_|none_|count_][not_]base[_ci]",
                            "pattern": super::operator::pattern(),
                        },
                        "value": value,
                        "from": { "type": "string", "description": "differs: the other fact or view, of the same type" },
                        "where": {
                            "type": "array",
                            "items": column,
                            "minItems": 1,
                            "description": "facts with rows: what a row that counts has in its columns, all of it",
                        },
                        "except": except,
                    },
                    "required": ["fact", "op"],
                    "additionalProperties": false,
                },
                only("all", list.clone()),
                only("any", list),
                only("not", serde_json::json!(one)),
                only("at_least", serde_json::json!(at_least)),
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_form_is_read_and_printed() {
        let check = |input: &str, expect: Result<(), &str>| {
            let read = serde_json::from_str::<Condition>(input);
            match (&read, expect) {
                (Ok(condition), Ok(())) => assert_eq!(serde_json::to_string(condition).unwrap(), input),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{input}: {error}"),
                _ => panic!("{input}: {read:?}"),
            }
        };
        check(r#"{"fact":"route.id","op":"eq","value":"pay"}"#, Ok(()));
        check(
            r#"{"fact":"maps.path","op":"any_matches","value":"x","except":{"op":"eq","value":"y"}}"#,
            Ok(()),
        );
        check(
            r#"{"fact":"app.data_dir@libc","op":"differs","from":"app.data_dir@syscall"}"#,
            Ok(()),
        );
        check(
            r#"{"fact":"maps.rows","op":"any_row","where":[{"column":"path","op":"eq","value":"x"}],"except":{"column":"dev","op":"eq","value":"y"}}"#,
            Ok(()),
        );
        check(r#"{"all":[],"where":[]}"#, Err("exactly one"));
        check(r#"{"all":[],"from":"a"}"#, Err("exactly one"));
        check(
            r#"{"all":[{"not":{"any":[]}},{"at_least":{"n":1,"of":[]}}]}"#,
            Ok(()),
        );
        check("{}", Err("exactly one"));
        check(r#"{"fact":"a"}"#, Err("needs an `op`"));
        check(r#"{"all":[],"any":[]}"#, Err("exactly one"));
        check(r#"{"all":[],"op":"eq"}"#, Err("exactly one"));
        check(r#"{"fact":"a","op":"eq","not":{"all":[]}}"#, Err("exactly one"));
        check(r#"{"fact":"a","op":"eq","vale":1}"#, Err("unknown field"));
    }
}
