//! Rot: between two lives a copy of the disk is damaged, and a store is opened on it.
//!
//! It opens. It answers nothing that was not written at that time of that series. It lacks no more
//! than what the damaged file held, and what it lacks, it counts. Neither upkeep nor the next life
//! loses more. The run itself goes on with the sound disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Labels, Sample};
use stdx::{Clock as _, Disk as _, Env};
use storage::memory::MemoryStore;
use storage::{Appender as _, Row, Series};
use tsdb::{Config, Db, Health};

use super::checks::{difference, everything, list, read, sample_at, without};
use super::settings::DIR;
use super::{Outcome, Simulator};
use crate::{Faults, SimDisk, SimRandomness};

/// How often a copy is damaged, of a thousand stops.
const PROBED_PER_MILLE: u32 = 400;
/// Copies that are damaged then.
const COPIES: u64 = 2;

/// Everything that was ever written.
#[derive(Debug, Default)]
pub(super) struct Ever(BTreeMap<Labels, BTreeMap<i64, Vec<Sample>>>);

impl Ever {
    /// Notes rows.
    pub(super) fn add(&mut self, rows: &[Row]) {
        for Row { labels, sample } in rows {
            let times = self.0.entry(labels.clone()).or_default();
            times.entry(sample.t_ms).or_default().push(*sample);
        }
    }

    /// The samples that were never written.
    fn invented(&self, found: &[Series]) -> Vec<Series> {
        let mut invented = found.to_vec();
        for series in &mut invented {
            let times = self.0.get(&series.labels);
            series.samples.retain(|sample| {
                let written = times.and_then(|times| times.get(&sample.t_ms));
                written.is_none_or(|all| !all.iter().any(|known| known.same_bits(sample)))
            });
        }
        invented.retain(|series| !series.samples.is_empty());
        invented
    }
}

/// What was done to a file.
#[derive(Debug, Clone)]
struct Harm {
    path: PathBuf,
    n_bytes: usize,
    /// The bit that is another one, or where the file ends now.
    flipped: Option<usize>,
    cut_at: Option<usize>,
}

/// A store on a copy of the disk.
struct Life {
    db: Arc<Db>,
    content: Vec<Series>,
}

impl Life {
    /// Opens and reads everything.
    fn begin(config: &Config, env: &Env) -> Result<Self, String> {
        let db = Db::open(config.clone(), env).map_err(|e| format!("does not open: {e}"))?;
        db.warm().map_err(|e| format!("does not come back: {e}"))?;
        let content = everything(db.as_ref())?;
        Ok(Self { db, content })
    }

    /// How many losses it has counted.
    fn n_complaints(&self) -> u64 {
        let meter = self.db.meter();
        let recovery = &meter.recovery;
        let counters = [
            &recovery.orphan_samples,
            &recovery.corrupt_frames,
            &recovery.missing_frames,
            &recovery.torn_tails,
            &recovery.damaged_headers,
            &recovery.missing_segments,
            &recovery.damaged_tombstones,
            &recovery.quarantined_blocks,
            &recovery.missing_blocks,
            &recovery.manifests_rebuilt,
            &meter.lost_chunks,
        ];
        counters.into_iter().map(|counter| counter.get()).sum()
    }
}

impl Simulator {
    /// See the head of this file.
    pub(super) fn probe_rot(&mut self) -> Outcome {
        if !self.settings.rots || !self.rng.per_mille(PROBED_PER_MILLE) {
            return Ok(());
        }
        let rest = self.world.disk.fork();
        let Life { db, content: whole } = Life::begin(self.config(), &self.env_of(&rest.fork()))?;
        // Frames that stand twice: the copy in a damaged segment is the one that counts.
        let has_copies = db.meter().recovery.superseded_frames.get() > 0;
        drop(db);
        self.probe_reads(&rest, &whole)?;
        for _ in 0..COPIES {
            let Some(harm) = self.choose_harm(&rest) else { return Ok(()) };
            self.probe_harm(&rest, (&whole, has_copies), &harm)
                .map_err(|what| format!("{what}\nafter {harm:?}"))?;
        }
        Ok(())
    }

    /// The world with another disk. What the store draws there changes nothing here.
    fn env_of(&self, disk: &SimDisk) -> Env {
        Env {
            disk: Arc::new(disk.clone()),
            randomness: Arc::new(SimRandomness::new(self.n_steps as u64)),
            ..self.world.env.clone()
        }
    }

    /// Chooses a file that has something in it, and a place.
    fn choose_harm(&mut self, disk: &SimDisk) -> Option<Harm> {
        let kinds = ["blk", "wal", "MANIFEST", "tombstones.log"];
        let kind = kinds[[0, 0, 0, 1, 1, 1, 2, 3][self.rng.index(8)]];
        let size = |path: &PathBuf| disk.read(path).map_or(0, |bytes| bytes.len());
        let mut paths = disk.paths();
        paths.retain(|path| {
            let is_kind = path.extension().is_some_and(|e| e == kind) || path.ends_with(kind);
            is_kind && !path.starts_with(Path::new(DIR).join("snapshots")) && size(path) > 0
        });
        if paths.is_empty() {
            return None;
        }
        let path = self.rng.pick(&paths).clone();
        let n_bytes = size(&path);
        let (mut flipped, mut cut_at) = (None, None);
        if self.rng.per_mille(800) {
            flipped = Some(self.rng.index(8 * n_bytes));
        } else {
            cut_at = Some(self.rng.index(n_bytes));
        }
        Some(Harm { path, n_bytes, flipped, cut_at })
    }

