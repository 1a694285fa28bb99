//! The comments of one pull request of GitHub, or of one merge request of GitLab, over HTTPS.
//!
//! Owns the requests, their patience and what answers mean. The token goes to the server that the job names, in a
//! header, and is sent nowhere else: redirects are not followed. Answers are data of strangers, and bounded.

use std::time::Duration;

use mlstack_provider::{Secret, Value};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, StatusCode, Url, redirect};
use serde_json::json;

use super::super::exit::Exit;
use super::super::failure::Failure;
use super::event::Place;

/// Comments on a page.
const PAGE: usize = 100;
/// The most pages that are read.
const PAGES: usize = 100;
/// The most bytes of an answer.
const ANSWER: usize = 64 << 20;
/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(30);
/// Before each further try.
const PAUSES: [u64; 4] = [300, 1_000, 2_000, 4_000];
/// The longest that is waited because a server asks for it, in seconds.
const PATIENCE: u64 = 60;

/// One comment.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) id: u64,
    pub(super) body: String,
    pub(super) author: String,
    pub(super) url: String,
}

/// What came of an update.
pub(super) enum Posted {
    Yes(Note),
    /// Somebody took it away.
    Gone,
}

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The token is wrong.
    Unauthorized,
    /// The token may not; what the server says.
    Forbidden(String),
    /// It is not there; what the server says.
    Missing(String),
    /// It has another address now.
    Moved,
    /// The server does not take it; what it says.
    Invalid(String),
    /// No more requests for so many seconds.
    Limited(u64),
    /// Whether it was done is not known.
    Unknown(String),
    /// The server or the way to it is broken.
    Failed(String),
    /// Things changed meanwhile.
    Busy,
}

/// A server, and which request is meant.
pub(super) struct Forge {
    client: Client,
    gitlab: bool,
    api: Url,
    /// The path of the request's comments, and of one comment.
    notes: String,
    note: String,
    /// Where people read it.
    page: String,
}

