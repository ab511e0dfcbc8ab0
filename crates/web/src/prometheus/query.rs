//! `query` and `query_range`: an expression at a moment, or over a range.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use promql::{Annotations, Answer, Engine, Options, QueryError, QueryValue, StopCheck};
use storage::Querier;
use storage::rollup::over_time::TierUse;
use utoipa::IntoParams;

use super::envelope::{Notes, Success};
use super::failure::{Failure, FailureBody};
use super::form::Fields;
use super::pieces;
use super::run::{Ran, run};
use super::stats::{Asked, Told};
use super::trace::Traced;
use crate::state::Shared;

/// The most steps of a range: what a chart can show, and a minute's resolution for a week.
const STEPS_MAX: i64 = 11_000;

/// What both kinds of queries take, in the address or in a form.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct QueryParameters {
    /// The expression, in PromQL.
    #[param(example = "sum by (mode) (rate(node_cpu_seconds_total[5m]))")]
    query: String,
    /// The longest that it may take, as seconds or as `30s`; the server's own bound stays.
    #[param(example = "30s")]
    timeout: Option<String>,
    /// The most series; 0 for all. What is left out is told as a warning.
    limit: Option<u64>,
    /// How old a sample may be and still be the value of its series, as seconds or as `5m`.
    lookback_delta: Option<String>,
    /// What answers where samples are gone: `auto`, rollups where their answer is that of the
    /// samples; `raw`, nothing.
    #[param(example = "auto")]
    tier: Option<String>,
    /// Any text tells how long it took and how many samples it read.
    stats: Option<String>,
    /// `1` tells what it did, step by step.
    trace: Option<String>,
}

/// When an expression is evaluated at one moment.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct InstantParameters {
    /// Unix seconds or RFC 3339; now, if absent.
    #[param(example = "1700000000")]
    time: Option<String>,
}

/// When an expression is evaluated over a range.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct RangeParameters {
    /// The first moment, Unix seconds or RFC 3339.
    #[param(example = "1700000000")]
    start: String,
    /// The last moment, Unix seconds or RFC 3339.
    #[param(example = "1700003600")]
    end: String,
    /// How far apart two moments are, as seconds or as `30s`; at most 11,000 steps.
    #[param(example = "30")]
    step: String,
}

/// An expression at one moment.
#[utoipa::path(
    method(get, post), path = "/api/v1/query", tag = "prometheus",
    params(QueryParameters, InstantParameters),
    responses(
        (status = 200, description = "`data` has `resultType` and `result`", body = Object),
        (status = 400, body = FailureBody), (status = 422, body = FailureBody),
        (status = 503, body = FailureBody),
    )
)]
pub(crate) async fn instant(
    State(shared): State<Shared>,
    form: Fields,
) -> Result<Response, Failure> {
    let limit = form.limit()?;
    let t_ms = form.time_or("time", shared.now_ms())?;
    let question = Question::read(&form, limit, Times::At(t_ms), &shared)?;
    question.answered(&shared, &form).await
}

/// An expression at moments of a range.
#[utoipa::path(
    method(get, post), path = "/api/v1/query_range", tag = "prometheus",
    params(QueryParameters, RangeParameters),
    responses(
        (status = 200, description = "`data` has `resultType` and `result`", body = Object),
        (status = 400, body = FailureBody), (status = 422, body = FailureBody),
        (status = 503, body = FailureBody),
    )
)]
pub(crate) async fn range(State(shared): State<Shared>, form: Fields) -> Result<Response, Failure> {
    let limit = form.limit()?;
    let (start_ms, end_ms) = (form.time("start")?, form.time("end")?);
    if end_ms < start_ms {
        let reason = "end timestamp must not be before start time";
        return Err(Failure::parameter("end", reason));
    }
    let step_ms = form.duration("step")?;
    if step_ms <= 0 {
        let reason = "zero or negative query resolution step widths are not accepted. Try a \
                      positive integer";
        return Err(Failure::parameter("step", reason));
    }
    if end_ms.saturating_sub(start_ms) / step_ms > STEPS_MAX {
        let reason = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing \
                      the query resolution (?step=XX)";
        return Err(Failure::bad(reason));
    }
    let question =
        Question::read(&form, limit, Times::Range { start_ms, end_ms, step_ms }, &shared)?;
    question.answered(&shared, &form).await
}

/// When to evaluate.
#[derive(Debug, Clone, Copy)]
enum Times {
    At(i64),
    Range { start_ms: i64, end_ms: i64, step_ms: i64 },
}

/// What to evaluate, and how.
struct Question {
    query: String,
    times: Times,
    limit: Option<usize>,
    timeout: Duration,
    lookback_ms: i64,
    tier_use: TierUse,
    asked: Asked,
}

