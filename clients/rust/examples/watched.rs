//! A program that uses all of it: `cargo run --example watched --features full`.
//!
//! It reads and writes nothing but what it tells Pharos, and ends after one round.

use std::time::Duration;

use pharos_client::{Alerts, Client, Health, Log, Recorder, ServiceState, Severity, SpanLayer};
use pharos_client::{Thresholds, ToPharos, json};
use tracing_subscriber::layer::SubscriberExt;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pharos = Client::from_env();
    pharos.status(ServiceState::Up);
    let _host = pharos.watch_host(Duration::from_secs(30));

    Recorder::install(&pharos)?;
    metrics::counter!("rounds_total").increment(1);
    let layers = tracing_subscriber::registry().with(SpanLayer::new(&pharos));
    tracing::subscriber::set_global_default(layers)?;

    let alerts = Alerts::new(pharos.service());
    alerts.add_notifier(Severity::Info, Log);
    alerts.add_notifier(Severity::Warning, ToPharos(pharos.clone()));
    let health = Health::new(pharos.service());
    health.register_host(Thresholds::default());
    health.alert_through(&alerts);
    health.report_to(&pharos);
    health.run_all();

    let mut job = pharos.job("training");
    for epoch in 0..3 {
        let _span = tracing::info_span!("epoch").entered();
        job.set("epoch", json!(epoch));
    }
    job.complete();
    alerts.flush(Duration::from_secs(5));
    // The recorder keeps the client for the whole program, so its end is said here.
    pharos.close();
    Ok(())
}
