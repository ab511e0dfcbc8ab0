//! Lanes: how many queries are evaluated at one time.
//!
//! A query keeps a processor busy and fills memory, so no more run than there are processors. Some
//! more wait their turn; whoever comes after those is told so at once, which is better than to be
//! late for all. Rules have lanes of their own: an alert must not wait for a dashboard.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How wide a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneWidth {
    /// How many run at one time; 0 counts as 1.
    pub running_max: usize,
    /// How many more may wait.
    pub waiting_max: usize,
}

/// The lane of people and programs that ask, and the lane of rules. Clones share both.
#[derive(Debug, Clone)]
pub struct Lanes {
    user: Lane,
    rules: Lane,
}

impl Lanes {
    /// Empty lanes of these widths.
    pub fn new(user: LaneWidth, rules: LaneWidth) -> Self {
        Self { user: Lane::new(user), rules: Lane::new(rules) }
    }

    /// For whoever asks over the network.
    pub fn user(&self) -> &Lane {
        &self.user
    }

    /// For rules, which nobody else can hold up.
    pub fn rules(&self) -> &Lane {
        &self.rules
    }
}

/// Places for queries that run, and a queue before them.
#[derive(Debug, Clone)]
pub struct Lane {
    /// As many as run and wait together.
    tickets: Arc<Semaphore>,
    /// As many as run.
    places: Arc<Semaphore>,
    running_max: usize,
}

/// So many run and wait already that there is no room for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many queries run and wait")]
pub struct LaneFull;

/// A place on a lane. Dropping it lets the next one run.
#[derive(Debug)]
pub struct LanePlace {
    _place: OwnedSemaphorePermit,
    _ticket: OwnedSemaphorePermit,
}

impl Lane {
    fn new(width: LaneWidth) -> Self {
        let running_max = width.running_max.clamp(1, Semaphore::MAX_PERMITS / 2);
        let waiting_max = width.waiting_max.min(Semaphore::MAX_PERMITS / 2);
        Self {
            tickets: Arc::new(Semaphore::new(running_max + waiting_max)),
            places: Arc::new(Semaphore::new(running_max)),
            running_max,
        }
    }

    /// Waits for a place; those who came first have it first. Who stops waiting gives up the turn.
    ///
    /// # Errors
    /// As many wait as may.
    pub async fn enter(&self) -> Result<LanePlace, LaneFull> {
        let ticket = Arc::clone(&self.tickets).try_acquire_owned().map_err(|_| LaneFull)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| LaneFull)?;
        Ok(LanePlace { _place: place, _ticket: ticket })
    }

    /// How many run now.
    pub fn n_running(&self) -> usize {
        self.running_max - self.places.available_permits().min(self.running_max)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::{LaneFull, LanePlace, LaneWidth, Lanes};

    fn lanes(running_max: usize, waiting_max: usize) -> Lanes {
        let width = LaneWidth { running_max, waiting_max };
        Lanes::new(width, LaneWidth { running_max: 1, waiting_max: 0 })
    }

    /// What a future has to say now.
    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    fn enter(lanes: &Lanes) -> Option<Result<LanePlace, LaneFull>> {
        now(lanes.user().enter())
    }

    #[test]
    fn who_finds_no_room_is_told_at_once() {
        let lanes = lanes(1, 1);
        let place = enter(&lanes).unwrap().unwrap();
        assert_eq!(lanes.user().n_running(), 1);
        let mut waiting = Box::pin(lanes.user().enter());
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        assert_eq!(enter(&lanes).unwrap().unwrap_err(), LaneFull);
        drop(place);
        let Poll::Ready(Ok(place)) = waiting.as_mut().poll(&mut context) else {
            panic!("the place is free");
        };
        drop(place);
        assert_eq!(lanes.user().n_running(), 0);
    }

    #[test]
    fn who_stops_waiting_leaves_room() {
        let lanes = lanes(1, 1);
        let _place = enter(&lanes).unwrap().unwrap();
        for _ in 0..10 {
            // Waits, and is dropped.
            assert!(enter(&lanes).is_none());
        }
    }

    #[test]
    fn rules_find_room_while_users_fill_theirs() {
        let lanes = lanes(2, 0);
        let _full = [enter(&lanes).unwrap().unwrap(), enter(&lanes).unwrap().unwrap()];
        assert_eq!(enter(&lanes).unwrap().unwrap_err(), LaneFull);
        let rule = now(lanes.rules().enter()).unwrap().unwrap();
        assert_eq!(lanes.rules().n_running(), 1);
        drop(rule);
    }

    #[test]
    fn a_lane_of_no_width_is_one_query_wide() {
        let lanes = lanes(0, 0);
        assert!(enter(&lanes).unwrap().is_ok());
    }
}
