//! `mlstack comment` against a forge of our own: a server that keeps comments as GitHub and GitLab do, pages them,
//! refuses, limits and breaks off as they do. It writes down every request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::Sandbox;

const TOKEN: &str = "ghs_0123456789abcdefghij";
const BODY: &str = "<!-- mlstack:shop:plan -->\n> [!NOTE]\n> **2 changes: nothing is destroyed, nothing stops.**\n";
const BOT: &str = "github-actions[bot]";

/// What the server does with the next request whose method and path begin so, before it serves it.
#[derive(Clone)]
struct Fault {
    begins: &'static str,
    answer: Answer,
}

#[derive(Clone)]
enum Answer {
    /// A status, headers and a message instead.
    Status(u16, &'static str, &'static str),
    /// It does what was asked, and then the line breaks.
    DoneAndLost,
    /// Somebody takes the comments of ours away first.
    Emptied,
}

#[derive(Default)]
struct State {
    /// `(id, author, body)`.
    notes: Vec<(u64, String, String)>,
    faults: Vec<Fault>,
    seen: Vec<String>,
    /// Who `GET /user` says; `None` where the token is an app's.
    user: Option<&'static str>,
    pulls: Value,
}

struct Forge {
    url: String,
    state: Arc<Mutex<State>>,
}

impl Forge {
    fn new(notes: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let notes = notes
            .iter()
            .zip(1..)
            .map(|((who, body), id)| (id, (*who).to_owned(), (*body).to_owned()));
        let state = State {
            notes: notes.collect(),
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &served);
            }
        });
        Self { url, state }
    }

    fn fault(self, begins: &'static str, answer: Answer) -> Self {
        self.state.lock().unwrap().faults.push(Fault { begins, answer });
        self
    }

    fn user(self, login: &'static str) -> Self {
        self.state.lock().unwrap().user = Some(login);
        self
    }

    fn bodies(&self) -> Vec<String> {
        self.state
            .lock()
            .unwrap()
            .notes
            .iter()
            .map(|(id, who, body)| format!("{id} {who}: {}", body.lines().next().unwrap_or_default()))
            .collect()
    }

    fn seen(&self) -> Vec<String> {
        self.state.lock().unwrap().seen.clone()
    }

    fn run(&self, body: &str, arguments: &str) -> String {
        self.run_with(body, arguments, &[])
    }

    fn run_with(&self, body: &str, arguments: &str, variables: &[(&str, &str)]) -> String {
        let sandbox = Sandbox::new()
            .file("comment.md", body)
            .file("token", TOKEN)
            .file("event.json", "{}");
        let sandbox = sandbox.env("GITHUB_API_URL", &self.url).env("CI_API_V4_URL", &self.url);
        let sandbox = variables
            .iter()
            .fold(sandbox, |sandbox, (key, value)| sandbox.env(key, value));
        let said = sandbox.run(&format!("comment comment.md --token-file token {arguments}"));
        assert!(!said.contains(TOKEN), "{said}");
        said
    }
}

/// One request a connection.
fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap_or_default();
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap_or_default() <= 2 {
            break;
        }
        let (name, value) = header.trim().split_once(": ").unwrap_or_default();
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or_default(),
            "authorization" | "private-token" => token = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap_or_default();
    let request = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    let (lost, (status, headers, answer)) = answer(&request, &token, &body, &mut state.lock().unwrap());
    if lost {
        return;
    }
    let answer = if answer.is_null() {
        String::new()
    } else {
        answer.to_string()
    };
    let length = answer.len();
    let _gone = write!(
        stream,
        "HTTP/1.1 {status} x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{answer}"
    );
}

