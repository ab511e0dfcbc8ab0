//! Listeners: the sockets that settings ask for, and the lines that say where they are.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use stdx::Env;
use storage::Ingest;
use tokio::net::TcpListener;
use web::{Listener, Surface};

use crate::config::Config;

/// Binds every address of HTTP and gRPC.
///
/// # Errors
/// One that settings ask for cannot be listened on, with the setting that names it.
pub(crate) async fn bind(config: &Config) -> anyhow::Result<Vec<Listener>> {
    let full = config.listen.iter().map(|address| (address, Surface::Full, "--listen ADDR:PORT"));
    let metrics = config.metrics_listen.iter();
    let metrics = metrics.map(|address| (address, Surface::MetricsOnly, "PROMETHEUS_PORT"));
    let mut listeners = Vec::new();
    for (address, surface, setting) in full.chain(metrics) {
        let socket = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address} (choose another with {setting})")
        })?;
        listeners.push(Listener { socket, surface });
    }
    bind_grpc(config, &mut listeners).await?;
    Ok(listeners)
}

/// Binds the addresses of gRPC alone. One that nobody asked for is not worth a server that does not
/// start: an agent of this machine may have the port.
async fn bind_grpc(config: &Config, listeners: &mut Vec<Listener>) -> anyhow::Result<()> {
    for &address in &config.grpc_listen.addresses {
        match TcpListener::bind(address).await {
            Ok(socket) => listeners.push(Listener { socket, surface: Surface::Grpc }),
            Err(error) if config.grpc_listen.is_asked_for => {
                return Err(error).with_context(|| {
                    format!("cannot listen on {address} (choose another with otlp.grpc_listen)")
                });
            }
            Err(error) => tracing::warn!(
                %error,
                "OTLP/gRPC is not served on {address}: set otlp.grpc_listen to another address, \
                 or to [] for none (PHAROS_OTLP_GRPC_LISTEN, off)"
            ),
        }
    }
    Ok(())
}

/// Starts the listeners for protocols without HTTP.
///
/// # Errors
/// An address cannot be listened on.
pub(crate) fn listen_plainly(
    config: &Config,
    env: &Env,
    ingest: &Ingest,
) -> anyhow::Result<Arc<[collect::listen::Handle]>> {
    let mut handles = Vec::new();
    if let Some((address, flush_interval)) = config.statsd {
        let handle = collect::listen::statsd(address, flush_interval, env, ingest.clone());
        handles.push(handle.with_context(|| format!("cannot listen for StatsD on {address}"))?);
    }
    if let Some(address) = config.graphite {
        let handle = collect::listen::graphite(address, env, ingest.clone());
        handles.push(handle.with_context(|| format!("cannot listen for Graphite on {address}"))?);
    }
    for handle in &handles {
        tracing::info!(address = %handle.address(), "listening for {}, UDP and TCP", handle.name());
    }
    Ok(handles.into())
}

/// The first lines a person sees.
///
/// # Errors
/// A listener has no address.
pub(crate) fn say_where_to_look(config: &Config, listeners: &[Listener]) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut text = format!("Pharos {} is running\n", env!("CARGO_PKG_VERSION"));
    for listener in listeners {
        let at = base_url(listener.socket.local_addr().context("a listener has no address")?);
        match listener.surface {
            Surface::Full => {
                text.push_str(&format!("  dashboard  {at}/monitoring\n"));
                text.push_str(&format!("  API docs   {at}/api/docs\n"));
                text.push_str(&format!("  metrics    {at}/metrics\n"));
            }
            Surface::MetricsOnly => text.push_str(&format!("  metrics    {at}/metrics (only)\n")),
            Surface::Grpc => text.push_str(&format!("  OTLP gRPC  {at}\n")),
        }
    }
    let kept = config
        .retention
        .map_or("for ever".to_owned(), |kept| format!("for {}", model::format_duration(kept)));
    text.push_str(&format!("  data       {}, kept {kept}\n", config.data_dir.display()));
    let mut stdout = std::io::stdout();
    // A reader that went away is no reason to stop.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    Ok(())
}

/// An address as a person can open it.
fn base_url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        return format!("http://localhost:{}", address.port());
    }
    format!("http://{address}")
}
