//! `pharos tsdb import`: samples from files or another server into the data directory of a stopped
//! server.
//!
//! Sources hand series with samples to [`Intake`], which leaves out what no server would take,
//! counts why, and gives the rest to the store's importer. What cannot be read at all ends the
//! import, and nothing of it is kept.

mod fetch;
mod files;

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::Context as _;
use model::{Labels, Sample};
use stdx::Env;
use storage::{LimitError, Limits, PUSH_AHEAD_MAX_MS};
use tsdb::{Imported, Importer};

use super::args::ImportArgs;
use super::held;

/// Imports and sums up in a line on standard error.
///
/// # Errors
/// Something could not be read or written; nothing of the import is kept then.
pub(super) fn run(args: &ImportArgs) -> anyhow::Result<()> {
    let env = Env::system();
    let began = env.clock.monotonic();
    let dir = &args.place.data_dir;
    let memory_bytes = usize::try_from(args.memory_mib << 20).unwrap_or(usize::MAX);
    let importer = Importer::open(dir, &env, memory_bytes).map_err(|error| held(error, dir))?;
    let mut intake = Intake::new(importer, env.clock.now_ms());
    let read = match &args.remote_read {
        Some(url) => fetch::fetch(url, args, env.clock.now_ms(), &mut intake),
        None => args.files.iter().try_for_each(|file| files::read(file, args.format, &mut intake)),
    };
    read.context("nothing was imported")?;
    let Intake { importer, skipped, .. } = intake;
    let imported = importer.finish().context("nothing was imported")?;
    let seconds = env.clock.monotonic().saturating_sub(began).as_secs_f64();
    let line = summary(&imported, &skipped, seconds);
    writeln!(std::io::stderr(), "{line}").context("cannot write to standard error")
}

/// How often something was left out, by reason.
type Skipped = BTreeMap<&'static str, u64>;

fn summary(imported: &Imported, skipped: &Skipped, seconds: f64) -> String {
    let Imported { n_series, n_samples, n_superseded, n_blocks, n_bytes } = imported;
    let mut reasons: Vec<String> =
        skipped.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    if *n_superseded > 0 {
        reasons.push(format!("{n_superseded} superseded"));
    }
    let n_skipped = skipped.values().sum::<u64>() + n_superseded;
    let why = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    format!(
        "{n_series} series, {n_samples} samples, {n_skipped} skipped{why}, \
         {n_blocks} blocks, {n_bytes} bytes, {seconds:.1} s"
    )
}

/// Where sources put samples.
struct Intake {
    importer: Importer,
    limits: Limits,
    /// Samples after this moment have a wrong time, Unix milliseconds.
    latest_ms: i64,
    skipped: Skipped,
    kept: Vec<Sample>,
}

impl Intake {
    fn new(importer: Importer, now_ms: i64) -> Self {
        let latest_ms = now_ms.saturating_add(PUSH_AHEAD_MAX_MS);
        let (limits, skipped, kept) = (Limits::default(), Skipped::new(), Vec::new());
        Self { importer, limits, latest_ms, skipped, kept }
    }

    /// Takes samples of a series, but those that no server would take.
    fn add(&mut self, labels: &Labels, samples: &[Sample]) -> anyhow::Result<()> {
        if let Err(error) = self.limits.check_labels(labels) {
            self.skip(error.reason(), samples.len());
            return Ok(());
        }
        let is_ahead = |sample: &&Sample| sample.t_ms > self.latest_ms;
        let n_ahead = samples.iter().filter(is_ahead).count();
        if n_ahead == 0 {
            return Ok(self.importer.add(labels, samples)?);
        }
        self.skip(LimitError::TooFarAhead { ahead_ms: 0 }.reason(), n_ahead);
        self.kept.clear();
        self.kept.extend(samples.iter().filter(|sample| sample.t_ms <= self.latest_ms));
        Ok(self.importer.add(labels, &self.kept)?)
    }

    /// Counts samples that are left out.
    fn skip(&mut self, reason: &'static str, n: usize) {
        if n > 0 {
            *self.skipped.entry(reason).or_default() += n as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use tsdb::Imported;

    use super::{Skipped, summary};

    #[test]
    fn the_summary_says_why_samples_were_left_out() {
        let imported =
            Imported { n_series: 2, n_samples: 9, n_superseded: 1, n_blocks: 3, n_bytes: 400 };
        let skipped = Skipped::from([("nul", 2), ("too_far_ahead", 4)]);
        assert_eq!(
            summary(&imported, &skipped, 1.25),
            "2 series, 9 samples, 7 skipped (2 nul, 4 too_far_ahead, 1 superseded), \
             3 blocks, 400 bytes, 1.2 s"
        );
        let nothing = summary(&Imported::default(), &Skipped::new(), 0.0);
        assert!(nothing.starts_with("0 series, 0 samples, 0 skipped, 0 blocks"), "{nothing}");
    }
}
