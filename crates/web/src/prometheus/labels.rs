//! `series`, `labels` and `label/{name}/values`: what there is to ask for.

use std::collections::BTreeSet;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use model::{Labels, Matcher};
use promql::{QueryError, StopCheck};
use storage::{Querier, Select};
use utoipa::IntoParams;

use super::envelope::{Notes, Success};
use super::failure::{Failure, FailureBody};
use super::form::Fields;
use super::names::unescaped;
use super::pieces::items;
use super::run::{Ran, run};
use super::{json, query};
use crate::state::Shared;

/// So many series are passed before it is asked whether somebody still waits.
const UNCHECKED_MAX: usize = 256;

/// Which series are meant, in the address or in a form.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct SeriesParameters {
    /// Which series; may repeat, then those that any selects.
    #[param(rename = "match[]", example = "up{job=\"node\"}")]
    selectors: Option<Vec<String>>,
    /// Unix seconds or RFC 3339; series that ended before are left out.
    start: Option<String>,
    /// Unix seconds or RFC 3339; series that began later are left out.
    end: Option<String>,
    /// The most that are listed; 0 for all. What is left out is told as a warning.
    limit: Option<u64>,
}

/// The labels of series.
#[utoipa::path(
    method(get, post), path = "/api/v1/series", tag = "prometheus", params(SeriesParameters),
    responses(
        (status = 200, description = "`data` is a list of label sets", body = Object),
        (status = 400, body = FailureBody), (status = 503, body = FailureBody),
    )
)]
pub(crate) async fn series(
    State(shared): State<Shared>,
    form: Fields,
) -> Result<Response, Failure> {
    if form.all("match[]").next().is_none() {
        return Err(Failure::bad("no match[] parameter provided"));
    }
    let scope = Scope::read(&form, |reason| Failure::parameter("match[]", reason))?;
    let (limit, timeout) = (scope.limit, query::timeout(&form, shared.queries.timeout)?);
    let on_thread = Shared::clone(&shared);
    let found = move |stop| scope.series(&*on_thread.querier, &stop);
    let Ran { value: mut all, .. } = run(&shared, timeout, found).await?;
    let mut notes = Notes::of_store(&shared);
    if limit.is_some_and(|limit| all.len() > limit) {
        all.truncate(limit.unwrap_or_default());
        notes.warn_of_limit();
    }
    let list = items(all, |out, labels: Labels| json::labels(out, &labels));
    Ok(Success::new(list, notes).send(form.encoding))
}

/// The names of labels.
#[utoipa::path(
    method(get, post), path = "/api/v1/labels", tag = "prometheus", params(SeriesParameters),
    responses(
        (status = 200, description = "`data` is a list of names", body = Object),
        (status = 400, body = FailureBody), (status = 503, body = FailureBody),
    )
)]
pub(crate) async fn names(State(shared): State<Shared>, form: Fields) -> Result<Response, Failure> {
    let scope = Scope::read(&form, Failure::bad)?;
    texts(&shared, &form, scope, |scope, querier, stop| scope.names(querier, stop)).await
}

/// The values of a label. A name that is not plain is written as `U__` and its characters in
/// hexadecimal, `U__http_2e_status` for `http.status`.
#[utoipa::path(
    get, path = "/api/v1/label/{name}/values", tag = "prometheus",
    params(("name" = String, Path, example = "job"), SeriesParameters),
    responses(
        (status = 200, description = "`data` is a list of values", body = Object),
        (status = 400, body = FailureBody), (status = 503, body = FailureBody),
    )
)]
pub(crate) async fn values(
    State(shared): State<Shared>,
    name: Result<Path<String>, PathRejection>,
    form: Fields,
) -> Result<Response, Failure> {
    // Any text is a name, but not any bytes.
    let Path(name) = name.map_err(|_| Failure::bad("invalid label name: it is not UTF-8"))?;
    let name = unescaped(&name);
    if name.is_empty() {
        return Err(Failure::bad(format!("invalid label name: {name:?}")));
    }
    let scope = Scope::read(&form, Failure::bad)?;
    texts(&shared, &form, scope, move |scope, querier, stop| scope.values(&name, querier, stop))
        .await
}

