//! The program's own figures, as the llm family's rows have them.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::{Collected, Collector, Figure};
use crate::time::{now_ms, rfc3339};

/// What a program knows of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct AppFigures {
    /// Fine-tuning jobs that run.
    pub active_fine_tuning_jobs: u64,
    /// Evaluations that have ended.
    pub completed_evaluations: u64,
    /// Calls of the API since the start.
    pub total_api_calls: u64,
    /// A share from 0 to 1.
    pub cache_hit_rate: f64,
    /// Connections of the pool in use.
    pub database_connections: u64,
    /// Items that wait.
    pub queue_size: u64,
}

/// Tells what the program recorded last. Clones are the same collector: one is held by the program,
/// one by [`Collectors`](crate::Collectors).
#[derive(Debug, Clone, Default)]
pub struct AppCollector(Arc<Mutex<Option<(u64, AppFigures)>>>);

impl AppCollector {
    /// One that was told nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The figures of now.
    pub fn record(&self, figures: AppFigures) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now_ms(), figures));
    }
}

impl Collector for AppCollector {
    fn name(&self) -> &str {
        "app"
    }

    fn collect(&mut self) -> Collected {
        let recorded = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at_ms, app)) = recorded else {
            return Collected { json: json!({}), figures: Vec::new() };
        };
        let json = json!({
            "timestamp": rfc3339(at_ms),
            "active_fine_tuning_jobs": app.active_fine_tuning_jobs,
            "completed_evaluations": app.completed_evaluations,
            "total_api_calls": app.total_api_calls,
            "cache_hit_rate": app.cache_hit_rate,
            "database_connections": app.database_connections,
            "queue_size": app.queue_size,
        });
        Collected { figures: figures(&json), json }
    }
}

fn figures(json: &Value) -> Vec<Figure> {
    let names = [
        ("active_fine_tuning_jobs", "active_fine_tuning_jobs"),
        ("completed_evaluations", "completed_evaluations"),
        ("total_api_calls", "total_api_calls"),
        ("cache_hit_rate", "cache_hit_rate"),
        // The same under the name that says what it is: a share from 0 to 1.
        ("cache_hit_rate", "cache_hit_ratio"),
        ("database_connections", "database_connections"),
        ("queue_size", "queue_size"),
    ];
    let gauge = |(key, name): (&str, _)| Some(Figure::gauge(name, json[key].as_f64()?));
    names.into_iter().filter_map(gauge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_figures_are_told_and_nothing_before_the_first() {
        let app = AppCollector::new();
        let mut held = app.clone();
        assert!(held.collect().figures.is_empty());
        app.record(AppFigures { queue_size: 7, ..AppFigures::default() });
        app.record(AppFigures { queue_size: 25, cache_hit_rate: 0.85, ..AppFigures::default() });
        let found = held.collect();
        assert_eq!(
            (&found.json["queue_size"], &found.json["cache_hit_rate"]),
            (&json!(25), &json!(0.85))
        );
        assert!(found.figures.contains(&Figure::gauge("queue_size", 25.0)));
        assert!(found.figures.contains(&Figure::gauge("cache_hit_ratio", 0.85)));
    }
}
