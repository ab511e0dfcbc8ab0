//! Tally: what is found of a round after a restart, held against its ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use e2e::Client;
use serde_json::Value;

use super::ledger::{KINDS, Mark, Round, Sent};
use super::load::service_of;
use crate::shared::list;

/// The most rows a list may have; a list that is this long may have been cut.
const LIST_MAX: usize = 100_000;

/// What the server lists of one round, by kind.
pub(super) type Kept = [Vec<(String, Mark)>; KINDS.len()];

/// Asks for everything of one round.
pub(super) fn read_back(client: &Client, round: u32) -> Kept {
    let service = service_of(round);
    let whole = |path: &str| {
        let rows = list(client, &format!("{path}limit={LIST_MAX}"));
        assert!(rows.len() < LIST_MAX, "{path} has more rows than a list can have");
        rows
    };
    let metrics = whole(&format!("/metrics/?service={service}&hours=24&"));
    let pipelines = whole(&format!("/pipelines/?service={service}&"));
    let alerts = whole(&format!("/alerts/?service={service}&"));
    let services = whole("/services/?");
    let of_round = format!("round-{round}-");
    [
        metrics.iter().filter_map(|row| metric(row, "single")).collect(),
        metrics.iter().filter_map(|row| metric(row, "batched")).collect(),
        services.iter().filter_map(|row| last_report(row, &of_round)).collect(),
        pipelines.iter().map(|row| (text(row, "pipeline_type"), id(row))).collect(),
        alerts.iter().filter_map(failure).collect(),
        alerts.iter().filter(|row| row["pipeline_run"].is_null()).map(alert).collect(),
        alerts.iter().filter_map(acknowledgement).collect(),
    ]
}

fn metric(row: &Value, how: &str) -> Option<(String, Mark)> {
    let metric_type = row["metric_type"].as_str()?;
    let value = row["value"].as_f64()?;
    let name = || (format!("{metric_type} {value}"), ms_of_day(&text(row, "timestamp")));
    metric_type.starts_with(how).then(name)
}

fn last_report(row: &Value, of_round: &str) -> Option<(String, Mark)> {
    let name = row["name"].as_str().filter(|name| name.starts_with(of_round))?;
    let (_, n) = row["endpoint"].as_str()?.rsplit_once(':')?;
    Some((name.to_owned(), n.parse().expect("endpoints end with a number")))
}

fn failure(row: &Value) -> Option<(String, Mark)> {
    Some((text(row, "message"), row["pipeline_run"].as_i64()?))
}

fn alert(row: &Value) -> (String, Mark) {
    (text(row, "title"), id(row))
}

fn acknowledgement(row: &Value) -> Option<(String, Mark)> {
    let user = row["acknowledged_by"].as_str()?;
    Some((text(row, "title"), user.parse().expect("users are numbers of clients")))
}

fn id(row: &Value) -> Mark {
    row["id"].as_i64().expect("every row has an id")
}

fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or_else(|| panic!("no {field} in {row}")).to_owned()
}

/// The time of day of an RFC 3339 text in UTC, milliseconds.
fn ms_of_day(text: &str) -> Mark {
    let (_, time) = text.split_once('T').expect("a date and a time");
    let time = time.trim_end_matches('Z').trim_end_matches("+00:00");
    let fields: Vec<f64> = time.split(':').map(|field| field.parse().expect("a number")).collect();
    let [h, min, s] = fields[..] else { panic!("not a time: {text}") };
    (((h * 60.0 + min) * 60.0 + s) * 1000.0).round() as Mark
}

/// How one or more rounds were kept, by kind.
#[derive(Debug, Default)]
pub(crate) struct Tally([Kind; KINDS.len()]);

#[derive(Debug, Default)]
struct Kind {
    n_acknowledged: usize,
    n_found: usize,
    /// Acknowledged and not there, or there with another mark.
    lost: Vec<String>,
    /// There more than once.
    doubled: Vec<String>,
    /// There although never sent.
    invented: Vec<String>,
    /// Part of a request that is there in parts only.
    torn: Vec<String>,
}

impl Tally {
    pub(super) fn of(round: &Round, kept: &Kept) -> Self {
        let sent = round.sent.kinds();
        let mut kinds: [Kind; KINDS.len()] =
            std::array::from_fn(|i| Kind::of(sent[i], &kept[i], KINDS[i] == "services"));
        for (kind, name) in kinds.iter_mut().zip(KINDS) {
            kind.name_findings(round.number, name);
        }
        Self(kinds)
    }

