//! A proxy before the engine's socket: it counts the calls that pass, and does harm to one of them.
//!
//! Speaks just enough HTTP/1.1: each connection carries one request (`Connection: close` is asked of the engine), so
//! that an answer is over when the engine hangs up, however it is framed. Upgraded connections pass as bytes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// How long nobody listens after [`Harm::Refuse`].
const DEAF: Duration = Duration::from_millis(400);
const FAILED: &str = "500 Internal Server Error";
/// How long a call is held at most.
const HOLD: Duration = Duration::from_secs(60);

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Harm {
    /// The connection closes, and for a moment new ones are refused.
    Refuse,
    /// The engine never hears of it; the connection closes.
    ResetBefore,
    /// The engine does it; the answer is thrown away.
    ResetAfter,
    /// The engine never hears of it; the answer is 500.
    FailBefore,
    /// The engine does it; the answer is 500.
    FailAfter,
    /// The engine never hears of it; the answer is that its disk is full.
    Full,
    /// The engine never hears of it; the answer is 429 with Retry-After.
    TooMany,
    /// The engine never hears of it; there is no answer.
    StallBefore,
    /// The engine does it; there is no answer.
    StallAfter,
    /// The engine does it; the answer breaks off in the middle.
    Truncate,
    /// The engine does it; the answer comes twice.
    Twice,
}

impl Harm {
    /// What may come upon any call at any time.
    pub(crate) const ALL: [Self; 10] = [
        Self::Refuse,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::FailBefore,
        Self::FailAfter,
        Self::TooMany,
        Self::StallBefore,
        Self::StallAfter,
        Self::Truncate,
        Self::Twice,
    ];

    /// What can happen to a call that only looks.
    pub(crate) const OF_READS: [Self; 7] = [
        Self::Refuse,
        Self::ResetBefore,
        Self::FailBefore,
        Self::TooMany,
        Self::StallBefore,
        Self::Truncate,
        Self::Twice,
    ];

    fn reaches_the_engine(self) -> bool {
        matches!(
            self,
            Self::ResetAfter | Self::FailAfter | Self::StallAfter | Self::Truncate | Self::Twice
        )
    }
}

/// Which calls count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Those that change something.
    Writes,
    /// Those that look.
    Reads,
}

/// A socket of its own that leads to the engine.
pub(crate) struct Proxy {
    folder: tempfile::TempDir,
    shared: Arc<Shared>,
}

struct Shared {
    engine: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The calls seen, such as `POST /containers/create?name=x`.
    writes: Vec<String>,
    reads: Vec<String>,
    /// One-based place of the call that comes to harm among those of its sort, and the harm.
    armed: Option<(Counted, usize, Harm)>,
    /// Whether harm has begun.
    struck: bool,
    deaf_until: Option<Instant>,
}

impl Proxy {
    pub(crate) fn before_the_engine() -> Self {
        Self::open(&super::engine::socket())
    }

    fn open(engine: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let shared = Arc::new(Shared {
            engine: engine.to_owned(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                thread::spawn(move || {
                    // A connection that breaks is what this proxy is for.
                    let _ = shared.serve(client);
                });
            }
        });
        Self { folder, shared }
    }

    /// What `DOCKER_HOST` says to get here.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("docker.sock").display())
    }

    /// The same over TCP, on loopback.
    pub(crate) fn tcp_host(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let socket = self.folder.path().join("docker.sock");
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let inside = UnixStream::connect(&socket).unwrap();
                thread::spawn(move || bridge(&client, &inside));
            }
        });
        format!("tcp://{address}")
    }

    /// Forgets the calls so far; of those from now on, one may come to harm: the how manieth of its sort, from one.
    pub(crate) fn arm(&self, harm: Option<(Counted, usize, Harm)>) {
        *self.shared.lock() = State {
            armed: harm,
            ..State::default()
        };
    }

    /// Whether a call is to come to harm.
    pub(crate) fn is_armed(&self) -> bool {
        self.shared.lock().armed.is_some()
    }

    /// Whether an answer is to be held back.
    pub(crate) fn withholds(&self) -> bool {
        let armed = self.shared.lock().armed;
        matches!(armed, Some((_, _, Harm::StallBefore | Harm::StallAfter)))
    }

    /// The calls since it was armed.
    pub(crate) fn calls(&self, counted: Counted) -> Vec<String> {
        self.shared.lock().of(counted).clone()
    }

    /// Waits until the harm is under way: before the call, or when the engine has done it. Whether it came to that
    /// before `over` said that there will be none.
    pub(crate) fn struck(&self, mut over: impl FnMut() -> bool) -> bool {
        let mut state = self.shared.lock();
        loop {
            if state.struck {
                return true;
            }
            if over() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(state, Duration::from_millis(20));
            state = waited.unwrap().0;
        }
    }
}

