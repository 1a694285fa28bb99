//! An in-process Kubernetes API server for tests: it answers as a real 1.36.2 was recorded to answer. Owns objects,
//! field ownership, dry runs, the deletion of objects, watches, and a small simulation of controllers and pods. Nothing
//! runs, nothing is stored outside of memory, and only loopback is served.
//!
//! ```ignore
//! let double = Double::start().await;
//! double.script("registry.example/broken:1", Mode::Crashes);
//! // … a client with double.kubeconfig() …
//! assert_eq!(double.calls().len(), 3);
//! ```

mod access;
mod admit;
mod api;
mod behaviour;
mod controllers;
mod convert;
mod defaults;
mod discovery;
mod eviction;
mod fault;
mod fields;
mod forward;
mod http;
mod immutable;
pub mod kinds;
mod logs;
mod managed;
mod openapi;
mod patch;
mod pod_security;
mod prepare;
mod quantity;
mod read;
mod refusal;
mod request;
mod schema;
mod select;
mod store;
mod typed;
mod validate;
mod warn;
mod watch;
mod write;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use behaviour::{Behaviour, Mode};
pub use fault::Fault;

use fault::Planned;
use store::{Key, World};

/// A call that the server received.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The media type of the body.
    pub content_type: String,
    /// The body as JSON; null when there was none.
    pub body: Value,
    /// The status of the answer; 0 when the connection was closed instead.
    pub status: u16,
}

impl Call {
    /// Whether the call would change something and is no dry run.
    pub fn is_write(&self) -> bool {
        let dry = self.path.contains("dryRun=All") && (self.method != "DELETE" || self.body.is_null());
        self.method != "GET" && !dry && self.body["dryRun"].is_null()
    }
}

/// How the server's clock goes.
#[derive(Debug, Clone, Copy)]
enum Clock {
    /// As the real one, so many times as fast.
    Real(Instant, u64, u32),
    /// Only by `advance`.
    Manual,
}

/// What the tasks of the server share.
#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    clock: Clock,
    calls: Mutex<Vec<Call>>,
    faults: Mutex<Vec<Planned>>,
    held: tokio::sync::watch::Sender<usize>,
    released: tokio::sync::watch::Sender<usize>,
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().expect("no call panics");
        if let Clock::Real(began, start, speed) = self.clock {
            let passed = u64::try_from((began.elapsed() * speed).as_millis()).unwrap_or(u64::MAX);
            controllers::advance(&mut world, start + passed);
        }
        act(&mut world)
    }
}

/// A running API server. It ends when it is dropped.
#[derive(Debug)]
pub struct Double {
    shared: Arc<Shared>,
    url: String,
    tasks: Vec<JoinHandle<()>>,
}

/// How much faster than the real clock the server's goes.
const SPEED: u32 = 10;
/// How often controllers look for what is due.
const TICK: Duration = Duration::from_millis(5);

impl Double {
    /// Starts a server whose clock goes ten times as fast as the real one.
    ///
    /// # Panics
    /// When no port of loopback can be had.
    pub async fn start() -> Self {
        Self::start_at_speed(SPEED).await
    }

    /// Starts a server whose clock goes `speed` times as fast as the real one.
    ///
    /// # Panics
    /// When no port of loopback can be had.
    pub async fn start_at_speed(speed: u32) -> Self {
        let start = wall_clock();
        let mut double = Self::listen(start, Clock::Real(Instant::now(), start, speed)).await;
        let shared = Arc::clone(&double.shared);
        double.tasks.push(tokio::spawn(async move {
            loop {
                shared.with(|_| ());
                tokio::time::sleep(TICK).await;
            }
        }));
        double
    }

    /// Starts a server whose clock stands still but for [`Double::advance`].
    ///
    /// # Panics
    /// When no port of loopback can be had.
    pub async fn start_stopped() -> Self {
        Self::listen(wall_clock(), Clock::Manual).await
    }

