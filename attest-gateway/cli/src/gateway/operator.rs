//! How the commands for operators reach a gateway: address from the configuration, token from its file.

use std::io;
use std::path::PathBuf;

use attest_gateway::admin::{AdminClient, AdminClientError, ClientTls};
use attest_gateway::config::{Admin, Config};
use attest_gateway::init::ADMIN_TOKEN_FILE;
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::identity::Identity;
use super::{ConfigFile, config_lines};
use crate::input;
use crate::out::{Exit, Out, printable};

/// No token file is larger.
const TOKEN_FILE_MAX_BYTES: usize = 4096;

/// Where the admin listener is, and who calls.
#[derive(Debug, Args)]
pub(crate) struct Operator {
    #[command(flatten)]
    file: ConfigFile,
    /// File with the admin token [default: admin.token beside the configuration].
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The name in the listener's certificate, where it speaks TLS [default: its address].
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    #[command(flatten)]
    identity: Identity,
}

impl Operator {
    /// Makes one call and gives its answer to `show`. Whatever goes wrong is said, with what mends it.
    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        (method, path): (&str, &str),
        body: Option<&(impl Serialize + Sync)>,
        out: &mut Out<'_>,
        show: impl FnOnce(T, &mut Out<'_>) -> io::Result<()>,
    ) -> io::Result<Exit> {
        let path_of_config = &self.file.config;
        let config = match Config::read(path_of_config) {
            Ok(config) => config,
            Err(problems) => {
                for line in config_lines(path_of_config, &problems) {
                    writeln!(out.err, "{line}")?;
                }
                return Ok(Exit::Unusable);
            }
        };
        let client = match self.client(&config.admin) {
            Ok(client) => client,
            Err(problem) => {
                writeln!(out.err, "attest: {}", printable(&problem))?;
                return Ok(Exit::Unusable);
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        match runtime.block_on(client.call(method, path, body)) {
            Ok(answer) => show(answer, out).map(|()| Exit::Clean),
            Err(error) => {
                let mend = mend(&error);
                writeln!(out.err, "attest: {}{mend}", printable(&error.to_string()))?;
                Ok(Exit::Refused)
            }
        }
    }

    fn client(&self, admin: &Admin) -> Result<AdminClient, String> {
        let config = self.file.config.display();
        if !admin.enabled {
            return Err(format!(
                "the admin listener is off\n  Set `enabled = true` under [admin] in {config} and restart the gateway."
            ));
        }
        if admin.address.port() == 0 {
            return Err(format!(
                "the admin listener takes a free port at each start, so nobody knows it\n  Set `admin.address` in {config} to a fixed port and restart the gateway."
            ));
        }
        let beside = self.file.config.with_file_name(ADMIN_TOKEN_FILE);
        let token_file = self.token_file.as_ref().unwrap_or(&beside);
        let token = input::file(token_file, TOKEN_FILE_MAX_BYTES).map_err(|error| {
            let name = token_file.display();
            format!("{name}: {error}\n  Name the file that holds your token with --token-file.")
        })?;
        let token = token
            .and_then(|token| String::from_utf8(token).ok())
            .ok_or_else(|| format!("{}: this is no token", token_file.display()))?;
        let tls = admin.tls.as_ref().map(|tls| ClientTls {
            authority: tls.certificate.clone(),
            server_name: self
                .server_name
                .clone()
                .unwrap_or_else(|| admin.address.ip().to_string()),
            identity: self.identity.files(),
        });
        AdminClient::new(admin.address, token.trim().to_owned(), tls.as_ref())
            .map_err(|error| error.to_string())
    }
}

/// What to do about it, where the error does not say.
fn mend(error: &AdminClientError) -> &'static str {
    if let AdminClientError::Unreachable { .. } = error {
        "\n  Is the gateway running with this configuration?"
    } else if let AdminClientError::Refused(problem) = error
        && problem.status == 401
    {
        "\n  The token's SHA-256 must be one of [[admin.tokens]] of the running gateway."
    } else {
        ""
    }
}