impl State {
    fn of(&mut self, counted: Counted) -> &mut Vec<String> {
        match counted {
            Counted::Writes => &mut self.writes,
            Counted::Reads => &mut self.reads,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn serve(&self, client: UnixStream) -> io::Result<()> {
        if self.lock().deaf_until.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        let mut reader = BufReader::new(client.try_clone()?);
        let head = read_head(&mut reader)?;
        if head.is_empty() {
            return Ok(());
        }
        match self.count(&head) {
            None => self.pass(&head, reader, client),
            Some(harm) if harm.reaches_the_engine() => {
                let answer = self.ask(&head, reader)?;
                self.strike();
                spoil(harm, &answer, &client)
            }
            Some(harm) => {
                copy_body(&head, &mut reader, &mut io::sink())?;
                if harm == Harm::Refuse {
                    self.lock().deaf_until = Some(Instant::now() + DEAF);
                }
                self.strike();
                spoil(harm, &[], &client)
            }
        }
    }

    /// Counts a call and says what harm comes to it.
    fn count(&self, head: &str) -> Option<Harm> {
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let counted = match method {
            "GET" | "HEAD" => Counted::Reads,
            _ => Counted::Writes,
        };
        let path = path
            .strip_prefix("/v")
            .and_then(|rest| rest.find('/').map(|at| &rest[at..]))
            .unwrap_or(path);
        let mut state = self.lock();
        state.of(counted).push(format!("{method} {path}"));
        let place = state.of(counted).len();
        let armed = state.armed.filter(|(sort, call, _)| (*sort, *call) == (counted, place));
        armed.map(|(_, _, harm)| harm)
    }

    fn strike(&self) {
        self.lock().struck = true;
        self.changed.notify_all();
    }

    /// The engine's whole answer, or its head when a stream follows.
    fn ask(&self, head: &str, mut reader: BufReader<UnixStream>) -> io::Result<Vec<u8>> {
        let mut engine = UnixStream::connect(&self.engine)?;
        engine.write_all(closing(head).as_bytes())?;
        copy_body(head, &mut reader, &mut engine)?;
        if field(head, "upgrade").is_some() {
            return Ok(read_head(&mut BufReader::new(engine))?.into_bytes());
        }
        let mut answer = Vec::new();
        engine.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn pass(&self, head: &str, mut reader: BufReader<UnixStream>, mut client: UnixStream) -> io::Result<()> {
        let mut engine = UnixStream::connect(&self.engine)?;
        engine.write_all(closing(head).as_bytes())?;
        let mut back = engine.try_clone()?;
        let head = head.to_owned();
        let sending = thread::spawn(move || {
            if field(&head, "upgrade").is_some() {
                let _ = io::copy(&mut reader, &mut engine);
                return engine.shutdown(Shutdown::Write);
            }
            copy_body(&head, &mut reader, &mut engine)?;
            // A client that goes away takes its call with it.
            let _ = reader.read(&mut [0]);
            engine.shutdown(Shutdown::Both)
        });
        let passed = io::copy(&mut back, &mut client);
        client.shutdown(Shutdown::Both)?;
        // How the sending ended is of no interest when the answer is through.
        let _ = sending.join();
        passed.map(drop)
    }
}

/// Carries bytes both ways until both are through.
fn bridge(outside: &TcpStream, inside: &UnixStream) {
    let (mut out, mut into) = (outside, inside);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::copy(&mut &*outside, &mut into);
            let _ = inside.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut &*inside, &mut out);
        let _ = outside.shutdown(Shutdown::Both);
    });
}

/// Gives the client what is left of the answer.
fn spoil(harm: Harm, answer: &[u8], mut client: &UnixStream) -> io::Result<()> {
    match harm {
        Harm::Refuse | Harm::ResetBefore | Harm::ResetAfter => Ok(()),
        Harm::FailBefore | Harm::FailAfter => client.write_all(refusal(FAILED, "", "harm was done here").as_bytes()),
        Harm::Full => {
            client.write_all(refusal(FAILED, "", "write /var/lib/docker: no space left on device").as_bytes())
        }
        Harm::TooMany => {
            let answer = refusal("429 Too Many Requests", "Retry-After: 1\r\n", "harm was done here");
            client.write_all(answer.as_bytes())
        }
        Harm::StallBefore | Harm::StallAfter => hold(client),
        Harm::Truncate => client.write_all(&answer[..middle(answer)]),
        Harm::Twice => {
            let text = String::from_utf8_lossy(answer).replacen("Connection: close\r\n", "", 1);
            client.write_all(text.repeat(2).as_bytes())?;
            hold_for(client, Duration::from_millis(300))
        }
    }
}

fn refusal(status: &str, fields: &str, message: &str) -> String {
    let body = format!(r#"{{"message":"{message}"}}"#);
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{fields}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// In the middle of the body, or of the head when there is no body.
fn middle(answer: &[u8]) -> usize {
    let head = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(0, |at| at + 4);
    match answer.len() - head {
        0 => head / 2,
        body => head + body / 2,
    }
}

/// Says nothing until the client hangs up.
fn hold(client: &UnixStream) -> io::Result<()> {
    hold_for(client, HOLD)
}

fn hold_for(mut client: &UnixStream, limit: Duration) -> io::Result<()> {
    client.set_read_timeout(Some(limit))?;
    let _ = client.read(&mut [0])?;
    Ok(())
}

/// The request with its fields, up to and with the empty line.
fn read_head(reader: &mut impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(String::new());
        }
    }
    Ok(head)
}

/// The same, asking the engine to hang up after its answer.
fn closing(head: &str) -> String {
    match field(head, "upgrade") {
        Some(_) => head.to_owned(),
        None => head.replacen("\r\n", "\r\nConnection: close\r\n", 1),
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// Copies a request's body as it is framed.
fn copy_body(head: &str, reader: &mut impl BufRead, to: &mut impl Write) -> io::Result<()> {
    if field(head, "transfer-encoding").is_some() {
        return copy_chunks(reader, to);
    }
    let length = field(head, "content-length")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    io::copy(&mut reader.take(length), to).map(drop)
}

fn copy_chunks(reader: &mut impl BufRead, to: &mut impl Write) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        to.write_all(line.as_bytes())?;
        io::copy(&mut reader.take(size + 2), to)?;
        if size == 0 {
            return Ok(());
        }
    }
}