    async fn listen(start: u64, clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let mut world = World::new(start);
        controllers::advance(&mut world, start + 100);
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            clock,
            calls: Mutex::default(),
            faults: Mutex::default(),
            held: tokio::sync::watch::Sender::new(0),
            released: tokio::sync::watch::Sender::new(0),
        });
        let tasks = vec![tokio::spawn(http::serve(listener, Arc::clone(&shared)))];
        Self {
            shared,
            url: format!("http://{address}"),
            tasks,
        }
    }

    /// Where the server is, as `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token of the admin.
    pub fn token(&self) -> &'static str {
        access::TOKEN
    }

    /// A kubeconfig, as YAML, whose one context is called `double`.
    pub fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: double\nclusters:\n- name: double\n  cluster:\n    server: {}\nusers:\n- name: admin\n  user:\n    token: {}\ncontexts:\n- name: double\n  context:\n    cluster: double\n    user: admin\n    namespace: default\n",
            self.url,
            access::TOKEN
        )
    }

    /// Every call so far, in order.
    ///
    /// # Panics
    /// When a test has panicked while it held the calls.
    pub fn calls(&self) -> Vec<Call> {
        self.shared
            .calls
            .lock()
            .expect("no test panics while it holds the calls")
            .clone()
    }

    /// Forgets the calls so far.
    ///
    /// # Panics
    /// When a test has panicked while it held the calls.
    pub fn forget_calls(&self) {
        self.shared
            .calls
            .lock()
            .expect("no test panics while it holds the calls")
            .clear();
    }

    /// Says how the containers of an image behave.
    pub fn script(&self, image: &str, behaviour: impl Into<Behaviour>) {
        let behaviour = behaviour.into();
        self.shared.with(|world| world.behaviours.set(image, behaviour));
    }

    /// Says who listens behind a port of an image's containers: an address of loopback. What is said of the image `""`
    /// holds for every image of which nothing is said; else nobody listens.
    pub fn serve(&self, image: &str, port: u16, address: SocketAddr) {
        self.shared.with(|world| world.listeners.set(image, port, address));
    }

    /// From now on a request without a token is an anonymous one, which may do nothing.
    pub fn require_token(&self) {
        self.shared.with(|world| world.token_required = true);
    }

    /// Lets time pass on a server that was started with a stopped clock, or jump on any other.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.shared.with(|world| {
            let until = world.now.saturating_add(millis);
            controllers::advance(world, until);
        });
    }

    /// The stored object of a kind, as a GET shows it.
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let kind = kinds::KINDS.iter().find(|k| k.kind == kind)?;
        self.shared
            .with(|world| world.get(&Key::new(kind, namespace, name)).cloned())
    }

    /// The names of all objects of a kind, as `namespace/name`.
    pub fn names(&self, kind: &str) -> Vec<String> {
        let Some(kind) = kinds::KINDS.iter().find(|k| k.kind == kind) else {
            return Vec::new();
        };
        self.shared.with(|world| {
            world
                .list(kind, "")
                .map(|(k, _)| format!("{}/{}", k.namespace, k.name))
                .collect()
        })
    }

    /// Strikes the n-th writing call from now on, counted from 1 (dry runs count).
    pub fn fault_at_write(&self, n: usize, fault: Fault) {
        self.plan_nth(n, fault, false);
    }

    /// Strikes the n-th call from now on that changes something, counted from 1.
    pub fn fault_at_change(&self, n: usize, fault: Fault) {
        self.plan_nth(n, fault, true);
    }

    fn plan_nth(&self, n: usize, fault: Fault, in_earnest: bool) {
        self.plan(Planned {
            fault,
            after: n.saturating_sub(1),
            times: 1,
            wanted: String::new(),
            writes_only: true,
            in_earnest,
        });
    }

    /// Strikes the next `times` calls whose `METHOD /path?query` holds `wanted`.
    pub fn fault_on(&self, wanted: &str, times: usize, fault: Fault) {
        self.plan(Planned {
            fault,
            after: 0,
            times,
            wanted: wanted.into(),
            writes_only: false,
            in_earnest: false,
        });
    }

    /// Forgets every fault that has not struck yet.
    pub fn heal(&self) {
        let mut faults = self.shared.faults.lock();
        faults
            .as_mut()
            .expect("no test panics while it holds the faults")
            .clear();
    }

    fn plan(&self, planned: Planned) {
        self.shared
            .faults
            .lock()
            .expect("no test panics while it holds the faults")
            .push(planned);
    }

    /// Waits until a call is held.
    pub async fn wait_held(&self) {
        let mut held = self.shared.held.subscribe();
        let _ = held.wait_for(|n| *n > 0).await;
    }

    /// Whether a call is held.
    pub fn is_holding(&self) -> bool {
        *self.shared.held.borrow() > 0
    }

    /// Lets every held call go on.
    pub fn release(&self) {
        self.shared.released.send_modify(|n| *n += 1);
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
