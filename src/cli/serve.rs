//! `ferrywheel serve`: open the data directory and serve until told to stop.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use clap::Args;
use futures_util::FutureExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Environment;
use super::failure::{Exit, Failure};
use super::output::Output;
use crate::app::{ADMIN_TOKEN_FILE, App};
use crate::config::{Settings, SettingsSource};
use crate::model::Clock;

/// Time between two looks for batches whose time is over. No request takes as long from its stored bytes to its rows.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3_600);

#[derive(Args)]
pub struct ServeArgs {
    /// Directory that holds everything; made when missing [default: ./ferrywheel-data].
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Address and port [default: 127.0.0.1:8417]; a socket from the service manager wins.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Settings file (TOML) [variable: FERRYWHEEL_CONFIG].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Settings from the flags, the environment and the file that either names.
pub fn load_settings(
    data: Option<String>,
    listen: Option<String>,
    config: Option<PathBuf>,
    environment: &Environment,
) -> Result<Settings, Failure> {
    let flags = [("data", data), ("listen", listen)];
    let source = SettingsSource {
        file: config.or_else(|| environment.get("FERRYWHEEL_CONFIG").map(PathBuf::from)),
        environment: environment.clone(),
        flags: flags.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
    };
    let settings = Settings::load(&source);
    settings.map_err(|error| Failure { exit: Exit::Usage, ..Failure::from(error) })
}

/// Opens the data directory that the settings name, with the system's clock and generator.
pub async fn open_app(settings: Settings) -> Result<Arc<App>, Failure> {
    Ok(App::open(settings, Clock::System, &mut random_generator()).await?)
}

/// Sweeps beside the requests, now and every hour: the first page need not wait for it.
pub fn sweep_meanwhile(app: &Arc<App>) {
    let first = Arc::clone(app);
    // The task does not keep the server open.
    let later = Arc::downgrade(app);
    tokio::spawn(async move {
        let mut last = first.clock.now();
        let mut before = last;
        if let Err(error) = first.sweep().await {
            tracing::warn!("what an earlier process stored and did not record was not removed: {error}");
        }
        drop(first);
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            let Some(app) = later.upgrade() else { return };
            let now = app.clock.now();
            match app.sweep_again(last, before).await {
                Ok(_) => (last, before) = (now, last),
                Err(error) => tracing::warn!("batches whose time is over were not swept: {error}"),
            }
        }
    });
}

/// A generator for secrets, seeded by the system.
pub fn random_generator() -> StdRng {
    #[expect(clippy::disallowed_methods, reason = "the command line is the edge where chance enters")]
    StdRng::from_rng(&mut rand::rng())
}

pub async fn run(arguments: ServeArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let settings = load_settings(arguments.data, arguments.listen, arguments.config, environment)?;
    crate::telemetry::start(settings.log_format, &settings.log);
    raise_descriptor_limit();
    let listener = listen(&settings.listen)?;
    let app = open_app(settings).await?;
    sweep_meanwhile(&app);
    if let Some(token) = &app.new_admin_token {
        let place = app.settings.data.join(ADMIN_TOKEN_FILE);
        // Where nobody looks on, what is printed stays in a log for ever.
        match std::io::stderr().is_terminal() {
            true => output.note(&format!("admin token (shown once, kept in {}): {token}", place.display())),
            false => output.note(&format!("the admin token is in {}", place.display())),
        }
    }
    let address = listener.local_addr().map_err(|error| Failure::new(Exit::Unreachable, error.to_string()))?;
    let (stop, told_twice) = stop_signals();
    output.note(&format!("listening on http://{address}"));
    notify(&[sd_notify::NotifyState::Ready]);
    let stop = async {
        stop.await;
        notify(&[sd_notify::NotifyState::Stopping]);
    };
    tokio::select! {
        served = crate::http::serve(listener, app.clone(), stop) => {
            served.map_err(|error| Failure::new(Exit::Unreachable, format!("the server ended: {error}")))?;
        }
        () = told_twice => {
            tracing::warn!("told to stop twice: requests that were still running have been given up");
            return Ok(());
        }
    }
    app.close().await;
    Ok(())
}

/// Asks for as many file descriptors as this process may have: a connection needs one, an upload two, and what shells give at
/// first is fewer than the connections that are served at once.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!("the limit on open files stays as it is: {error}");
    }
}

/// The first Ctrl-C or SIGTERM, and the second: whoever sends that does not want to wait for running requests.
fn stop_signals() -> (impl Future<Output = ()>, impl Future<Output = ()>) {
    let (first, on_first) = tokio::sync::oneshot::channel::<()>();
    let (second, on_second) = tokio::sync::oneshot::channel::<()>();
    // From now on, and all the time: a signal that nobody listens for ends the process, or is lost between the two.
    let mut signals = StopSignals::listen();
    tokio::spawn(async move {
        for told in [first, second] {
            signals.next().await;
            // Nobody waits any more only when the server has ended.
            let _ = told.send(());
        }
    });
    (on_first.map(drop), on_second.map(drop))
}

/// The first socket that the service manager passed, else our own.
pub fn listen(address: &str) -> Result<TcpListener, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Unreachable, format!("cannot listen on `{address}`: {error}"))
            .with_hint("Name another address with `--listen`; port 0 takes a free one.")
    };
    let passed = listenfd::ListenFd::from_env().take_tcp_listener(0).map_err(failed)?;
    let listener = match passed {
        Some(listener) => listener,
        None => std::net::TcpListener::bind(address).map_err(failed)?,
    };
    listener.set_nonblocking(true).map_err(failed)?;
    TcpListener::from_std(listener).map_err(failed)
}

/// Tells the service manager; without one there is nobody to tell, and nothing to do about a failure.
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("the service manager was not told: {error}");
    }
}

/// Returns on Ctrl-C or SIGTERM.
pub async fn stop_signal() {
    StopSignals::listen().next().await;
}

/// The streams of the signals that stop a server.
struct StopSignals(Vec<Signal>);

impl StopSignals {
    fn listen() -> Self {
        let listen = |kind| match signal(kind) {
            Ok(stream) => Some(stream),
            Err(error) => {
                tracing::warn!("signal {} will not stop the server gently: {error}", kind.as_raw_value());
                None
            }
        };
        Self([SignalKind::terminate(), SignalKind::interrupt()].into_iter().filter_map(listen).collect())
    }

    async fn next(&mut self) {
        std::future::poll_fn(|context| match self.0.iter_mut().any(|stream| stream.poll_recv(context).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}
