//! Server: a running `pharos` of our own, with its own data directory and ports.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Client;
use crate::keeper::Keeper;
use crate::place::NO_GRPC;
use crate::wait::eventually_some;

/// How long a server may take until it says where it listens, on a busy machine.
const START_DEADLINE: Duration = Duration::from_secs(20);
/// How long it may take to stop after it was asked to.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// How a server is to be started.
#[derive(Debug, Default)]
pub struct Starting {
    arguments: Vec<OsString>,
    variables: Vec<(String, String)>,
    config: Option<String>,
    data_dir: Option<PathBuf>,
    anywhere: bool,
}

impl Starting {
    /// Adds a flag or its value.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable; the environment is otherwise empty but for the one that leaves the port of
    /// gRPC alone, which a file that speaks of that port does without.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Writes this text as the configuration file.
    pub fn config(mut self, toml: &str) -> Self {
        self.config = Some(toml.into());
        self
    }

    /// Uses data that is there already. The directory is the caller's and stays.
    pub fn data_dir(mut self, dir: &Path) -> Self {
        self.data_dir = Some(dir.to_owned());
        self
    }

    /// Gives no `--listen`: where to listen is what the test is about.
    pub fn without_listen(mut self) -> Self {
        self.anywhere = true;
        self
    }

    /// Starts it and waits until it says where it listens.
    ///
    /// # Panics
    /// When it does not, with everything it said.
    pub fn start(self) -> Server {
        let dir = tempfile::Builder::new().prefix("pharos-e2e-").tempdir().unwrap();
        let was_there = self.data_dir.is_some();
        let data_dir = self.data_dir.unwrap_or_else(|| dir.path().join("data"));
        let log = dir.path().join("stderr.log");
        let config = dir.path().join("pharos.toml");
        let mut command = Command::new(crate::binary());
        let speaks_of_grpc = self.config.as_ref().is_some_and(|text| text.contains("grpc_listen"));
        command.env_clear().envs((!speaks_of_grpc).then_some(NO_GRPC)).envs(self.variables);
        command.arg("--data-dir").arg(&data_dir);
        if !self.anywhere {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if let Some(text) = self.config {
            fs::write(&config, text).unwrap();
            command.arg("--config").arg(&config);
        }
        command.args(self.arguments).current_dir(dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut process = command.spawn().expect("the binary runs");
        let keeper = Keeper::of(process.id(), dir.path());
        let stdout = process.stdout.take().expect("standard output is a pipe");
        let mut server = Server {
            process,
            keeper,
            addresses: Vec::new(),
            metrics_only: Vec::new(),
            banner: String::new(),
            data_dir,
            config,
            log,
            dir,
        };
        server.read_banner(stdout);
        if was_there {
            server.wait_until_warm();
        }
        server
    }
}

/// A running server. Dropping it kills it and removes its data.
#[derive(Debug)]
pub struct Server {
    process: Child,
    keeper: Keeper,
    addresses: Vec<SocketAddr>,
    metrics_only: Vec<SocketAddr>,
    banner: String,
    data_dir: PathBuf,
    config: PathBuf,
    log: PathBuf,
    dir: TempDir,
}

impl Server {
    /// One with all defaults, on a port of its own.
    pub fn start() -> Self {
        Starting::default().start()
    }

    /// One with this configuration file.
    pub fn with_config(toml: &str) -> Self {
        Starting::default().config(toml).start()
    }

    /// Waits until it has read back what was there: it answers before.
    fn wait_until_warm(&self) {
        let path = "/-/ready";
        eventually_some(START_DEADLINE, "the server reads back what it has", || {
            let answer = self.client().get(path);
            (!answer.text().contains("warming")).then_some(())
        });
    }

    /// A client of its first listener.
    pub fn client(&self) -> Client {
        Client::new(self.addresses[0])
    }

    /// Where everything is served.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where `/metrics` alone is served.
    pub fn metrics_only(&self) -> &[SocketAddr] {
        &self.metrics_only
    }

    /// The lines it began with.
    pub fn banner(&self) -> &str {
        &self.banner
    }

    /// Its data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// A directory of its own that goes away with it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Replaces the configuration file; the server reads it at the next [`Server::reload`].
    pub fn write_config(&self, toml: &str) {
        fs::write(&self.config, toml).unwrap();
    }

    /// Asks it to read its configuration again.
    pub fn reload(&self) {
        self.signal(Signal::HUP);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("our own server takes signals");
    }

    /// Asks it to stop and waits for its end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn stop(&mut self) -> ExitStatus {
        self.keeper.dismiss();
        self.signal(Signal::TERM);
        eventually_some(STOP_DEADLINE, "the server stops after SIGTERM", || {
            self.process.try_wait().unwrap()
        })
    }

    /// Takes it away without a word, as a power cut does to a process.
    pub fn kill(&mut self) {
        self.keeper.dismiss();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Reads the first lines; later ones are read too, so that the pipe never fills.
    fn read_banner(&mut self, stdout: impl std::io::Read + Send + 'static) {
        let (sender, lines) = mpsc::sync_channel::<String>(64);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.try_send(line);
            }
        });
        while let Ok(line) = lines.recv_timeout(START_DEADLINE) {
            self.banner.push_str(&line);
            self.banner.push('\n');
            self.note_address(line.trim());
            if line.trim().starts_with("data ") {
                return;
            }
        }
        let ended = self.process.try_wait().ok().flatten();
        panic!("the server did not start ({ended:?}); it said:\n{}{}", self.banner, self.log());
    }

    fn note_address(&mut self, line: &str) {
        let address = |url: &str| -> Option<SocketAddr> {
            let (host, _) = url.strip_prefix("http://")?.split_once('/')?;
            host.replace("localhost", "127.0.0.1").parse().ok()
        };
        let mut words = line.split_whitespace();
        match (words.next(), words.next().and_then(address), words.next()) {
            (Some("dashboard"), Some(at), None) => self.addresses.push(at),
            (Some("metrics"), Some(at), Some("(only)")) => self.metrics_only.push(at),
            _ => {}
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- what the server logged:\n{}", self.log());
        }
    }
}