/// Answers with a list of texts that somebody looks up.
async fn texts(
    shared: &Shared,
    form: &Fields,
    scope: Scope,
    find: impl FnOnce(&Scope, &dyn Querier, &StopCheck) -> Result<BTreeSet<String>, Failure>
    + Send
    + 'static,
) -> Result<Response, Failure> {
    let (limit, timeout) = (scope.limit, query::timeout(form, shared.queries.timeout)?);
    let on_thread = Shared::clone(shared);
    let work = move |stop| find(&scope, &*on_thread.querier, &stop);
    let Ran { value: all, .. } = run(shared, timeout, work).await?;
    let mut notes = Notes::of_store(shared);
    let limit = limit.unwrap_or(usize::MAX);
    if all.len() > limit {
        notes.warn_of_limit();
    }
    let list = items(all.into_iter().take(limit), |out, text: String| json::message(out, &text));
    Ok(Success::new(list, notes).send(form.encoding))
}

/// Which series are meant, and when.
struct Scope {
    selectors: Vec<Vec<Matcher>>,
    start_ms: i64,
    end_ms: i64,
    limit: Option<usize>,
}

impl Scope {
    fn read(form: &Fields, wrong: impl FnOnce(String) -> Failure) -> Result<Self, Failure> {
        let limit = form.limit()?;
        let start_ms = form.time_or("start", i64::MIN)?;
        let end_ms = form.time_or("end", i64::MAX)?;
        Ok(Self { selectors: form.selectors().map_err(wrong)?, start_ms, end_ms, limit })
    }

    /// Whether no time is named, so that whatever is known counts.
    fn is_always(&self) -> bool {
        (self.start_ms, self.end_ms) == (i64::MIN, i64::MAX)
    }

    /// The selections; one of everything if there is no selector.
    fn selects(&self) -> impl Iterator<Item = Select> {
        let all = self.selectors.is_empty().then(Vec::new);
        let selectors = self.selectors.iter().cloned().chain(all);
        selectors.map(|matchers| Select::both(matchers, self.start_ms, self.end_ms))
    }

    /// Shows the labels of each series; one that two selectors select is shown twice.
    fn visit(
        &self,
        querier: &dyn Querier,
        stop: &StopCheck,
        mut visit: impl FnMut(Labels),
    ) -> Result<(), Failure> {
        for select in self.selects() {
            for (at, labels) in querier.series(&select)?.enumerate() {
                if at % UNCHECKED_MAX == 0 {
                    check(stop)?;
                }
                visit(labels?);
            }
        }
        Ok(())
    }

    /// Each series once, in order; one more than the limit, if there are as many.
    fn series(&self, querier: &dyn Querier, stop: &StopCheck) -> Result<Vec<Labels>, Failure> {
        let mut found = BTreeSet::new();
        let enough = self.limit.map_or(usize::MAX, |limit| limit + 1);
        self.visit(querier, stop, |labels| {
            found.insert(labels);
            if found.len() > enough {
                found.pop_last();
            }
        })?;
        Ok(found.into_iter().collect())
    }

    fn names(&self, querier: &dyn Querier, stop: &StopCheck) -> Result<BTreeSet<String>, Failure> {
        let mut found = BTreeSet::new();
        if self.is_always() {
            for select in self.selects() {
                check(stop)?;
                found.extend(querier.label_names(&select.matchers)?);
            }
            return Ok(found);
        }
        self.visit(querier, stop, |labels| {
            for label in &labels {
                // Few names are new, and only those are copied.
                if !found.contains(&label.name) {
                    found.insert(label.name.clone());
                }
            }
        })?;
        Ok(found)
    }

    fn values(
        &self,
        name: &str,
        querier: &dyn Querier,
        stop: &StopCheck,
    ) -> Result<BTreeSet<String>, Failure> {
        let mut found = BTreeSet::new();
        if self.is_always() {
            for select in self.selects() {
                check(stop)?;
                found.extend(querier.label_values(name, &select.matchers)?);
            }
            return Ok(found);
        }
        self.visit(querier, stop, |labels| {
            if let Some(value) = labels.get(name).filter(|value| !found.contains(*value)) {
                found.insert(value.to_owned());
            }
        })?;
        Ok(found)
    }
}

/// # Errors
/// Nobody waits any more.
pub(super) fn check(stop: &StopCheck) -> Result<(), Failure> {
    match stop.reason() {
        None => Ok(()),
        Some(stopped) => Err(QueryError::Stopped(stopped).into()),
    }
}
