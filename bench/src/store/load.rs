//! Load: requests that were rendered before, each in the lane of the connection that sends it.

use std::net::SocketAddr;
use std::time::Duration;

use stdx::Clock;

use crate::http::Connection;

/// Samples of a series stay in one lane, so that they arrive in order.
pub(crate) struct Load {
    lanes: Vec<Vec<Vec<u8>>>,
    pub(crate) n_samples: u64,
}

impl Load {
    pub(crate) fn new(n_lanes: usize) -> Self {
        Self { lanes: vec![Vec::new(); n_lanes], n_samples: 0 }
    }

    /// Adds a request; equal `lane` numbers, of which there may be any number, stay in order.
    pub(crate) fn add(&mut self, lane: usize, request: Vec<u8>, n_samples: usize) {
        let n_lanes = self.lanes.len();
        self.lanes[lane % n_lanes].push(request);
        self.n_samples += n_samples as u64;
    }

    /// Sends everything, each lane as fast as it is answered, and says how long that took.
    ///
    /// # Errors
    /// The first answer that is no success.
    pub(crate) fn send(&self, address: SocketAddr, clock: &dyn Clock) -> anyhow::Result<Duration> {
        let began = clock.monotonic();
        std::thread::scope(|scope| {
            let lanes = self.lanes.iter();
            let threads: Vec<_> =
                lanes.map(|lane| scope.spawn(move || send_lane(lane, address))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("a lane has no panic"))
        })?;
        Ok(clock.monotonic().saturating_sub(began))
    }
}

fn send_lane(lane: &[Vec<u8>], address: SocketAddr) -> anyhow::Result<()> {
    let mut connection = Connection::open(address)?;
    lane.iter().try_for_each(|request| connection.exchange(request))
}
