//! A layer for `tracing`: how often and how long spans are, and events by level.
//!
//! Each span and each event belongs to a place in the source, so there are as many series as
//! places: `span_duration_seconds{span,target}` and `events_total{level,target}`.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

use tracing::callsite::Identifier;
use tracing::{Event, Id, Metadata, Subscriber, span::Attributes};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::instrument::{Counter, Histogram};
use crate::{Client, worker};

/// Measures spans and counts events:
/// `tracing_subscriber::registry().with(SpanLayer::new(&client))`.
#[derive(Debug)]
pub struct SpanLayer {
    client: Client,
    durations: RwLock<HashMap<Identifier, Histogram>>,
    events: RwLock<HashMap<Identifier, Counter>>,
}

/// When a span began.
struct Begin(Instant);

impl SpanLayer {
    /// A layer that reports through this client.
    pub fn new(client: &Client) -> Self {
        Self { client: client.clone(), durations: RwLock::default(), events: RwLock::default() }
    }

    fn duration(&self, place: &'static Metadata<'static>) -> Histogram {
        known(&self.durations, place, || {
            let labels = [("span", place.name()), ("target", place.target())];
            self.client.histogram("span_duration_seconds", &labels)
        })
    }

    fn events(&self, place: &'static Metadata<'static>) -> Counter {
        known(&self.events, place, || {
            let level = place.level().as_str().to_ascii_lowercase();
            self.client.counter("events_total", &[("level", &level), ("target", place.target())])
        })
    }
}

/// The instrument of a place in the source. There are as many as the program has.
fn known<T: Clone>(
    all: &RwLock<HashMap<Identifier, T>>,
    place: &'static Metadata<'static>,
    make: impl FnOnce() -> T,
) -> T {
    let id = place.callsite();
    if let Some(found) = all.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return found.clone();
    }
    // Made outside of the lock: making may log, and a log line may come back as an event.
    let made = make();
    all.write().unwrap_or_else(PoisonError::into_inner).entry(id).or_insert(made).clone()
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        // The client's own requests would report themselves without end.
        if worker::is_worker() {
            return;
        }
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(Begin(Instant::now()));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(Begin(begin)) = span.extensions_mut().remove() {
            self.duration(span.metadata()).record(begin.elapsed().as_secs_f64());
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !worker::is_worker() {
            self.events(event.metadata()).add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn what_the_client_does_itself_is_not_measured() {
        let client = Client::off();
        let subscriber = tracing_subscriber::registry().with(SpanLayer::new(&client));
        let own = std::thread::spawn(move || {
            worker::mark_worker();
            tracing::subscriber::with_default(subscriber, || {
                let _span = tracing::info_span!("request").entered();
                tracing::debug!("sent");
            });
        });
        own.join().unwrap();
        assert_eq!(client.stats().series, 0);
    }

    #[test]
    fn spans_and_events_are_counted_by_their_place() {
        let client = Client::off();
        let subscriber = tracing_subscriber::registry().with(SpanLayer::new(&client));
        tracing::subscriber::with_default(subscriber, || {
            for step in 0..3 {
                let span = tracing::info_span!(target: "trainer", "epoch", step);
                let _guard = span.enter();
                tracing::warn!(target: "trainer", "loss is high");
            }
            tracing::error!(target: "trainer", "loss is NaN");
        });
        let span = [("span", "epoch"), ("target", "trainer")];
        assert_eq!(client.histogram("span_duration_seconds", &span).count(), 3);
        let n_events =
            |level| client.counter("events_total", &[("level", level), ("target", "trainer")]);
        assert_eq!((n_events("warn").get(), n_events("error").get()), (3, 1));
        assert_eq!(client.stats().series, 3);
    }
}
