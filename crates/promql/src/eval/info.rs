//! `info`: labels of info metrics, such as `target_info`, added to the series of the same target.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use model::{Labels, METRIC_NAME, MatchOp, Matcher, Sample, is_stale_marker};

use super::answer::{Point, QueryError, unfit};
use super::budget::{Budget, LABELS_WORK};
use super::collect::Collector;
use super::evaluator::Evaluator;
use super::labels;
use super::row::{Row, StepView};
use super::select::{Reference, passed};
use super::steps::Steps;
use super::window::Ranged;
use crate::ast::{Call, Expr};

/// The labels that name a target.
const IDENTIFYING: [&str; 2] = ["instance", "job"];
/// What it takes to add the labels of one info metric, of which each makes a label set.
const ENRICHING_WORK: usize = 16 * LABELS_WORK;

/// What the second argument asks for.
struct Wanted {
    /// Of the names of info metrics.
    names: Vec<Matcher>,
    /// Of their other labels.
    data: Vec<Matcher>,
}

impl Wanted {
    fn new(arg: Option<&Expr>) -> Self {
        let matchers = match arg {
            Some(Expr::Vector(node)) => node.matchers.clone(),
            _ => Vec::new(),
        };
        let (mut names, data): (Vec<_>, Vec<_>) =
            matchers.into_iter().partition(|matcher| matcher.name == METRIC_NAME);
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, "target_info"));
        } else if names.iter().all(|matcher| matcher.op().is_negative()) {
            let any = Matcher::new(METRIC_NAME, MatchOp::Match, ".+_info");
            names.push(any.expect("this expression is one"));
        }
        Self { names, data }
    }

    fn matchers(&self) -> Vec<Matcher> {
        self.names.iter().chain(&self.data).cloned().collect()
    }

    /// Whether a series is an info metric itself.
    fn is_info(&self, labels: &Labels) -> bool {
        self.names.iter().all(|matcher| matcher.matches(labels))
    }

    /// Whether series without info stay.
    fn keeps_bare(&self) -> bool {
        self.data.iter().all(Matcher::matches_absent)
    }

    /// Whether this label of an info metric is added.
    fn adds(&self, name: &str) -> bool {
        if name == METRIC_NAME || IDENTIFYING.contains(&name) {
            return false;
        }
        self.data.is_empty() || self.data.iter().any(|matcher| matcher.name == name)
    }
}

/// The info metrics of a target, by their names.
type Infos<'i> = BTreeMap<&'i str, (&'i Labels, i64)>;

impl Evaluator<'_> {
    /// `info(v, {matchers})`
    pub(super) fn info(&mut self, node: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let base = self.eval_as_rows(&node.args[0], steps)?;
        let wanted = Wanted::new(node.args.get(1).map(super::evaluator::args_alone));
        let chain = self.references(&node.args[0])?;
        let time_of = |t_ms: i64| chain.iter().fold(t_ms, |t_ms, reference| reference.of(t_ms));
        let lookback_ms = self.options.lookback_ms;
        let start_ms = time_of(steps.start_ms).saturating_sub(lookback_ms).saturating_add(1);
        let infos = self.load(&wanted.matchers(), start_ms, time_of(steps.last_ms()))?;
        let mut target = |labels: &Labels| {
            self.budget.work(LABELS_WORK)?;
            Ok(labels::only(labels, &IDENTIFYING.map(str::to_owned)))
        };
        let targets = infos.iter().map(|info| target(&info.labels));
        let targets = targets.collect::<Result<Vec<Labels>, QueryError>>()?;
        let of_base = base.iter().map(|row| target(&row.labels));
        let of_base = of_base.collect::<Result<Vec<Labels>, QueryError>>()?;
        let mut n_read = vec![0; infos.len()];
        let mut out = Collector::default();
        let (mut view, mut now) = (StepView::new(&base), Vec::new());
        for t_ms in steps.times() {
            self.budget.check_stop()?;
            view.at(t_ms, &mut now);
            let read_ms = time_of(t_ms);
            self.budget.work(base.len())?;
            let found =
                found((&infos, &targets), &mut n_read, (read_ms, lookback_ms), &mut self.budget)?;
            self.take_points(now.len())?;
            for (row, value) in &now {
                self.budget.work(LABELS_WORK)?;
                let row_labels = &base[*row].labels;
                let of_target = found.get(&of_base[*row]);
                let labels = match (wanted.is_info(row_labels), of_target) {
                    (true, _) => Some(row_labels.clone()),
                    (false, Some(infos)) => {
                        self.budget.work(infos.len() * ENRICHING_WORK)?;
                        Some(enriched(&wanted, row_labels, infos)?)
                    }
                    (false, None) => wanted.keeps_bare().then(|| row_labels.clone()),
                };
                if let Some(labels) = labels {
                    let place = out.place(&labels);
                    let point = Point { t_ms, value: (*value).clone() };
                    out.add(place, base[*row].drops_name, point)?;
                }
            }
        }
        Ok(out.rows())
    }

    /// Which times the first selector within an expression reads: from the outermost subquery
    /// inwards.
    fn references(&self, expr: &Expr) -> Result<Vec<Reference>, QueryError> {
        let mut waiting = vec![(expr, Vec::new())];
        while let Some((expr, mut chain)) = waiting.pop() {
            match expr {
                Expr::Vector(node) => {
                    chain.push(self.reference(node)?);
                    return Ok(chain);
                }
                Expr::Matrix(node) => {
                    chain.push(self.reference(&node.selector)?);
                    return Ok(chain);
                }
                Expr::Subquery(node) => chain.push(Reference {
                    at_ms: self.at_ms(node.at),
                    offset_ms: node.offset.ms(self.whole.times)?,
                }),
                _ => {}
            }
            let children = expr.children().into_iter().rev();
            waiting.extend(children.map(|child| (child, chain.clone())));
        }
        Ok(Vec::new())
    }
}

