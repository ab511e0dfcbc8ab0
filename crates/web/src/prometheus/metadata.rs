//! `metadata`: what senders have said of metrics, and what this host's own are.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use model::{Family, Metadata};
use utoipa::IntoParams;

use super::envelope::{Notes, Success};
use super::failure::{Failure, FailureBody};
use super::form::Fields;
use super::json;
use super::pieces::Pieces;
use super::run::{Ran, run};
use crate::state::Shared;

/// Which metrics.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct MetadataParameters {
    /// The only metric to tell of.
    #[param(example = "up")]
    metric: Option<String>,
    /// The most metrics.
    limit: Option<i64>,
    /// The most of each metric; 0 for all, of which there is one.
    limit_per_metric: Option<i64>,
}

/// What kind of metric each is, its help and its unit.
#[utoipa::path(
    get, path = "/api/v1/metadata", tag = "prometheus", params(MetadataParameters),
    responses(
        (status = 200, description = "`data` has a list for each metric", body = Object),
        (status = 400, body = FailureBody), (status = 503, body = FailureBody),
    )
)]
pub(crate) async fn metadata(
    State(shared): State<Shared>,
    form: Fields,
) -> Result<Response, Failure> {
    let limit = number(&form, "limit")?;
    number(&form, "limit_per_metric")?;
    let metric = form.get("metric").map(str::to_owned);
    let on_thread = Shared::clone(&shared);
    let work = move |_| {
        let told = on_thread.querier.metadata(metric.as_deref())?;
        Ok(with_own(told, &own(&on_thread), metric.as_deref()))
    };
    let Ran { value: mut all, .. } = run(&shared, shared.queries.timeout, work).await?;
    all.truncate(limit.unwrap_or(usize::MAX));
    let lists = Lists { all: all.into_iter(), n_written: 0 };
    Ok(Success::new(lists, Notes::default()).send(form.encoding))
}

/// The families that this server stores by itself: none where it reads no host.
fn own(shared: &Shared) -> Vec<Family> {
    let Some(host) = &shared.host else { return Vec::new() };
    let snapshot = host.latest();
    let of_host = snapshot.iter().flat_map(|snapshot| snapshot.families.iter().map(without_points));
    of_host.chain((shared.own_families)()).collect()
}

/// What a family is; its points can be many.
fn without_points(family: &Family) -> Family {
    Family::new(family.name.clone(), family.help.clone(), family.kind)
}

/// What senders told, and beside it what our own families are, by name. Of one that both know, the
/// sender's word stays.
fn with_own(
    told: Vec<(String, Metadata)>,
    own: &[Family],
    metric: Option<&str>,
) -> Vec<(String, Metadata)> {
    let wanted = own.iter().filter(|family| metric.is_none_or(|metric| family.name == metric));
    let of = |family: &Family| {
        let (kind, help) = (family.kind.into(), family.help.clone().into_owned());
        (family.name.clone().into_owned(), Metadata { kind, help, unit: String::new() })
    };
    let mut all: BTreeMap<String, Metadata> = wanted.map(of).collect();
    all.extend(told);
    all.into_iter().collect()
}

/// A number; below 0 it means that there is no bound.
pub(super) fn number(form: &Fields, name: &str) -> Result<Option<usize>, Failure> {
    let Some(text) = form.get(name) else { return Ok(None) };
    let number = text.parse::<i64>();
    number
        .map(|n| usize::try_from(n).ok())
        .map_err(|_| Failure::bad(format!("{name} must be a number")))
}

/// An object with a list for each metric.
struct Lists {
    all: std::vec::IntoIter<(String, Metadata)>,
    n_written: usize,
}

impl Pieces for Lists {
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        let is_first = self.n_written == 0;
        let Some((metric, said)) = self.all.next() else {
            out.extend_from_slice(if is_first { b"{}" } else { b"}" });
            return false;
        };
        out.push(if is_first { b'{' } else { b',' });
        self.n_written += 1;
        json::text(out, &metric);
        out.extend_from_slice(b":[");
        write(out, &said);
        out.push(b']');
        true
    }
}

fn write(out: &mut Vec<u8>, said: &Metadata) {
    out.extend_from_slice(b"{\"type\":");
    json::text(out, said.kind.as_str());
    out.extend_from_slice(b",\"unit\":");
    json::text(out, &said.unit);
    out.extend_from_slice(b",\"help\":");
    json::message(out, &said.help);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use model::{Family, Metadata, MetadataKind, MetricKind};

    use super::with_own;

    #[test]
    fn own_families_stand_beside_what_senders_told() {
        let told = |help: &str| Metadata { help: help.to_owned(), ..Metadata::default() };
        let own = [
            Family::new("b", "Ours.", MetricKind::Counter),
            Family::new("a", "Ours, too.", MetricKind::Gauge),
        ];
        let senders = vec![("a".to_owned(), told("Theirs.")), ("c".to_owned(), told("Theirs."))];
        let all = with_own(senders, &own, None);
        let short: Vec<(&str, &str)> =
            all.iter().map(|(name, said)| (name.as_str(), said.help.as_str())).collect();
        assert_eq!(short, [("a", "Theirs."), ("b", "Ours."), ("c", "Theirs.")]);
        assert_eq!(all[1].1.kind, MetadataKind::Counter);
        assert_eq!(with_own(Vec::new(), &own, Some("a")).len(), 1);
        assert!(with_own(Vec::new(), &own, Some("other")).is_empty());
    }
}
