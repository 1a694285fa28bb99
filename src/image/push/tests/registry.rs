//! A registry in this process, small enough to break in every way a real one breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::image::Digest;

/// What the registry does wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Behaviour {
    /// The only `Authorization` it takes.
    pub(super) wants: Option<String>,
    /// It takes that for writing alone, and shows nothing.
    pub(super) shows_nothing: bool,
    /// Blobs of at least so many bytes break off in the middle, so many times.
    pub(super) breaks: (usize, usize),
    /// Says 503 so many times.
    pub(super) busy: usize,
    /// Takes a layer and never answers.
    pub(super) hangs: bool,
    /// Keeps manifests with a space behind.
    pub(super) rewrites: bool,
}

#[derive(Default)]
struct State {
    behaviour: Behaviour,
    blobs: BTreeSet<String>,
    manifests: BTreeMap<String, Vec<u8>>,
    seen: Vec<String>,
}

pub(super) struct Double {
    pub(super) address: String,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    authorization: Option<String>,
    length: usize,
}

impl Double {
    pub(super) fn start(behaviour: Behaviour) -> Self {
        // As the program does when it begins; a second installation is refused and harmless.
        let _once = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = Arc::new(Mutex::new(State {
            behaviour,
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { address, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked")
    }

    pub(super) fn becomes(&self, behaviour: Behaviour) {
        self.state().behaviour = behaviour;
    }

    /// What was asked since the last time, as method and last part of the path.
    pub(super) fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.state().seen)
    }

    pub(super) fn manifest(&self, name: &str) -> Option<Vec<u8>> {
        self.state().manifests.get(name).cloned()
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream) else { return };
    let Some((status, headers)) = answer(&request, &mut stream, state) else {
        return;
    };
    let body = match (request.method.as_str(), status) {
        ("HEAD", _) => "",
        (_, 401) => r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#,
        _ => "{}",
    };
    let _gone = write!(
        stream.get_mut(),
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|length| *length > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        lines.iter().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let mut first = lines.first()?.split(' ');
    Some(Request {
        method: first.next()?.to_owned(),
        path: first.next()?.to_owned(),
        authorization: header("authorization"),
        length: header("content-length")
            .and_then(|length| length.parse().ok())
            .unwrap_or(0),
    })
}

/// `None` breaks the connection off.
fn answer(request: &Request, stream: &mut BufReader<TcpStream>, state: &Mutex<State>) -> Option<(u16, String)> {
    let mut state = state.lock().expect("nobody panicked");
    let path = request.path.split('?').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default().to_owned();
    state.seen.push(format!("{} {last}", request.method));
    if state.behaviour.busy > 0 {
        state.behaviour.busy -= 1;
        return Some((503, String::new()));
    }
    let is_look = matches!(request.method.as_str(), "HEAD" | "GET") && path != "/v2/";
    if state.behaviour.wants.is_some() && state.behaviour.wants != request.authorization
        || state.behaviour.shows_nothing && is_look
    {
        return Some((401, "www-authenticate: Basic realm=\"r\"\r\n".to_owned()));
    }
    let mut body = vec![0; request.length];
    let breaks = &mut state.behaviour.breaks;
    if request.length > 0 && request.length >= breaks.0 && breaks.1 > 0 {
        breaks.1 -= 1;
        body.truncate(request.length / 2);
        let _half = stream.read_exact(&mut body);
        return None;
    }
    stream.read_exact(&mut body).ok()?;
    let there = |is: bool| (if is { 200 } else { 404 }, String::new());
    Some(match (request.method.as_str(), path.contains("/manifests/")) {
        ("POST", _) => (202, format!("location: {path}upload-1\r\n")),
        ("PUT", true) => {
            body.extend(state.behaviour.rewrites.then_some(b' '));
            let digest = Digest::of(&body).to_string();
            state.manifests.extend([(last, body.clone()), (digest.clone(), body)]);
            (201, format!("location: /v2/{digest}\r\n"))
        }
        ("PUT", false) if state.behaviour.hangs => {
            drop(state);
            std::thread::sleep(std::time::Duration::from_secs(60));
            return None;
        }
        ("PUT", false) => {
            let digest = Digest::of(&body).to_string();
            assert!(request.path.ends_with(&digest.replace(':', "%3A")), "{}", request.path);
            state.blobs.insert(digest);
            (201, format!("location: {path}\r\n"))
        }
        (_, true) => match state.manifests.contains_key(&last) {
            true => (200, format!("docker-content-digest: {last}\r\n")),
            false => (404, String::new()),
        },
        _ => there(path == "/v2/" || state.blobs.contains(&last)),
    })
}
