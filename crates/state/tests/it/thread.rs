//! The writer in its own thread, as in production.

use std::sync::Arc;
use std::thread;

use model::{ServiceStatus, Severity};
use state::State;
use storage::{AlertFilter, RecordOutcome, Records, ServiceFilter};

use crate::world::{Place, T0, alert, service};

fn open(place: &Place) -> Arc<State> {
    State::open(place.config.clone(), &place.env()).unwrap()
}

#[test]
fn many_senders_each_get_their_own_answer() {
    let place = Place::new();
    let state = open(&place);
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let records: Arc<dyn Records> = state.clone();
            thread::spawn(move || {
                let mut ids = Vec::new();
                for _ in 0..25 {
                    let name = format!("sender {sender}");
                    let unit = vec![alert(Severity::Info, Some(&name), T0)];
                    let outcomes = records.write(unit).unwrap().wait().unwrap();
                    let RecordOutcome::Id(id) = outcomes[0] else {
                        panic!("an alert has an id");
                    };
                    ids.push((id, name));
                }
                ids
            })
        })
        .collect();
    let mut sent: Vec<_> = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    sent.sort();
    let filter = AlertFilter { limit: 1_000, ..AlertFilter::default() };
    let mut kept: Vec<_> = state
        .alerts(&filter)
        .unwrap()
        .into_iter()
        .map(|alert| (alert.id, alert.service.unwrap()))
        .collect();
    kept.sort();
    assert_eq!(sent, kept);
}

#[test]
fn closing_writes_what_waits_and_refuses_the_rest() {
    let place = Place::new();
    let state = open(&place);
    let commits: Vec<_> =
        (0..500).map(|_| state.write(vec![alert(Severity::Info, None, T0)]).unwrap()).collect();
    state.close();
    for commit in commits {
        assert!(commit.wait().is_ok());
    }
    assert!(state.write(vec![alert(Severity::Info, None, T0)]).is_err());
    state.close();
    drop(state);
    let world = place.open();
    assert_eq!(world.alerts().len(), 500);
}

#[test]
fn dropping_closes() {
    let place = Place::new();
    let state = open(&place);
    let commit = state.write(vec![service("a", ServiceStatus::Up, T0)]).unwrap();
    drop(state);
    assert!(commit.wait().is_ok());
    assert_eq!(place.open().services().len(), 1);
}

#[test]
fn threads_that_meet_a_stranger_at_once_create_one() {
    let place = Place::new();
    let state = open(&place);
    let start = Arc::new(std::sync::Barrier::new(16));
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let (state, start) = (state.clone(), start.clone());
            thread::spawn(move || {
                start.wait();
                for idx in 0..50 {
                    let name = format!("s{idx}");
                    if let Some(commit) = state.saw_service(&name, T0).unwrap() {
                        commit.wait().unwrap();
                    }
                    assert!(state.saw_service(&name, T0).unwrap().is_none());
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let filter = ServiceFilter { limit: 1_000, ..ServiceFilter::default() };
    assert_eq!(state.services(&filter).unwrap().len(), 50);
    assert_eq!(state.meter().units_written.get(), 50);
}
