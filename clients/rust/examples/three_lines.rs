//! The smallest program that Pharos watches: `PHAROS_URL=http://127.0.0.1:8000 cargo run
//! --example three_lines`.

use pharos_client::{Client, ServiceState};

fn main() {
    let pharos = Client::from_env();
    pharos.status(ServiceState::Up);
    pharos.metric("queue_size", 3);
}
