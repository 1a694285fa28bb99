//! `mlstack-server serve`: from settings to a running server, and to its end.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::cli::Failure;
use crate::config::Told;
use crate::engine::{LoadFailure, Source};
use crate::metrics::Metrics;
use crate::{http, listen, log};

/// Listens, loads the model, answers until `stop`, drains, writes what the log still holds.
///
/// # Errors
/// When the address is taken, or the model cannot be loaded.
pub async fn run(told: Told, stop: impl Future<Output = ()>) -> Result<(), Failure> {
    let address = told.address();
    let listener = TcpListener::bind(address)
        .await
        .map_err(|e| format!("cannot listen on {address}: {e}"))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    run_on(listener, told, stop).await
}

/// The same on a socket that listens already.
///
/// # Errors
/// When the model cannot be loaded.
pub async fn run_on(listener: TcpListener, told: Told, stop: impl Future<Output = ()>) -> Result<(), Failure> {
    let metrics = Arc::new(Metrics::default());
    let source = Source::read(&told)?;
    let identity = (source.name.clone(), source.version.clone());
    let (log, writing) = told
        .prediction_log()
        .map(|target| log::start(target, identity, Arc::clone(&metrics)))
        .unzip();
    let app = Arc::new(App::new(told.limits(), told.docs.unwrap_or(true), metrics, log));
    let loading = tokio::task::spawn_blocking({
        let app = Arc::clone(&app);
        move || load(&app, &source)
    });
    let end = async {
        let why = until(loading, stop).await;
        app.end();
        why
    };
    let handle = {
        let app = Arc::clone(&app);
        move |request| http::handle(Arc::clone(&app), request)
    };
    let (why, cut) = listen::serve(listener, told.limits(), handle, end).await;
    if let Some(writing) = writing {
        writing.finish().await;
    }
    if why.is_ok() {
        tracing::info!(connections_cut = cut, "stopped");
    }
    why
}

/// Done when the server is told to stop, or when there is no model to serve.
async fn until(loading: JoinHandle<Result<(), LoadFailure>>, stop: impl Future<Output = ()>) -> Result<(), Failure> {
    let broken = async {
        match loading.await {
            Ok(Ok(())) => std::future::pending().await,
            Ok(Err(error)) => Failure::from(error),
            Err(error) => error.into(),
        }
    };
    tokio::select! {
        biased;
        () = stop => Ok(()),
        error = broken => Err(error),
    }
}

/// Loads the model. One whose golden sample fails is not served, and the server stays to say so.
fn load(app: &App, source: &Source) -> Result<(), LoadFailure> {
    let begun = std::time::Instant::now();
    let loaded = match source.load() {
        Err(LoadFailure::Golden(reason)) => {
            // State first: whoever reads the line finds it so.
            app.loaded(Err(format!("its golden sample did not pass: {reason}")));
            tracing::error!(reason, "the golden sample did not pass: the model is not served");
            return Ok(());
        }
        loaded => loaded?,
    };
    let fields = loaded
        .features
        .list()
        .iter()
        .map(|feature| feature.name().to_owned())
        .collect();
    app.metrics
        .loaded(&loaded.card.name, &loaded.card.version, fields, begun.elapsed());
    let took_ms = begun.elapsed().as_millis() as u64;
    let (model, version) = (loaded.card.name.clone(), loaded.card.version.clone());
    app.loaded(Ok(loaded));
    tracing::info!(model, version, took_ms, "ready");
    Ok(())
}