impl Forge {
    /// The server of this job; nothing is opened yet.
    pub(super) fn new(gitlab: bool, token: Secret) -> Result<Self, Failure> {
        let (variable, usual) = match gitlab {
            true => ("CI_API_V4_URL", "https://gitlab.com/api/v4"),
            false => ("GITHUB_API_URL", "https://api.github.com"),
        };
        let named = std::env::var(variable).ok().filter(|url| !url.is_empty());
        let api = address(variable, &named.unwrap_or_else(|| usual.to_owned()), usual)?;
        let client = Client::builder()
            .default_headers(headers(gitlab, &token)?)
            .user_agent(concat!("mlstack/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(REQUEST)
            .build()
            .map_err(|error| Failure::of(Exit::Error, &error))?;
        Ok(Self {
            client,
            gitlab,
            api,
            notes: String::new(),
            note: String::new(),
            page: String::new(),
        })
    }

    /// Names the request whose comments are meant.
    pub(super) fn at(&mut self, place: &Place) {
        let Place { repo, number } = place;
        if self.gitlab {
            let project: String = reqwest::Url::parse_with_params("x:/", [("p", repo)])
                .ok()
                .and_then(|url| url.query().map(|query| query[2..].to_owned()))
                .unwrap_or_default();
            self.notes = format!("projects/{project}/merge_requests/{number}/notes");
            self.note = self.notes.clone();
            self.page = format!("{repo}!{number}");
        } else {
            self.notes = format!("repos/{repo}/issues/{number}/comments");
            self.note = format!("repos/{repo}/issues/comments");
            self.page = format!("{repo}#{number}");
        }
    }

    /// Who the token is. That of an app, such as a job's own, may not ask: then it is the bot of GitHub Actions.
    pub(super) async fn me(&self) -> Result<String, Trouble> {
        let (key, usual) = match self.gitlab {
            true => ("username", None),
            false => ("login", Some("github-actions[bot]")),
        };
        match (self.ask(Method::GET, "user", &[], None).await, usual) {
            (Ok(user), _) => {
                text(&user, key).ok_or_else(|| Trouble::Failed("it does not say who the token is".to_owned()))
            }
            (Err(Trouble::Forbidden(_) | Trouble::Missing(_)), Some(usual)) => Ok(usual.to_owned()),
            (Err(trouble), _) => Err(trouble),
        }
    }

    /// All comments.
    pub(super) async fn notes(&self) -> Result<Vec<Note>, Trouble> {
        let mut all = Vec::new();
        for page in 1..=PAGES {
            let query = [("per_page", PAGE.to_string()), ("page", page.to_string())];
            let answer = self.ask(Method::GET, &self.notes, &query, None).await?;
            let Value::Array(notes) = answer else {
                return Err(Trouble::Failed("the comments are no list".to_owned()));
            };
            let count = notes.len();
            all.extend(notes.iter().filter_map(|note| self.read(note)));
            if count < PAGE {
                return Ok(all);
            }
        }
        Ok(all)
    }

    /// The open pull requests of a branch, each with its number and its newest commit.
    pub(super) async fn pulls(&self, repo: &str, owner: &str, branch: &str) -> Result<Vec<(u64, String)>, Trouble> {
        let head = format!("{owner}:{branch}");
        let query = [
            ("state", "open".to_owned()),
            ("head", head),
            ("per_page", PAGE.to_string()),
        ];
        let answer = self
            .ask(Method::GET, &format!("repos/{repo}/pulls"), &query, None)
            .await?;
        let pulls = answer.as_array().into_iter().flatten();
        let read = |pull: &Value| Some((pull["number"].as_u64()?, text(&pull["head"], "sha")?));
        Ok(pulls.filter_map(read).collect())
    }

    /// Posts a comment.
    pub(super) async fn post(&self, body: &str) -> Result<Note, Trouble> {
        let answer = self.ask(Method::POST, &self.notes, &[], Some(body)).await?;
        self.read(&answer)
            .ok_or_else(|| Trouble::Unknown("the answer is no comment".to_owned()))
    }

    /// Brings a comment up to date.
    pub(super) async fn update(&self, note: &Note, body: &str) -> Result<Posted, Trouble> {
        let method = if self.gitlab { Method::PUT } else { Method::PATCH };
        match self
            .ask(method, &format!("{}/{}", self.note, note.id), &[], Some(body))
            .await
        {
            Ok(answer) => Ok(Posted::Yes(self.read(&answer).unwrap_or_else(|| note.clone()))),
            Err(Trouble::Missing(_)) => Ok(Posted::Gone),
            Err(trouble) => Err(trouble),
        }
    }

    /// Takes a comment away; one that is gone already is.
    pub(super) async fn delete(&self, note: &Note) -> Result<(), Trouble> {
        match self
            .ask(Method::DELETE, &format!("{}/{}", self.note, note.id), &[], None)
            .await
        {
            Ok(_) | Err(Trouble::Missing(_)) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    fn read(&self, note: &Value) -> Option<Note> {
        let (who, login) = if self.gitlab {
            ("author", "username")
        } else {
            ("user", "login")
        };
        Some(Note {
            id: note["id"].as_u64()?,
            body: text(note, "body")?,
            author: text(&note[who], login).unwrap_or_default(),
            url: text(note, "html_url").unwrap_or_else(|| self.page.clone()),
        })
    }

    /// One request with patience. What may be sent twice is; a post whose fate is not known is not.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&str>,
    ) -> Result<Value, Trouble> {
        let mut tries = PAUSES.iter();
        loop {
            let (trouble, wait) = match self.once(&method, path, query, body).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let is_lost = matches!(trouble, Trouble::Unknown(_)) && method == Method::POST;
            let pause = match (wait, tries.next()) {
                (Wait::No, _) | (_, None) => return Err(trouble),
                (Wait::Asked(seconds), _) if seconds > PATIENCE => return Err(Trouble::Limited(seconds)),
                (Wait::Asked(seconds), Some(_)) => Duration::from_secs(seconds),
                (Wait::Some, Some(pause)) => Duration::from_millis(*pause),
            };
            tokio::time::sleep(pause).await;
            if is_lost {
                return Err(trouble);
            }
        }
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&str>,
    ) -> Result<Value, (Trouble, Wait)> {
        let url = format!("{}/{path}", self.api.as_str().trim_end_matches('/'));
        let mut request = self.client.request(method.clone(), url).query(query);
        if let Some(body) = body {
            request = request.json(&json!({ "body": body }));
        }
        let unknown = |error: reqwest::Error| {
            let told = chain(&error);
            // What never reached the server can be sent again.
            let trouble = if error.is_connect() {
                Trouble::Failed(told)
            } else {
                Trouble::Unknown(told)
            };
            (trouble, Wait::Some)
        };
        let mut response = request.send().await.map_err(unknown)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unknown)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER {
                return Err((Trouble::Failed("its answer does not end".to_owned()), Wait::No));
            }
        }
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        match status.is_success() {
            true => Ok(answer),
            false => Err(trouble(status, &headers, &answer)),
        }
    }
}

/// Whether a request is tried again.
enum Wait {
    No,
    /// After our own pause.
    Some,
    /// After as many seconds as the server asks for.
    Asked(u64),
}

fn trouble(status: StatusCode, headers: &HeaderMap, answer: &Value) -> (Trouble, Wait) {
    let said = text(answer, "message")
        .or_else(|| text(answer, "error"))
        .unwrap_or_default();
    let said: String = said.chars().take(300).collect();
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let limited = number("x-ratelimit-remaining") == Some(0) || said.to_lowercase().contains("rate limit");
    let wait = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    match status.as_u16() {
        401 => (Trouble::Unauthorized, Wait::No),
        403 | 429 if wait.is_some() || limited || status.as_u16() == 429 => {
            let seconds = wait.unwrap_or(PATIENCE);
            (Trouble::Limited(seconds), Wait::Asked(seconds))
        }
        403 => (Trouble::Forbidden(said), Wait::No),
        404 | 410 => (Trouble::Missing(said), Wait::No),
        300..=399 => (Trouble::Moved, Wait::No),
        500.. => {
            let trouble = Trouble::Unknown(format!("it answers {status}"));
            (trouble, wait.map_or(Wait::Some, Wait::Asked))
        }
        _ => (Trouble::Invalid(format!("{status} {said}")), Wait::No),
    }
}

fn headers(gitlab: bool, token: &Secret) -> Result<HeaderMap, Failure> {
    let refused = |_| Failure::new(Exit::Denied, "the token has characters that no token has");
    let value = |bytes: Vec<u8>| {
        let mut value = HeaderValue::from_bytes(&bytes).map_err(refused)?;
        value.set_sensitive(true);
        Ok::<_, Failure>(value)
    };
    let mut headers = HeaderMap::new();
    if gitlab {
        headers.insert(
            HeaderName::from_static("private-token"),
            value(token.expose().to_vec())?,
        );
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    } else {
        headers.insert(AUTHORIZATION, value([b"Bearer ", token.expose()].concat())?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
        headers.insert(
            HeaderName::from_static("x-github-api-version"),
            HeaderValue::from_static("2022-11-28"),
        );
    }
    Ok(headers)
}

/// The address of the server. What the variable says is not shown: a password may stand in it.
fn address(variable: &str, said: &str, usual: &str) -> Result<Url, Failure> {
    let refused = |what: &str, hint: String| {
        let text = format!("{variable} {what}");
        Err(Failure::new(Exit::Usage, text).hint(hint))
    };
    let whole = format!("write it whole, such as {usual}");
    let url = match Url::parse(said.trim_end_matches('/')) {
        Ok(url) if url.has_host() => url,
        Ok(_) | Err(_) => return refused("is no URL with a scheme and a host", whole),
    };
    if !url.username().is_empty() || url.password().is_some() {
        let hint = "take what stands before the `@` out of it, password and all";
        return refused("names a user: the token alone says who comments", hint.to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refused("goes on behind its path: nothing can be asked for below it", whole);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here(&url) => Ok(url),
        "http" => refused("is not an https URL: the token would be sent in the clear", whole),
        _ => refused("is not an https URL: comments go over nothing else", whole),
    }
}

/// Whether a server is on this machine, where nobody listens on the way.
fn is_here(url: &Url) -> bool {
    url.scheme() == "http" && matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"))
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

/// An error with its causes, without the URL.
fn chain(error: &reqwest::Error) -> String {
    let mut parts = Vec::new();
    let mut next: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(cause) = next {
        parts.push(cause.to_string());
        next = cause.source();
    }
    if parts.is_empty() {
        parts.push("no answer".to_owned());
    }
    parts.join(": ")
}
