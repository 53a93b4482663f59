//! Build and run: the server with its routes, the workers beside it, and how both stop.

mod accept_queue;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, web};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::accept_queue::drain_accept_queue;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::routes::documentation::{self, Documentation};
use crate::routes::documented_paths::DocumentedPaths;
use crate::routes::extract::framework::extract_settings;
use crate::routes::mounting::Mounting;
use crate::routes::operations::Operations;
use crate::routes::{self, cors, middleware, security_headers};
use crate::state::State;
use crate::state::process_status::ProcessStatus;
use crate::telemetry;
use crate::worker::{Shutdown, Workers};

/// A server that listens, and its workers.
pub struct Running {
    pub address: SocketAddr,
    server: actix_web::dev::Server,
    workers: Workers,
    status: ProcessStatus,
    stop_delay: Duration,
    /// The listening socket once more, to drain its queue at a stop.
    listener: TcpListener,
}

/// Threads that serve; each waits for the network only, the blocking work has threads of its own.
const SERVING_THREADS: usize = 2;

/// How long requests in flight may take to end when the server stops, in seconds.
const SECONDS_TO_STOP: u64 = 30;

/// Binds the address that the server listens on.
///
/// # Errors
/// Where it is taken, or not one of this machine: in words for whoever starts the server.
pub fn bind(config: &Config) -> Result<TcpListener> {
    TcpListener::bind(&config.listen).map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => {
                " Another process listens there: stop it, or set ROLLCALL_LISTEN to another port."
            }
            ErrorKind::PermissionDenied => " Ports below 1024 are the system's: take a higher one.",
            _ => "",
        };
        let detail = format!("cannot listen on {}: {error}.{advice}", config.listen);
        Error::refused(Code::Unavailable, detail)
    })
}

impl Running {
    /// Binds the address and starts, as [`Running::start_on`] does.
    ///
    /// # Errors
    /// Where the address is taken, or the system gives no threads.
    pub fn start(state: &State) -> Result<Self> {
        Self::start_on(bind(&state.services.config)?, state)
    }

    /// Starts the workers; requests that the listener takes are served once [`Running::serve`] is awaited.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn start_on(listener: TcpListener, state: &State) -> Result<Self> {
        let address = listener.local_addr().map_err(Error::internal)?;
        let again = listener.try_clone().map_err(Error::internal)?;
        let server = server(state, listener)?;
        Ok(Self {
            address,
            listener: again,
            server,
            workers: Workers::start(state)?,
            status: state.status.clone(),
            stop_delay: state.services.config.stop_delay,
        })
    }

    /// Stops the server from elsewhere, as a signal does.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Serves until SIGTERM or SIGINT: the workers hand their batches over while requests in flight
    /// end. After SIGTERM it goes on serving for the delay that is set, and is not ready. A second
    /// signal ends the process at once.
    ///
    /// # Errors
    /// Where the server breaks, or the signals cannot be heard.
    pub async fn serve_until_signal(self) -> Result<()> {
        let signals = Signals::listen().map_err(Error::internal)?;
        let stop = Stop {
            server: self.server.handle(),
            workers: self.workers.shutdown(),
            status: self.status.clone(),
            delay: self.stop_delay,
            listener: self.listener,
        };
        let stopping = actix_web::rt::spawn(signals.stop(stop));
        let served = serve(self.server, self.workers).await;
        stopping.abort();
        served
    }

    /// Serves until the handle stops it: requests in flight end, then the workers hand their batches
    /// over.
    ///
    /// # Errors
    /// Where the server breaks.
    pub async fn serve(self) -> Result<()> {
        drop(self.listener);
        serve(self.server, self.workers).await
    }
}

async fn serve(server: actix_web::dev::Server, workers: Workers) -> Result<()> {
    let served = server.await;
    tracing::info!("no longer serving");
    tokio::task::spawn_blocking(|| workers.stop())
        .await
        .map_err(Error::internal)?;
    served.map_err(Error::internal)
}

/// What is to be stopped, and how.
struct Stop {
    server: ServerHandle,
    workers: Shutdown,
    status: ProcessStatus,
    delay: Duration,
    listener: TcpListener,
}

impl Stop {
    /// The server goes on without being waited for, so that the next signal is heard.
    async fn carry_out(self, signal: SignalKind) {
        tracing::info!("stopping: requests in flight end, batches are handed over");
        self.status.stop();
        self.workers.set();
        if signal == SignalKind::terminate() {
            tokio::time::sleep(self.delay).await;
        }
        drain_accept_queue(&self.listener).await;
        drop(self.listener);
        drop(self.server.stop(true));
    }
}

/// The signals that end the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }

    async fn stop(mut self, stop: Stop) {
        let signal = self.next().await;
        tokio::select! {
            () = stop.carry_out(signal) => drop(self.next().await),
            _ = self.next() => {}
        }
        tracing::warn!("stopping at once");
        telemetry::end();
        std::process::exit(130);
    }
}

fn served_operations() -> Operations {
    let mut operations = Operations::default();
    routes::mount(&mut Mounting::Served(&mut operations));
    operations
}

/// The paths of the document, which all servers of the process share: it is long to read.
fn documented_paths() -> Result<web::Data<DocumentedPaths>> {
    static SHARED: OnceLock<web::Data<DocumentedPaths>> = OnceLock::new();
    if let Some(paths) = SHARED.get() {
        return Ok(paths.clone());
    }
    let paths = web::Data::new(DocumentedPaths::of(documentation::DOCUMENT)?);
    Ok(SHARED.get_or_init(|| paths).clone())
}

fn server(state: &State, listener: TcpListener) -> Result<actix_web::dev::Server> {
    let documented_paths = documented_paths()?;
    served_operations().require_documented(&documented_paths)?;
    let public_url = state.services.config.public_url.as_ref();
    let documentation = web::Data::new(Documentation::new(public_url));
    let metrics = web::Data::from(state.services.metrics.clone());
    let state = web::Data::new(state.clone());
    let config = &state.services.config;
    let blocking_threads = config.connections_of_requests().div_ceil(SERVING_THREADS);
    let keep_alive = config.keep_alive;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(metrics.clone())
            .app_data(documentation.clone())
            .app_data(documented_paths.clone())
            .configure(extract_settings)
            .configure(documentation::mount)
            .default_service(served_operations())
            .wrap(from_fn(documentation::require_known_method))
            .wrap(from_fn(middleware::observe))
            .wrap(Compress::default())
            .wrap(cors::cors(&state.services.config))
            .wrap(from_fn(cors::explain_refusals))
            .wrap(from_fn(security_headers::protect))
    })
    .workers(SERVING_THREADS)
    .worker_max_blocking_threads(blocking_threads)
    .keep_alive(keep_alive)
    .shutdown_timeout(SECONDS_TO_STOP)
    .disable_signals()
    .listen(listener)
    .map_err(Error::internal)?;
    Ok(server.run())
}