    pub(super) fn absorb(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.n_acknowledged += theirs.n_acknowledged;
            mine.n_found += theirs.n_found;
            mine.lost.extend(theirs.lost);
            mine.doubled.extend(theirs.doubled);
            mine.invented.extend(theirs.invented);
            mine.torn.extend(theirs.torn);
        }
    }

    /// Fails unless everything is there, once, and nothing else.
    #[track_caller]
    pub(crate) fn expect_whole(&self) -> &Self {
        let found = |pick: fn(&Kind) -> &Vec<String>| -> Vec<&String> {
            self.0.iter().flat_map(pick).take(20).collect()
        };
        let none: Vec<&String> = Vec::new();
        assert_eq!(found(|kind| &kind.lost), none, "acknowledged and lost\n{self}");
        assert_eq!(found(|kind| &kind.doubled), none, "kept twice\n{self}");
        assert_eq!(found(|kind| &kind.invented), none, "never sent\n{self}");
        assert_eq!(found(|kind| &kind.torn), none, "kept in parts\n{self}");
        self
    }

    /// Fails unless some of each kind was acknowledged: one life on a busy machine may be too short
    /// for that, many are not.
    #[track_caller]
    pub(crate) fn expect_load(&self) {
        assert!(self.0.iter().all(|kind| kind.n_acknowledged > 0), "too short a load\n{self}");
    }
}

impl Kind {
    /// A later report of a service than the last acknowledged one may have been taken.
    fn of(sent: &Sent, kept: &[(String, Mark)], later_is_fine: bool) -> Self {
        let mut tally = Self { n_acknowledged: sent.acknowledged.len(), ..Self::default() };
        let unknown: BTreeSet<&String> = sent.unknown.iter().flatten().collect();
        let mut found = BTreeMap::new();
        for (name, mark) in kept {
            if found.insert(name, *mark).is_some() {
                tally.doubled.push(name.clone());
            }
            if !sent.acknowledged.contains_key(name) && !unknown.contains(name) {
                tally.invented.push(name.clone());
            }
        }
        for (name, mark) in &sent.acknowledged {
            let is_right = |kept: &Mark| kept == mark || (later_is_fine && kept > mark);
            match found.get(name) {
                Some(kept) if is_right(kept) => tally.n_found += 1,
                Some(kept) => tally.lost.push(format!("{name} (has {kept}, not {mark})")),
                None => tally.lost.push(name.clone()),
            }
        }
        for request in &sent.unknown {
            let n_there = request.iter().filter(|name| found.contains_key(name)).count();
            if n_there != 0 && n_there != request.len() {
                let first = request.first().map_or("", String::as_str);
                tally.torn.push(format!("{n_there} of {} from {first} on", request.len()));
            }
        }
        tally
    }

    fn name_findings(&mut self, round: u32, kind: &str) {
        let lists = [&mut self.lost, &mut self.doubled, &mut self.invented, &mut self.torn];
        for finding in lists.into_iter().flatten() {
            *finding = format!("round {round}, {kind}: {finding}");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, name) in self.0.iter().zip(KINDS) {
            let Kind { n_acknowledged, n_found, lost, .. } = kind;
            let n_lost = lost.len();
            writeln!(f, "{name}: acknowledged {n_acknowledged} found {n_found} lost {n_lost}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Sent};

    /// Sends a, b = 2 and, unanswered in one request, c and d; then keeps these.
    fn tally(kept: &[(&str, i64)]) -> Kind {
        let mut sent = Sent::default();
        let item = |name: &str, mark| (name.to_owned(), mark);
        sent.note(true, [item("a", 1), item("b", 2)].into_iter());
        sent.note(false, [item("c", 0), item("d", 0)].into_iter());
        let kept: Vec<_> = kept.iter().map(|(name, mark)| item(name, *mark)).collect();
        Kind::of(&sent, &kept, false)
    }

    #[test]
    fn every_way_of_keeping_badly_is_found() {
        let good = tally(&[("a", 1), ("b", 2), ("c", 7), ("d", 8)]);
        assert_eq!((good.n_acknowledged, good.n_found), (2, 2));
        assert!([good.lost, good.doubled, good.invented, good.torn].concat().is_empty());
        assert_eq!(tally(&[("b", 2)]).lost, ["a"]);
        assert_eq!(tally(&[("a", 1), ("b", 3)]).lost, ["b (has 3, not 2)"]);
        assert_eq!(tally(&[("a", 1), ("b", 2), ("a", 1)]).doubled, ["a"]);
        assert_eq!(tally(&[("a", 1), ("b", 2), ("e", 1)]).invented, ["e"]);
        assert_eq!(tally(&[("a", 1), ("b", 2), ("d", 1)]).torn, ["1 of 2 from c on"]);
    }
}
