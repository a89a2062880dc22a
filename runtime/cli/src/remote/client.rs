//! A server's API, from outside.

use std::path::PathBuf;
use std::process::ExitCode;

use catchwater_sdk::{Error, Result, ResultExt};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use crate::options::finish;

/// Which server.
#[derive(clap::Args)]
pub(crate) struct ServerOption {
    /// Where the server is.
    #[arg(long, env = "CATCHWATER_SERVER", default_value = "http://127.0.0.1:8083", value_name = "URL")]
    server: String,
    /// A file with the token that the server asks for.
    #[arg(long, env = "CATCHWATER_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Talks to one server.
pub(super) struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<String>,
}

impl ServerOption {
    /// Does `work` with a client. What went wrong exits with 1.
    pub(super) fn with<F: Future<Output = Result<ExitCode>>>(&self, work: impl FnOnce(Client) -> F) -> ExitCode {
        finish(1, async { work(self.client()?).await })
    }

    fn client(&self) -> Result<Client> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).or_refused(|| format!("read the token in {}", path.display()))
        };
        let token = self.token_file.as_ref().map(read).transpose()?.map(|token| token.trim().to_owned());
        let server = self.server.trim_end_matches('/').to_owned();
        Ok(Client { http: reqwest::Client::new(), server, token })
    }
}

impl Client {
    pub(super) async fn get(&self, path: &[&str]) -> Result<Value> {
        self.ask(Method::GET, path, &[], None).await
    }

    pub(super) async fn post(&self, path: &[&str], query: &[(&str, &str)], body: Option<&Value>) -> Result<Value> {
        self.ask(Method::POST, path, query, body).await
    }

    pub(super) async fn patch(&self, path: &[&str], body: &Value) -> Result<Value> {
        self.ask(Method::PATCH, path, &[], Some(body)).await
    }

    async fn ask(&self, method: Method, path: &[&str], query: &[(&str, &str)], body: Option<&Value>) -> Result<Value> {
        let asking = || format!("ask the server {}", self.server);
        let mut url = reqwest::Url::parse(&self.server).or_refused(asking)?;
        let cannot = |()| Error::refused(format!("{} is no address of a server", self.server));
        url.path_segments_mut().map_err(cannot)?.pop_if_empty().extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let response = request.send().await.or_unavailable(asking)?;
        let status = response.status();
        let text = response.text().await.or_unavailable(asking)?;
        let answer = serde_json::from_str(&text).unwrap_or(Value::Null);
        match status.is_success() {
            true => Ok(answer),
            false => {
                Err(Error::refused(answer["error"].as_str().map_or_else(|| format!("{status}: {text}"), str::to_owned)))
            }
        }
    }
}