type Reply = (u16, &'static str, Value);

fn answer(request: &str, token: &str, body: &[u8], state: &mut State) -> (bool, Reply) {
    state.seen.push(request.to_owned());
    if !token.ends_with(TOKEN) {
        return (false, (401, "", json!({"message": "Bad credentials"})));
    }
    let at = state.faults.iter().position(|fault| request.starts_with(fault.begins));
    match at.map(|at| state.faults.remove(at).answer) {
        Some(Answer::Status(status, headers, message)) => {
            return (false, (status, headers, json!({"message": message})));
        }
        Some(Answer::DoneAndLost) => return (true, served(request, body, state)),
        Some(Answer::Emptied) => state.notes.clear(),
        None => {}
    }
    (false, served(request, body, state))
}

fn served(request: &str, body: &[u8], state: &mut State) -> Reply {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = said["body"].as_str().unwrap_or_default().to_owned();
    let (method, path) = request.split_once(' ').unwrap();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let show = |(id, who, body): &(u64, String, String)| json!({"id": id, "body": body, "user": {"login": who}, "author": {"username": who}, "html_url": format!("https://forge/{id}")});
    let missing = || (404, "", json!({"message": "Not Found"}));
    let last: Option<u64> = path.rsplit('/').next().and_then(|id| id.parse().ok());
    let place = last.and_then(|id| state.notes.iter().position(|(other, ..)| *other == id));
    match (method, path) {
        ("GET", "/user") => match state.user {
            Some(login) => (200, "", json!({"login": login, "username": login})),
            None => (403, "", json!({"message": "Resource not accessible by integration"})),
        },
        ("GET", "/repos/acme/shop/pulls") => (200, "", state.pulls.clone()),
        ("GET", "/repos/acme/shop/issues/7/comments" | "/projects/acme%2Fshop/merge_requests/7/notes") => {
            let number = |key: &str| {
                query
                    .split('&')
                    .find_map(|part| part.strip_prefix(key)?.parse::<usize>().ok())
                    .unwrap()
            };
            let (size, page) = (number("per_page="), number("page="));
            let notes: Vec<Value> = state
                .notes
                .iter()
                .skip(size * (page - 1))
                .take(size)
                .map(show)
                .collect();
            (200, "", json!(notes))
        }
        ("POST", "/repos/acme/shop/issues/7/comments" | "/projects/acme%2Fshop/merge_requests/7/notes") => {
            let id = state.notes.iter().map(|(id, ..)| id + 1).max().unwrap_or(1);
            state.notes.push((id, state.user.unwrap_or(BOT).to_owned(), said));
            (201, "", show(state.notes.last().unwrap()))
        }
        ("PATCH" | "PUT", _) => match place {
            Some(at) => {
                state.notes[at].2 = said;
                (200, "", show(&state.notes[at]))
            }
            None => missing(),
        },
        ("DELETE", _) => match place {
            Some(at) => {
                state.notes.remove(at);
                (204, "", Value::Null)
            }
            None => missing(),
        },
        _ => missing(),
    }
}

const HERE: &str = "--repo acme/shop --pr 7";

#[test]
fn a_comment_is_posted_once_and_then_updated() {
    let forge = Forge::new(&[("octocat", "Hello"), ("octocat", BODY), ("other[bot]", BODY)]);
    assert_eq!(
        forge.run(BODY, HERE),
        "exit: 0\n--- stdout\nPosted: https://forge/4\n--- stderr\n"
    );
    assert_eq!(
        forge.run(BODY, HERE),
        "exit: 0\n--- stdout\nUp to date: https://forge/4\n--- stderr\n"
    );
    let newer = BODY.replace("2 changes", "3 changes");
    assert_eq!(
        forge.run(&newer, HERE),
        "exit: 0\n--- stdout\nUpdated: https://forge/4\n--- stderr\n"
    );
    assert_eq!(forge.bodies().len(), 4);
    assert_eq!(forge.state.lock().unwrap().notes[3].2, newer);
    let other = BODY.replace(":shop:", ":other:");
    assert!(
        forge.run(&other, HERE).contains("Posted: https://forge/5"),
        "another stack has its own"
    );
}

#[test]
fn the_comment_is_found_on_any_page_and_its_twins_go() {
    let mut notes = vec![("octocat", "x"); 250];
    notes[210] = (BOT, BODY);
    notes[240] = (BOT, "<!-- mlstack:shop:plan empty -->\n");
    let forge = Forge::new(&notes);
    assert!(
        forge
            .run(&BODY.replace('2', "3"), HERE)
            .contains("Updated: https://forge/211")
    );
    assert_eq!(forge.bodies().len(), 249);
    let pages = forge.seen().iter().filter(|request| request.contains("page=3")).count();
    assert_eq!(pages, 1);
}

#[test]
fn an_own_account_is_known_by_its_name() {
    let forge = Forge::new(&[(BOT, BODY), ("ada", BODY)]).user("ada");
    assert!(
        forge
            .run(&BODY.replace('2', "3"), HERE)
            .contains("Updated: https://forge/2")
    );
    assert!(
        forge
            .run(&BODY.replace('2', "4"), &format!("{HERE} --author {BOT}"))
            .contains("Updated: https://forge/1")
    );
}

#[test]
fn a_comment_that_was_taken_away_meanwhile_is_posted_anew() {
    let forge = Forge::new(&[(BOT, "<!-- mlstack:shop:plan -->\nold\n")]).fault("PATCH", Answer::Emptied);
    let said = forge.run(BODY, HERE);
    assert!(said.contains("Posted: https://forge/1"), "{said}\n{:?}", forge.seen());
    assert_eq!(forge.bodies(), ["1 github-actions[bot]: <!-- mlstack:shop:plan -->"]);
}

#[test]
fn a_post_that_was_lost_on_the_way_is_not_made_twice() {
    for answer in [Answer::DoneAndLost, Answer::Status(502, "", "Bad Gateway")] {
        let forge = Forge::new(&[]).fault("POST", answer);
        let said = forge.run(BODY, HERE);
        assert!(said.starts_with("exit: 0"), "{said}\n{:?}", forge.seen());
        assert_eq!(forge.bodies().len(), 1, "{:?}", forge.seen());
    }
}

#[test]
fn limits_are_waited_for() {
    let limited = Answer::Status(403, "retry-after: 1\r\n", "You have exceeded a secondary rate limit");
    let forge = Forge::new(&[])
        .fault("POST", limited)
        .fault("GET /repos", Answer::Status(503, "", "x"));
    assert!(forge.run(BODY, HERE).contains("Posted"), "{:?}", forge.seen());
    let long = Answer::Status(429, "retry-after: 3600\r\n", "API rate limit exceeded");
    let said = Forge::new(&[]).fault("GET /repos", long).run(BODY, HERE);
    assert!(
        said.starts_with("exit: 1") && said.contains("GitHub takes no more requests for 3600 s"),
        "{said}"
    );
}

#[test]
fn a_refusal_says_what_to_do() {
    let run = |status, message| {
        Forge::new(&[])
            .fault("POST", Answer::Status(status, "", message))
            .run(BODY, HERE)
    };
    let forbidden = run(403, "Resource not accessible by integration");
    assert!(
        forbidden.starts_with("exit: 4") && forbidden.contains("permissions: pull-requests: write"),
        "{forbidden}"
    );
    let missing = run(404, "Not Found");
    assert!(
        missing.starts_with("exit: 1") && missing.contains("there is no such pull request: Not Found"),
        "{missing}"
    );
    let invalid = run(422, "Validation Failed \u{1b}[31m");
    assert!(
        invalid.starts_with("exit: 1") && invalid.contains("Validation Failed \\u{1b}[31m"),
        "{invalid}"
    );
    let moved = Forge::new(&[])
        .fault(
            "GET /repos",
            Answer::Status(301, "location: http://127.0.0.1:1/\r\n", "Moved"),
        )
        .run(BODY, HERE);
    assert!(moved.contains("the repository has another name now"), "{moved}");
    let forge = Forge::new(&[]);
    let sandbox = Sandbox::new()
        .file("c.md", BODY)
        .env("GITHUB_API_URL", &forge.url)
        .env("GITHUB_TOKEN", "wrong");
    let wrong = sandbox.run(&format!("comment c.md {HERE}"));
    assert!(
        wrong.starts_with("exit: 4") && wrong.contains("GitHub does not accept the token"),
        "{wrong}"
    );
}

#[test]
fn nothing_is_sent_of_what_mlstack_did_not_write() {
    let forge = Forge::new(&[]);
    let bodies = [
        "Hello",
        "<!-- mlstack:shop:plan -->\nHello @octocat\n",
        "<!-- mlstack:shop:plan -->\n<img src=x>\n",
        "<!-- mlstack:shop:plan -->\nSee https://example.com\n",
        &format!("<!-- mlstack:shop:plan -->\n{}", "x ".repeat(40_000)),
    ];
    for body in bodies {
        let said = forge.run(body, HERE);
        assert!(
            said.starts_with("exit: 5") && said.contains("comment.md is not posted: "),
            "{said}"
        );
    }
    let sandbox = Sandbox::new()
        .file("c.md", b"<!-- mlstack:shop:plan -->\n\xff\n")
        .env("GITHUB_TOKEN", TOKEN);
    assert!(
        sandbox
            .run(&format!("comment c.md {HERE}"))
            .contains("it is not UTF-8 text")
    );
    assert_eq!(forge.seen(), Vec::<String>::new(), "nobody was asked");
}

#[test]
fn the_token_never_goes_in_the_clear() {
    let sandbox = Sandbox::new().file("c.md", BODY).env("GITHUB_TOKEN", TOKEN);
    let run = |url: &str| {
        let mut command = sandbox.command(&format!("comment c.md {HERE}"));
        String::from_utf8(command.env("GITHUB_API_URL", url).output().unwrap().stderr).unwrap()
    };
    assert!(run("http://example.com").contains("is not an https URL"));
    let sandbox = Sandbox::new().file("c.md", BODY);
    let said = sandbox.run(&format!("comment c.md {HERE}"));
    assert!(
        said.starts_with("exit: 4") && said.contains("set GITHUB_TOKEN in the environment of the step"),
        "{said}"
    );
}

#[test]
fn a_comment_of_nothing_can_go() {
    let empty = "<!-- mlstack:shop:plan empty -->\n> [!TIP]\n> **No changes.**\n";
    let forge = Forge::new(&[(BOT, BODY)]);
    assert!(
        forge
            .run(BODY, &format!("{HERE} --delete-when-empty"))
            .contains("Up to date")
    );
    assert!(
        forge
            .run(empty, &format!("{HERE} --delete-when-empty"))
            .contains("Deleted: nothing changes.")
    );
    assert!(
        forge
            .run(empty, &format!("{HERE} --delete-when-empty"))
            .contains("there is no comment")
    );
    assert!(
        forge.run(empty, HERE).contains("Posted"),
        "unless asked, that nothing changes is said"
    );
}

#[test]
fn the_job_says_which_pull_request() {
    let with_event = |event: Value, pulls: Value| {
        let forge = Forge::new(&[]);
        forge.state.lock().unwrap().pulls = pulls;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), event.to_string()).unwrap();
        let path = file.path().display().to_string();
        forge.run_with(
            BODY,
            "",
            &[("GITHUB_REPOSITORY", "acme/shop"), ("GITHUB_EVENT_PATH", &path)],
        )
    };
    assert!(with_event(json!({"pull_request": {"number": 7}}), Value::Null).contains("Posted"));
    let run = json!({"workflow_run": {"head_branch": "a&b", "head_sha": "abc", "head_repository": {"owner": {"login": "stranger"}}}});
    let pull = |sha: &str| json!([{"number": 7, "head": {"sha": sha}}]);
    assert!(with_event(run.clone(), pull("abc")).contains("Posted"));
    let newer = with_event(run, pull("def"));
    assert!(
        newer.starts_with("exit: 0") && newer.contains("nothing is posted"),
        "{newer}"
    );
    let none = with_event(json!({}), Value::Null);
    assert!(
        none.starts_with("exit: 64") && none.contains("name one: --pr NUMBER"),
        "{none}"
    );
    let sandbox = Sandbox::new().file("c.md", BODY).env("GITHUB_TOKEN", TOKEN);
    for repo in ["acme", "acme/..", "acme/shop/x", "acme/sh%6fp", "a b/c"] {
        let mut command = sandbox.command("comment c.md --pr 7 --repo");
        let output = command.arg(repo).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{repo}: {output:?}");
    }
}