impl Question {
    fn read(
        form: &Fields,
        limit: Option<usize>,
        times: Times,
        shared: &Shared,
    ) -> Result<Self, Failure> {
        let timeout = timeout(form, shared.queries.timeout)?;
        let lookback = form.duration_or_none("lookback_delta").map_err(|failure| {
            let reason = failure.message.split_once(": ").map_or("", |(_, reason)| reason);
            Failure::bad(format!("error parsing lookback delta duration: {reason}"))
        })?;
        Ok(Self {
            query: form.query().to_owned(),
            times,
            limit,
            timeout,
            lookback_ms: lookback.filter(|ms| *ms > 0).unwrap_or(shared.queries.lookback_ms),
            tier_use: tier_use(form)?,
            asked: Asked::read(form),
        })
    }

    async fn answered(self, shared: &Shared, form: &Fields) -> Result<Response, Failure> {
        let (timeout, limit, asked) = (self.timeout, self.limit, self.asked.clone());
        let on_thread = Shared::clone(shared);
        let ran = run(shared, timeout, move |stop| self.evaluate(&on_thread, stop)).await?;
        let Ran { value: Evaluated { mut answer, told }, queued, ran } = ran;
        let mut notes = Notes::of_store(shared);
        notes.add(&answer.annotations);
        asked.doubts(&mut notes);
        if cut(&mut answer.value, limit) {
            notes.warn_of_limit();
        }
        let told = told.ran(queued, ran);
        let data = pieces::of_value(answer.value);
        Ok(Success::of_query(data, told, notes, shared).send(form.encoding))
    }

    /// On a thread that may take its time.
    fn evaluate(self, shared: &Shared, stop: StopCheck) -> Result<Evaluated, Failure> {
        let mut told = Told::new(self.asked.clone());
        let traced = Traced::of(&shared.querier, &shared.env.clock, self.asked.wants_trace());
        let querier: Arc<dyn Querier> = traced.querier();
        if self.asked.wants_trace() {
            // The engine reads the text itself; how long that takes is only known from outside.
            let began = shared.monotonic();
            promql::parse(&self.query).map_err(|error| Failure::of_query(error.into()))?;
            told.parsed(shared.monotonic() - began);
        }
        let options = Options {
            lookback_ms: self.lookback_ms,
            samples_max: shared.queries.samples_max,
            series_max: shared.queries.series_max,
            bytes_max: shared.queries.bytes_max,
            stop,
            tier_use: self.tier_use,
            ..Options::default()
        };
        let engine = Engine::new(querier, options);
        let answer = self.ask(&engine).map_err(Failure::of_query)?;
        told.evaluated(&answer, traced.selected());
        Ok(Evaluated { answer, told })
    }

    fn ask(&self, engine: &Engine) -> Result<Answer, QueryError> {
        match self.times {
            Times::At(t_ms) => engine.instant(&self.query, t_ms),
            Times::Range { start_ms, end_ms, step_ms } => {
                engine.range(&self.query, start_ms, end_ms, step_ms)
            }
        }
    }
}

/// An answer, and what there is to tell about how it came to be.
struct Evaluated {
    answer: Answer,
    told: Told,
}

/// The server's own bound, or a lower one that the request asks for.
pub(super) fn timeout(form: &Fields, longest: Duration) -> Result<Duration, Failure> {
    match form.duration_or_none("timeout")? {
        None => Ok(longest),
        Some(ms) if ms > 0 => Ok(longest.min(Duration::from_millis(ms.unsigned_abs()))),
        Some(_) => Err(Failure::parameter("timeout", "expected a duration above zero")),
    }
}

/// Whether rollups may answer.
fn tier_use(form: &Fields) -> Result<TierUse, Failure> {
    match form.get("tier") {
        None | Some("auto") => Ok(TierUse::Auto),
        Some("raw") => Ok(TierUse::Raw),
        Some(_) => Err(Failure::parameter("tier", "expected auto or raw")),
    }
}

/// Leaves out what is beyond the limit, and says whether something was.
fn cut(value: &mut QueryValue, limit: Option<usize>) -> bool {
    let Some(limit) = limit else { return false };
    match value {
        QueryValue::Vector(series) if series.len() > limit => series.truncate(limit),
        QueryValue::Matrix(series) if series.len() > limit => series.truncate(limit),
        _ => return false,
    }
    true
}

impl Notes {
    fn add(&mut self, annotations: &Annotations) {
        self.warnings.extend(annotations.warnings.iter().map(ToString::to_string));
        self.infos.extend(annotations.infos.iter().map(ToString::to_string));
    }
}
