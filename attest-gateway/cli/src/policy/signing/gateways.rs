//! Running gateways, by their admin listeners. A push is only a hint: gateways verify everything by themselves.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

use attest_core::policy::Brake;
use attest_gateway::admin::{AdminClient, AdminClientError, ClientTls};
use attest_policy::repository::Repository;
use clap::Args;
use serde_json::{Value, value::RawValue};

use super::Stop;
use crate::gateway::Identity;
use crate::input;
use crate::out::{Exit, Out, printable};

/// No token file is larger.
const TOKEN_FILE_MAX_BYTES: usize = 4096;

/// Which gateways, and who calls them.
#[derive(Debug, Args)]
pub(crate) struct Gateways {
    /// The admin listener of a running gateway, such as `http://127.0.0.1:9443`; may be given several times.
    #[arg(long, value_name = "URL")]
    admin: Vec<String>,
    /// File with the admin token: one for all gateways, or one for each in their order.
    #[arg(long, value_name = "FILE", requires = "admin")]
    token_file: Vec<PathBuf>,
    /// Certificate, or authority, of admin listeners that speak TLS.
    #[arg(long, value_name = "FILE", requires = "admin")]
    admin_ca: Option<PathBuf>,
    #[command(flatten)]
    identity: Identity,
}

/// What a gateway answered.
pub(crate) struct Answered {
    pub(crate) admin: String,
    pub(crate) answer: Result<Value, String>,
}

impl Gateways {
    pub(crate) fn is_empty(&self) -> bool {
        self.admin.is_empty()
    }

    /// Gives every gateway the repository, and says what became of it.
    pub(crate) fn push(&self, repository: &Repository, out: &mut Out<'_>) -> Result<Exit, Stop> {
        if self.is_empty() {
            return Ok(Exit::Clean);
        }
        let json =
            String::from_utf8(repository.to_json()?).map_err(|error| Stop::unusable(error.to_string()))?;
        let body = RawValue::from_string(json).map_err(|error| Stop::unusable(error.to_string()))?;
        let mut exit = Exit::Clean;
        for Answered { admin, answer } in self.call("POST", "/policy/repository", Some(&body))? {
            let (good, text) = match &answer {
                Ok(verdict) => verdict_in_words(verdict),
                Err(error) => (false, format!("not asked: {error}")),
            };
            if !good {
                exit = Exit::Refused;
            }
            writeln!(
                out.out,
                "{}",
                printable(&format!("{admin}  {text}")).replace('\n', " ")
            )?;
        }
        Ok(exit)
    }

    /// Asks every gateway whether a brake that was pushed is in force, and says it.
    pub(crate) fn braked(&self, brake: &Brake, out: &mut Out<'_>) -> Result<Exit, Stop> {
        let mut exit = Exit::Clean;
        if self.is_empty() {
            return Ok(exit);
        }
        for Answered { admin, answer } in self.call("GET", "/policy", None)? {
            let (good, text) = match &answer {
                Ok(view) => brake_in_words(brake, view),
                Err(error) => (false, format!("not asked: {error}")),
            };
            if !good {
                exit = Exit::Refused;
            }
            let line = printable(&format!("{admin}  {text}")).replace('\n', " ");
            writeln!(out.out, "{line}")?;
        }
        Ok(exit)
    }

    /// Calls every gateway at once; answers in the order of the arguments.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&RawValue>,
    ) -> Result<Vec<Answered>, Stop> {
        let mut clients = Vec::new();
        for (index, admin) in self.admin.iter().enumerate() {
            clients.push((admin.clone(), self.client(index, admin)?));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Stop::unusable(error.to_string()))?;
        let answers = runtime.block_on(async {
            let mut running = tokio::task::JoinSet::new();
            for (index, (admin, client)) in clients.into_iter().enumerate() {
                let (method, path, body) = (method.to_owned(), path.to_owned(), body.map(RawValue::to_owned));
                running.spawn(async move {
                    let answer = client.call::<Value>(&method, &path, body.as_ref()).await;
                    let answer = answer.map_err(|error| in_words(&error));
                    (index, Answered { admin, answer })
                });
            }
            running.join_all().await
        });
        let mut answers = answers;
        answers.sort_by_key(|(index, _)| *index);
        Ok(answers.into_iter().map(|(_, answered)| answered).collect())
    }

    fn client(&self, index: usize, admin: &str) -> Result<AdminClient, Stop> {
        let unusable = |reason: &str| Stop::unusable(format!("--admin {admin}: {reason}"));
        let (address, tls) = match admin.split_once("://") {
            Some(("http", rest)) => (rest, false),
            Some(("https", rest)) => (rest, true),
            _ => return Err(unusable("expected http://HOST:PORT or https://HOST:PORT")),
        };
        let authority = address.trim_end_matches('/');
        let mut found = authority
            .to_socket_addrs()
            .map_err(|error| unusable(&error.to_string()))?;
        let address: SocketAddr = found.next().ok_or_else(|| unusable("no such host"))?;
        let token_file = match self.token_file.as_slice() {
            [] => return Err(unusable("whose token? Name its file with --token-file")),
            [one] => one,
            many => many
                .get(index)
                .ok_or_else(|| unusable("as many --token-file as --admin, or one for all"))?,
        };
        let token =
            input::file(token_file, TOKEN_FILE_MAX_BYTES).map_err(|error| Stop::file(token_file, error))?;
        let token = token
            .and_then(|token| String::from_utf8(token).ok())
            .ok_or_else(|| Stop::file(token_file, "this is no token"))?;
        let tls = match (tls, &self.admin_ca) {
            (false, _) => None,
            (true, None) => {
                return Err(unusable(
                    "whose certificate? Name it, or its authority, with --admin-ca",
                ));
            }
            (true, Some(authority_file)) => Some(ClientTls {
                authority: authority_file.clone(),
                server_name: authority
                    .rsplit_once(':')
                    .map_or(authority, |(host, _)| host)
                    .trim_matches(['[', ']'])
                    .to_owned(),
                identity: self.identity.files(),
            }),
        };
        AdminClient::new(address, token.trim().to_owned(), tls.as_ref())
            .map_err(|error| unusable(&error.to_string()))
    }
}