#[test]
fn a_merge_request_has_its_comment_too() {
    let forge = Forge::new(&[("root", "x")]).user("project_1_bot");
    let said = forge.run(BODY, &format!("--gitlab {HERE}"));
    assert!(said.contains("Posted: https://forge/2"), "{said}\n{:?}", forge.seen());
    assert!(
        forge
            .run(&BODY.replace('2', "3"), &format!("--gitlab {HERE}"))
            .contains("Updated: https://forge/2")
    );
    assert!(
        forge
            .seen()
            .contains(&"PUT /projects/acme%2Fshop/merge_requests/7/notes/2".to_owned()),
        "{:?}",
        forge.seen()
    );
}

/// What is said of a call that can come to nothing; nothing is asked of anybody, and no secret is told.
fn refusal(sandbox: &Sandbox, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = sandbox.command("comment c.md");
    command.args(arguments).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(!err.contains("hunter2") && out.is_empty(), "{out}{err}");
    format!("{}: {err}", output.status.code().unwrap())
}

#[test]
fn what_is_typed_wrong_is_told_exactly() {
    let sandbox = Sandbox::new()
        .file("c.md", BODY)
        .file("good", format!("{TOKEN}\n"))
        .file("empty", "\n")
        .file("two", "hunter2\nhunter2")
        .file("odd", "hunter2\u{e9}")
        .file("long", "hunter2".repeat(2000))
        .file("folder/x", "");
    let mut told = String::new();
    for file in ["missing", "folder", "empty", "two", "odd", "long"] {
        told += &refusal(&sandbox, &["--token-file", file, "--repo", "a/b", "--pr", "1"], &[]);
    }
    told += &refusal(
        &sandbox,
        &["--repo", "a/b", "--pr", "1"],
        &[("GITHUB_TOKEN", "hunter2 hunter2")],
    );
    for repo in ["shop", "https://me:hunter2@github.com/acme/shop", "acme/../shop", ""] {
        told += &refusal(&sandbox, &["--token-file", "good", "--repo", repo, "--pr", "1"], &[]);
    }
    told += &refusal(
        &sandbox,
        &["--token-file", "good", "--pr", "1", "--gitlab", "--repo", "a b"],
        &[],
    );
    told += &refusal(
        &sandbox,
        &["--token-file", "good", "--pr", "1"],
        &[("GITHUB_REPOSITORY", "a/b/c")],
    );
    told += &refusal(&sandbox, &["--token-file", "good", "--repo", "a/b", "--pr", "0"], &[]);
    for url in [
        "https://me:hunter2@github.example.com/api",
        "https://hunter2@github.example.com",
        "ftp://github.example.com",
        "http://github.example.com",
        "github.example.com",
        "me:hunter2@github.example.com",
        "https://",
        "https://github.example.com/?token=hunter2",
    ] {
        told += &refusal(
            &sandbox,
            &["--token-file", "good", "--repo", "a/b", "--pr", "1"],
            &[("GITHUB_API_URL", url)],
        );
    }
    insta::assert_snapshot!(told, @"
    4: error: cannot read the token in missing: No such file or directory (os error 2)
      hint: set GITHUB_TOKEN in the environment of the step, or name a file: --token-file FILE
    4: error: cannot read the token in folder: Is a directory (os error 21)
      hint: set GITHUB_TOKEN in the environment of the step, or name a file: --token-file FILE
    4: error: empty holds no token: it is empty
      hint: set GITHUB_TOKEN in the environment of the step, or name a file: --token-file FILE
    4: error: two holds no token: a token is one word on one line
      hint: set GITHUB_TOKEN in the environment of the step, or name a file: --token-file FILE
    4: error: odd holds no token: it has characters that no token has
      hint: set GITHUB_TOKEN in the environment of the step, or name a file: --token-file FILE
    4: error: long holds no token: it is longer than any
      hint: set GITHUB_TOKEN in the environment of the step, or name a file: --token-file FILE
    4: error: GITHUB_TOKEN holds no token: a token is one word on one line
      hint: set GITHUB_TOKEN in the environment of the step, or name a file: --token-file FILE
    64: error: --repo is no name of a repository
      hint: name it: --repo OWNER/NAME
    64: error: --repo is a URL, and no name of a repository
      hint: name it: --repo OWNER/NAME
    64: error: --repo is no name of a repository
      hint: name it: --repo OWNER/NAME
    64: error: --repo is no name of a repository
      hint: name it: --repo OWNER/NAME
    64: error: --repo is no name of a repository
      hint: name it: --repo GROUP/PROJECT, or the project's number
    64: error: GITHUB_REPOSITORY is no name of a repository
      hint: name it: --repo OWNER/NAME
    64: error: no request has the number 0
      hint: they are counted from 1: --pr NUMBER
    64: error: GITHUB_API_URL names a user: the token alone says who comments
      hint: take what stands before the `@` out of it, password and all
    64: error: GITHUB_API_URL names a user: the token alone says who comments
      hint: take what stands before the `@` out of it, password and all
    64: error: GITHUB_API_URL is not an https URL: comments go over nothing else
      hint: write it whole, such as https://api.github.com
    64: error: GITHUB_API_URL is not an https URL: the token would be sent in the clear
      hint: write it whole, such as https://api.github.com
    64: error: GITHUB_API_URL is no URL with a scheme and a host
      hint: write it whole, such as https://api.github.com
    64: error: GITHUB_API_URL is no URL with a scheme and a host
      hint: write it whole, such as https://api.github.com
    64: error: GITHUB_API_URL is no URL with a scheme and a host
      hint: write it whole, such as https://api.github.com
    64: error: GITHUB_API_URL goes on behind its path: nothing can be asked for below it
      hint: write it whole, such as https://api.github.com
    ");
}
