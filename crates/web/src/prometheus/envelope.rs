//! Envelope: `{"status":"success","data":..,"warnings":[..],"infos":[..]}` around what was asked for.

use std::time::Duration;

use axum::response::Response;

use super::json;
use super::pieces::Pieces;
use super::reply::{Encoding, Reply};
use super::settings::AboutNow;
use super::stats::Told;
use crate::state::Shared;

/// What there is to say beside an answer.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
}

impl Notes {
    /// What the store has to say of all its answers now.
    pub(super) fn of_store(shared: &Shared) -> Self {
        Self::of_now((shared.about.now)())
    }

    fn of_now(now: AboutNow) -> Self {
        let warming = now.warming.map(|why| format!("warming: {why}"));
        Self { warnings: warming.into_iter().collect(), infos: Vec::new() }
    }

    pub(super) fn warn_of_limit(&mut self) {
        self.warnings.push("results truncated due to limit".to_owned());
    }

    /// Their fields, each behind a comma; no field is empty.
    fn write(&self, out: &mut Vec<u8>) {
        for (key, all) in [("warnings", &self.warnings), ("infos", &self.infos)] {
            if !all.is_empty() {
                out.extend_from_slice(format!(",\"{key}\":").as_bytes());
                json::texts(out, all.iter().map(String::as_str));
            }
        }
    }
}

/// An answer that is one.
pub(super) struct Success {
    data: Box<dyn Pieces>,
    /// Of a query: its fields stand in `data` beside those of the value.
    query: Option<Query>,
    notes: Notes,
    part: Part,
}

struct Query {
    told: Told,
    shared: Shared,
    /// Spent on writing so far.
    writing: Duration,
    n_bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Data,
}

impl Success {
    /// With this as `data`.
    pub(super) fn new(data: impl Pieces + 'static, notes: Notes) -> Self {
        Self { data: Box::new(data), query: None, notes, part: Part::Head }
    }

    /// With the fields of a value in `data`, and what there is to tell of the query beside them.
    pub(super) fn of_query(
        data: Box<dyn Pieces>,
        told: Told,
        notes: Notes,
        shared: &Shared,
    ) -> Self {
        let shared = Shared::clone(shared);
        let query = Query { told, shared, writing: Duration::ZERO, n_bytes: 0 };
        Self { data, query: Some(query), notes, part: Part::Head }
    }

    pub(super) fn send(self, encoding: Encoding) -> Response {
        Reply::json(self).send(encoding)
    }
}

impl Pieces for Success {
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        if self.part == Part::Head {
            out.extend_from_slice(b"{\"status\":\"success\",\"data\":");
            if self.query.is_some() {
                out.push(b'{');
            }
            self.part = Part::Data;
            return true;
        }
        let before = out.len();
        let wants_times = self.query.as_ref().is_some_and(|query| query.told.wants_trace());
        let has_more = match &mut self.query {
            Some(query) if wants_times => {
                let began = query.shared.monotonic();
                let has_more = self.data.write(out);
                query.writing += query.shared.monotonic() - began;
                query.n_bytes += out.len() - before;
                has_more
            }
            _ => self.data.write(out),
        };
        if has_more {
            return true;
        }
        if let Some(query) = &self.query {
            query.told.write(out, query.writing, query.n_bytes);
            out.push(b'}');
        }
        self.notes.write(out);
        out.push(b'}');
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::{Pieces as _, Whole};
    use super::{Notes, Success};
    use crate::prometheus::AboutNow;

    fn written(notes: Notes) -> String {
        let mut success = Success::new(Whole(b"1".to_vec()), notes);
        let mut out = Vec::new();
        while success.write(&mut out) {}
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_there_is_to_say_stands_behind_the_data() {
        assert_eq!(written(Notes::default()), r#"{"status":"success","data":1}"#);
        let notes = Notes { warnings: vec!["a<".into()], infos: vec!["b".into(), "c".into()] };
        let expected = r#"{"status":"success","data":1,"warnings":["a\u003c"],"infos":["b","c"]}"#;
        assert_eq!(written(notes), expected);
    }

    #[test]
    fn a_store_that_still_reads_its_log_says_so_with_every_answer() {
        assert!(Notes::of_now(AboutNow::default()).warnings.is_empty());
        let warming = Some("3 segments are left".to_owned());
        let notes = Notes::of_now(AboutNow { warming, ..AboutNow::default() });
        assert_eq!(notes.warnings, ["warming: 3 segments are left"]);
    }
}
