//! Peers: Debian's Prometheus, its node exporter and its Alertmanager, as they run beside each
//! other on one machine. They are unpacked below `target/peers` by `tests/install-tools.sh`.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::Bench;
use crate::http::{self, Connection};
use crate::process::Process;

/// How long a peer may take to answer for the first time.
const START_MAX: Duration = Duration::from_secs(20);

/// The three, running. Prometheus scrapes all three each 15 s and sends alerts to the third.
pub(crate) struct Peers(Vec<Process>);

impl Peers {
    pub(crate) fn start(bench: &Bench) -> anyhow::Result<Self> {
        let [prometheus, exporter, alertmanager] = free_addresses()?;
        let dir = bench.dir.join("peers");
        bench.env.disk.create_dir_all(&dir)?;
        let alerting = write(bench, &dir.join("alertmanager.yml"), ALERTMANAGER)?;
        let settings = prometheus_settings(prometheus, exporter, alertmanager);
        let scraping = write(bench, &dir.join("prometheus.yml"), &settings)?;
        let listen = |address: SocketAddr| format!("--web.listen-address={address}");
        let path = |package: &str, name: &str| bench.peers.join(package).join("usr/bin").join(name);
        let started = [
            Command::new(path("prometheus-node-exporter", "prometheus-node-exporter"))
                .arg(listen(exporter)),
            with_templates(&bench.peers.join("prometheus-alertmanager"))
                .arg(path("prometheus-alertmanager", "prometheus-alertmanager"))
                .arg(listen(alertmanager))
                .arg("--cluster.listen-address=")
                .arg(flag("--config.file=", &alerting))
                .arg(flag("--storage.path=", &dir.join("alertmanager"))),
            Command::new(path("prometheus", "prometheus"))
                .arg(listen(prometheus))
                .arg(flag("--config.file=", &scraping))
                .arg(flag("--storage.tsdb.path=", &dir.join("prometheus"))),
        ]
        .map(|command| {
            Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
        });
        let processes = started.into_iter().collect::<anyhow::Result<_>>()?;
        for address in [exporter, alertmanager, prometheus] {
            wait_until_it_answers(bench, address)?;
        }
        Ok(Self(processes))
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.0.iter().map(Process::pid).collect()
    }
}

/// A command that runs its arguments, with Debian's templates where Debian's Alertmanager looks for
/// them. The package is unpacked and not installed, so they are put there in a namespace of its own.
fn with_templates(package: &Path) -> Command {
    let script = "mount -t tmpfs none /usr/share && ln -s \"$1/usr/share/prometheus\" /usr/share/ \
                  && shift && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(package);
    command
}

const ALERTMANAGER: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";

fn prometheus_settings(
    prometheus: SocketAddr,
    exporter: SocketAddr,
    alertmanager: SocketAddr,
) -> String {
    format!(
        "global: {{scrape_interval: 15s}}\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}\n\
         scrape_configs:\n\
         - job_name: all\n  \
           static_configs: [{{targets: ['{prometheus}', '{exporter}', '{alertmanager}']}}]\n"
    )
}

/// Ports that are free now; held together so that they differ.
pub(crate) fn free_addresses() -> anyhow::Result<[SocketAddr; 3]> {
    let listen = || TcpListener::bind("127.0.0.1:0").context("no free port");
    let held = [listen()?, listen()?, listen()?];
    let address =
        |listener: &TcpListener| listener.local_addr().context("a listener has no address");
    Ok([address(&held[0])?, address(&held[1])?, address(&held[2])?])
}

pub(crate) fn write(bench: &Bench, path: &Path, text: &str) -> anyhow::Result<PathBuf> {
    let file = bench.env.disk.create(path);
    let mut file = file.with_context(|| format!("cannot create {}", path.display()))?;
    file.append(text.as_bytes())?;
    Ok(path.to_owned())
}

pub(crate) fn flag(name: &str, path: &Path) -> std::ffi::OsString {
    [OsStr::new(name), path.as_os_str()].into_iter().collect()
}

fn wait_until_it_answers(bench: &Bench, address: SocketAddr) -> anyhow::Result<()> {
    let deadline = bench.env.clock.monotonic() + START_MAX;
    let answers = || Connection::open(address)?.exchange(&http::get("/metrics"));
    while let Err(error) = answers() {
        // Answers of unknown length are answers too: these programs chunk what is large.
        if error.to_string().contains("how long") {
            break;
        }
        if bench.env.clock.monotonic() > deadline {
            bail!("the peer at {address} does not answer: {error:#}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
