//! Accepts connections, and ends without losing a request.
//!
//! Owns the sockets and the drain. Never looks into a request.
//!
//! The end goes in steps: every answer from now on closes its connection; after a delay the listener closes; open
//! connections get time for the request that may be on its way; then what is left is finished.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::config::Limits;

/// An answer, whole in memory.
pub type Answer = Response<Full<Bytes>>;

/// Marks a request that came from this very machine or container: its extensions hold one.
#[derive(Clone, Copy, Debug)]
pub struct FromHere;

/// Longest head of a request, bytes.
const HEAD_LIMIT: usize = 16 << 10;
/// Time that open connections get for one more request before they are closed.
const LINGER: Duration = Duration::from_millis(250);

/// What the connections share.
#[derive(Debug, Default)]
struct Shared {
    draining: AtomicBool,
    open: AtomicUsize,
    closed: Notify,
}

impl Shared {
    async fn all_closed(&self) {
        while self.open.load(Ordering::Acquire) > 0 {
            self.closed.notified().await;
        }
    }
}

/// Answers requests until `stop` is done, then drains. Returns what `stop` gave, and how many connections had to be
/// cut.
pub async fn serve<H, F, T>(
    listener: TcpListener,
    limits: Limits,
    handle: H,
    stop: impl Future<Output = T>,
) -> (T, usize)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let shared = Arc::new(Shared::default());
    let graceful = GracefulShutdown::new();
    let take = |stream| spawn(stream, &limits, handle.clone(), &shared, &graceful);
    let mut stop = std::pin::pin!(stop);
    let why = loop {
        tokio::select! {
            biased;
            why = &mut stop => break why,
            accepted = listener.accept() => taken(accepted).await.into_iter().for_each(&take),
        }
    };
    shared.draining.store(true, Ordering::Release);
    let delayed = async {
        loop {
            taken(listener.accept().await).await.into_iter().for_each(&take);
        }
    };
    let _: Result<(), _> = timeout(limits.shutdown_delay, delayed).await;
    while let Some(accepted) = listener.accept().now_or_never() {
        taken(accepted).await.into_iter().for_each(&take);
    }
    drop(listener);
    let _ = timeout(LINGER, shared.all_closed()).await;
    let drained = timeout(limits.request, graceful.shutdown()).await;
    let cut = if drained.is_ok() {
        0
    } else {
        shared.open.load(Ordering::Acquire)
    };
    (why, cut)
}

/// A lack of file descriptors passes: wait for it instead of spinning.
async fn taken(accepted: io::Result<(TcpStream, std::net::SocketAddr)>) -> Option<TcpStream> {
    match accepted {
        Ok((stream, _)) => Some(stream),
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

fn spawn<H, F>(stream: TcpStream, limits: &Limits, handle: H, shared: &Arc<Shared>, graceful: &GracefulShutdown)
where
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let _ = stream.set_nodelay(true);
    let open = Open::count(shared);
    let from_here = stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
    let service = service_fn(move |mut request: Request<Incoming>| {
        if from_here {
            request.extensions_mut().insert(FromHere);
        }
        let answer = handle(request);
        let shared = Arc::clone(&open.0);
        async move { Ok::<_, Infallible>(closing(answer.await, &shared)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_header_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "connection ended early");
        }
    });
}

fn closing(mut answer: Answer, shared: &Shared) -> Answer {
    if shared.draining.load(Ordering::Acquire) {
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Counts a connection as long as it lives.
struct Open(Arc<Shared>);

impl Open {
    fn count(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
        self.0.closed.notify_one();
    }
}
