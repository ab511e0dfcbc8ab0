//! Query: what answers cost each server, ours and its peers, when all have the same samples and are
//! asked the same in turns. Nothing is answered twice, and answers are compared before they count.

mod answers;
mod compare;
mod cost;
mod data;
mod deaths;
mod hostile;
mod questions;
mod scenes;
mod trio;

pub(crate) use hostile::measure as measure_hostile;

use crate::Bench;
use crate::report::Report;
use questions::Question;
use trio::Trio;

fn ask_all(bench: &Bench, report: &mut Report, trio: &Trio<'_>, questions: &[Question]) {
    for question in questions {
        compare::ask(bench, report, trio, question);
    }
}

/// Two hours of services, queues and hosts.
pub(crate) fn measure_fleet(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let (n_hosts, n_queue_instances) = if bench.size.quick { (10, 50) } else { (50, 500) };
    let trio = Trio::start(bench, "fleet", 7_200, |data| {
        scenes::service(data, n_hosts);
        scenes::queues(data, n_queue_instances);
        scenes::nodes(data, n_hosts);
    })?;
    let n_counters = n_hosts * scenes::N_INSTANCE_COUNTERS;
    let n_gauges = n_queue_instances * scenes::N_INSTANCE_QUEUES;
    ask_all(bench, report, &trio, &questions::of_fleet(n_counters, n_gauges, n_hosts));
    Ok(())
}

/// Many series with few samples.
pub(crate) fn measure_regex(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let n_pods = if bench.size.quick { 20_000 } else { 200_000 };
    let trio = Trio::start(bench, "regex", 60, |data| scenes::pods(data, n_pods))?;
    ask_all(bench, report, &trio, &questions::of_pods(n_pods));
    Ok(())
}

/// Half a day of the devops case.
pub(crate) fn measure_devops(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let (n_hosts, n_hours) = if bench.size.quick { (100, 3) } else { (1000, 12) };
    let trio = Trio::start(bench, "devops", n_hours * 3_600, |data| scenes::devops(data, n_hosts))?;
    ask_all(bench, report, &trio, &questions::of_devops(n_hosts, n_hours));
    Ok(())
}