fn in_words(error: &AdminClientError) -> String {
    let mend = if let AdminClientError::Refused(problem) = error
        && problem.status == 401
    {
        " (the token's SHA-256 must be one of [[admin.tokens]] of the running gateway)"
    } else {
        ""
    };
    format!("{error}{mend}")
}

/// Whether what was pushed is in force now, and the words.
fn verdict_in_words(verdict: &Value) -> (bool, String) {
    let text = |name: &str| verdict.get(name).and_then(Value::as_str).unwrap_or_default();
    let version = verdict.get("version").and_then(Value::as_u64);
    let version = version.map_or_else(String::new, |version| format!("  policy version {version}"));
    match text("verdict") {
        "ack" => (true, format!("ACK{version}")),
        "nack" => (
            false,
            format!("NACK{version}  {} [{}]", text("reason"), text("code")),
        ),
        _ => (
            false,
            format!("an answer that this version does not know: {verdict}"),
        ),
    }
}

/// Whether a gateway's policy has this brake over it, or none after an empty one, and the words.
fn brake_in_words(brake: &Brake, view: &Value) -> (bool, String) {
    let at = |path: &str| view.pointer(path);
    let in_force = at("/repository/brake/version").and_then(Value::as_u64);
    let expected = (!brake.rules.is_empty()).then_some(brake.version);
    match (in_force, expected) {
        (None, None) => (true, "no brake".to_owned()),
        (Some(version), Some(expected)) if version == expected => (true, format!("BRAKE {version} in force")),
        _ => {
            let text = |name: &str| {
                at(&format!("/repository/last_nack/{name}"))
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let why = if text("subject") == "brake" {
                format!(": {} [{}]", text("reason"), text("code"))
            } else {
                String::new()
            };
            (false, format!("brake {} is not taken{why}", brake.version))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_verdict_is_told_in_words() {
        let check = |verdict: Value, expect: (bool, &str)| {
            let (good, text) = verdict_in_words(&verdict);
            assert_eq!((good, text.as_str()), expect);
        };
        check(
            json!({"verdict": "ack", "version": 3, "code": "activated"}),
            (true, "ACK  policy version 3"),
        );
        check(
            json!({"verdict": "nack", "code": "tuf-threshold", "reason": "targets is signed by 1 of the 2 keys"}),
            (
                false,
                "NACK  targets is signed by 1 of the 2 keys [tuf-threshold]",
            ),
        );
        check(
            json!({"outcome": 1}),
            (
                false,
                "an answer that this version does not know: {\"outcome\":1}",
            ),
        );
    }

    #[test]
    fn a_brake_is_on_only_where_the_gateway_says_so() {
        let check = |rules: Value, view: Value, expect: (bool, &str)| {
            let brake = json!({"version": 4, "issued_at": 1, "expires_at": 2, "rules": rules});
            let brake: Brake = serde_json::from_value(brake).unwrap();
            let (good, text) = brake_in_words(&brake, &view);
            assert_eq!((good, text.as_str()), expect);
        };
        let on = |version: u64| json!({"repository": {"brake": {"version": version}}});
        check(json!({"a": "off"}), on(4), (true, "BRAKE 4 in force"));
        check(json!({"a": "off"}), on(3), (false, "brake 4 is not taken"));
        check(json!({"a": "off"}), json!({}), (false, "brake 4 is not taken"));
        check(json!({}), json!({"repository": {}}), (true, "no brake"));
        check(json!({}), on(3), (false, "brake 4 is not taken"));
        let refused = json!({"repository": {"last_nack": {"subject": "brake", "code": "brake-unlisted", "reason": "no"}}});
        check(
            json!({"a": "off"}),
            refused,
            (false, "brake 4 is not taken: no [brake-unlisted]"),
        );
    }
}