/// The info metrics of each target at a time: of each name the one with the newest sample.
fn found<'i>(
    (infos, targets): (&'i [Ranged], &'i [Labels]),
    n_read: &mut [usize],
    (read_ms, lookback_ms): (i64, i64),
    budget: &mut Budget,
) -> Result<HashMap<&'i Labels, Infos<'i>>, QueryError> {
    let mut found: HashMap<&Labels, Infos<'_>> = HashMap::new();
    for ((info, target), n_read) in infos.iter().zip(targets).zip(n_read) {
        budget.work(LABELS_WORK)?;
        if !info.histograms.is_empty() {
            return unfit("this should be an info metric, with float samples");
        }
        *n_read = passed(&info.samples, *n_read, |sample| sample.t_ms <= read_ms);
        let last = n_read.checked_sub(1).map(|last| &info.samples[last]);
        let is_fresh = |sample: &&Sample| {
            sample.t_ms > read_ms.saturating_sub(lookback_ms) && !is_stale_marker(sample.value)
        };
        let Some(last) = last.filter(is_fresh) else { continue };
        let of_target = found.entry(target).or_default();
        let name = info.labels.metric_name();
        match of_target.get(name) {
            Some((_, t_ms)) if *t_ms > last.t_ms => continue,
            Some((other, t_ms)) if *t_ms == last.t_ms => {
                return unfit(format!(
                    "found duplicate series for info metric: existing {} @ {t_ms}, new {} @ {}",
                    labels::text(other),
                    labels::text(&info.labels),
                    last.t_ms
                ));
            }
            _ => {}
        }
        of_target.insert(name, (&info.labels, last.t_ms));
    }
    Ok(found)
}

/// The labels of a series with those of its target's info metrics. Its own win.
fn enriched(
    wanted: &Wanted,
    base: &Arc<Labels>,
    infos: &Infos<'_>,
) -> Result<Arc<Labels>, QueryError> {
    let mut labels = Labels::clone(base);
    let mut added: HashSet<&str> = HashSet::new();
    for (info, _) in infos.values() {
        for label in info.iter().filter(|label| wanted.adds(&label.name)) {
            if base.get(&label.name).is_some() {
                continue;
            }
            if !added.insert(&label.name) {
                if labels.get(&label.name) != Some(&label.value) {
                    return unfit(format!("conflicting label: {}", label.name));
                }
                continue;
            }
            labels = labels.with(&label.name, &label.value);
        }
    }
    Ok(Arc::new(labels))
}