    fn probe_harm(&mut self, rest: &SimDisk, whole: (&[Series], bool), harm: &Harm) -> Outcome {
        let disk = rest.fork();
        let mut bytes = disk.read(&harm.path).map_err(|error| error.to_string())?;
        if let Some(bit) = harm.flipped {
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        bytes.truncate(harm.cut_at.unwrap_or(harm.n_bytes));
        disk.put(&harm.path, &bytes);
        let life = Life::begin(self.config(), &self.env_of(&disk))?;
        self.report.n_damaged += 1;
        expect_none("never written", &self.ever.invented(&life.content))?;
        self.judge_loss(rest, whole, harm, &life)?;
        self.probe_upkeep(&disk, life)
    }

    /// What is missing is what the file held, and it is counted.
    fn judge_loss(
        &mut self,
        rest: &SimDisk,
        (whole, has_copies): (&[Series], bool),
        harm: &Harm,
        life: &Life,
    ) -> Outcome {
        let lost = without(whole, &life.content);
        if lost.is_empty() {
            return Ok(());
        }
        self.report.n_losses += 1;
        let is_whole_frames = harm.cut_at.is_some() && is_last_segment(rest, &harm.path);
        if life.n_complaints() == 0 && !is_whole_frames {
            expect_none("lost in silence", &lost)?;
        }
        if has_copies && harm.path.extension().is_some_and(|e| e == "wal") {
            return Ok(());
        }
        let mut expected = Vec::new();
        if harm.path.extension().is_some_and(|e| e == "blk" || e == "wal") {
            let disk = rest.fork();
            disk.remove(&harm.path).map_err(|error| error.to_string())?;
            let without_it = Life::begin(self.config(), &self.env_of(&disk))?;
            expected = without(whole, &without_it.content);
        }
        // What was written over or deleted there may be seen again, and hide what was seen before.
        let mut gone = without(&lost, &expected);
        for series in &mut gone {
            let is_gone = |s: &Sample| sample_at(&life.content, &series.labels, s.t_ms).is_none();
            series.samples.retain(is_gone);
        }
        gone.retain(|series| !series.samples.is_empty());
        expect_none("gone, though they stood elsewhere", &gone)
            .map_err(|what| format!("{what}\nrecovered: {:?}", life.db.meter().recovery))
    }

    /// Neither upkeep nor another life changes what is there.
    fn probe_upkeep(&mut self, disk: &SimDisk, life: Life) -> Outcome {
        let now_ms = self.world.clock.now_ms();
        let Life { db, content } = life;
        let expected = MemoryStore::default();
        for Series { labels, samples, .. } in content {
            let row = |sample: Sample| Row { labels: labels.clone(), sample };
            let _in_memory = expected.append(samples.into_iter().map(row).collect());
        }
        let mut rows = self.traffic.rows(now_ms);
        self.ever.add(&rows);
        // Its store was opened now, ours a while ago.
        let mut floors = self.floors.clone();
        floors.raise(self.config(), now_ms);
        rows.retain(|row| floors.keep(&self.settings.config, &row.labels, row.sample.t_ms));
        if self.config().series == storage::SeriesLimits::default() {
            let appended = db.append(rows.clone());
            if appended.is_ok() && db.commit_once() == Health::Writable {
                let _in_memory = expected.append(rows);
            }
        }
        let expected = everything(&expected)?;
        if self.rng.per_mille(500) {
            let _counted = db.flush(now_ms);
            while db.compact(now_ms).is_ok_and(|merged| merged) {}
            let _counted = db.clean_tombstones();
            compare("upkeep of damaged files", &everything(db.as_ref())?, &expected)?;
        }
        drop(db);
        disk.restart();
        let next = Life::begin(self.config(), &self.env_of(disk))?;
        compare("the life after damage", &next.content, &expected)
    }

    /// While reads fail, answers lack something and say so; then everything is there again.
    fn probe_reads(&mut self, rest: &SimDisk, whole: &[Series]) -> Outcome {
        let disk = rest.fork();
        let life = Life::begin(self.config(), &self.env_of(&disk))?;
        let now_ms = self.world.clock.now_ms();
        disk.set_faults(Faults { read: 200, ..Faults::default() });
        for _ in 0..3 {
            let select = self.traffic.select(now_ms);
            let n_before = life.n_complaints();
            let found = read(life.db.as_ref(), &select);
            let found = found.unwrap_or_default();
            expect_none("never written", &self.ever.invented(&found))?;
            let mut lost = without(whole, &found);
            for series in &mut lost {
                let range = select.start_ms..=select.end_ms;
                series.samples.retain(|sample| range.contains(&sample.t_ms));
            }
            let matches = |s: &Series| select.matchers.iter().all(|m| m.matches(&s.labels));
            lost.retain(|series| !series.samples.is_empty() && matches(series));
            if life.n_complaints() == n_before {
                expect_none("lost in silence to failing reads", &lost)?;
            }
        }
        let _counted = life.db.flush(now_ms);
        let _counted = life.db.compact(now_ms);
        disk.set_faults(Faults::default());
        compare("failing reads", &everything(life.db.as_ref())?, whole)
    }
}

/// Whether nothing says how far a segment reached: then whole frames at its end go unnoticed.
fn is_last_segment(disk: &SimDisk, path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let Some(number) = stem.and_then(|stem| stem.parse::<u64>().ok()) else { return false };
    let next = path.with_file_name(format!("{:010}.wal", number + 1));
    path.extension().is_some_and(|e| e == "wal") && !disk.paths().contains(&next)
}

fn expect_none(what: &str, samples: &[Series]) -> Outcome {
    if samples.is_empty() {
        return Ok(());
    }
    let mut text = format!("{what}:\n");
    list(&mut text, samples);
    Err(text)
}

fn compare(what: &str, found: &[Series], expected: &[Series]) -> Outcome {
    match difference(found, expected) {
        Some(how) => Err(format!("{what}: {how}")),
        None => Ok(()),
    }
}
