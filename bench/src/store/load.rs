//! Load: requests that were rendered before, each in the lane of the connection that sends it.

use std::net::SocketAddr;
use std::time::Duration;

use stdx::Clock;

use crate::store::sender::{Refusals, Sender};

/// Samples of a series stay in one lane, so that they arrive in order.
pub(crate) struct Load {
    lanes: Vec<Vec<Vec<u8>>>,
    pub(crate) n_samples: u64,
}

/// What became of a load that was acknowledged as a whole.
pub(crate) struct Sent {
    pub(crate) took: Duration,
    pub(crate) refusals: Refusals,
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

    /// Sends everything, each lane as fast as it is acknowledged; what is refused is sent again.
    ///
    /// # Errors
    /// Those of [`Sender::send`].
    pub(crate) fn send(&self, address: SocketAddr, clock: &dyn Clock) -> anyhow::Result<Sent> {
        let began = clock.monotonic();
        let mut refusals = Refusals::default();
        std::thread::scope(|scope| {
            let send = |lane: &[Vec<u8>]| -> anyhow::Result<Refusals> {
                let mut sender = Sender::open(address, clock)?;
                sender.send_all(lane)?;
                Ok(sender.refusals())
            };
            let lanes = self.lanes.iter();
            let threads: Vec<_> = lanes.map(|lane| scope.spawn(move || send(lane))).collect();
            threads.into_iter().try_for_each(|thread| {
                refusals += thread.join().expect("a lane has no panic")?;
                anyhow::Ok(())
            })
        })?;
        Ok(Sent { took: clock.monotonic().saturating_sub(began), refusals })
    }

    /// The requests, lane by lane.
    pub(crate) fn into_requests(self) -> impl Iterator<Item = Vec<u8>> {
        self.lanes.into_iter().flatten()
    }
}
