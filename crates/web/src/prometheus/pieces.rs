//! Pieces: an answer is written a bounded part at a time, as fast as its reader takes it.
//!
//! What was evaluated is held; its text, which is larger, never is as a whole.

use model::Labels;
use promql::{Point, QueryValue, SeriesPoints, SeriesValue, Value};

use super::json;

/// So many points are written in one go.
const POINTS_AT_ONCE: usize = 256;

/// Something that is written part by part.
pub(super) trait Pieces: Send {
    /// Appends a part, and says whether more is to come.
    fn write(&mut self, out: &mut Vec<u8>) -> bool;
}

/// A text that is there already.
pub(super) struct Whole(pub(super) Vec<u8>);

impl Pieces for Whole {
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        out.append(&mut self.0);
        false
    }
}

/// The items of a list, written one by one.
pub(super) struct Items<I, W> {
    items: I,
    write: W,
    n_written: usize,
}

/// A list whose items are written by this function.
pub(super) fn items<T, I, W>(items: I, write: W) -> Items<I::IntoIter, W>
where
    I: IntoIterator<Item = T>,
    W: Fn(&mut Vec<u8>, T),
{
    Items { items: items.into_iter(), write, n_written: 0 }
}

impl<T, I, W> Pieces for Items<I, W>
where
    I: Iterator<Item = T> + Send,
    W: Fn(&mut Vec<u8>, T) + Send,
{
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        out.push(if self.n_written == 0 { b'[' } else { b',' });
        self.n_written += 1;
        match self.items.next() {
            Some(item) => {
                (self.write)(out, item);
                true
            }
            None => {
                // Undoes the comma, which waits in the same buffer.
                if self.n_written > 1 {
                    out.pop();
                }
                out.push(b']');
                false
            }
        }
    }
}

/// The value of a query: `"resultType":..,"result":..`.
pub(super) fn of_value(value: QueryValue) -> Box<dyn Pieces> {
    match value {
        QueryValue::Scalar { t_ms, value } => Box::new(Whole(single("scalar", t_ms, |out| {
            json::scalar(out, value);
        }))),
        QueryValue::Text { t_ms, text } => Box::new(Whole(single("string", t_ms, |out| {
            json::message(out, &text.to_lossy());
        }))),
        QueryValue::Vector(series) => {
            Box::new(Typed::new("vector", items(series, |out, one| element(out, &one))))
        }
        QueryValue::Matrix(series) => Box::new(Typed::new("matrix", Matrix::new(series))),
    }
}

fn result_type(out: &mut Vec<u8>, word: &str) {
    out.extend_from_slice(b"\"resultType\":\"");
    out.extend_from_slice(word.as_bytes());
    out.extend_from_slice(b"\",\"result\":");
}

/// A time and what was found then. The time is a plain number here, with as few decimals as tell it.
fn single(word: &str, t_ms: i64, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    result_type(&mut out, word);
    out.push(b'[');
    json::number(&mut out, t_ms as f64 / 1000.0);
    out.push(b',');
    write(&mut out);
    out.push(b']');
    out
}

/// A result behind the word for its type.
struct Typed<P> {
    word: Option<&'static str>,
    result: P,
}

impl<P> Typed<P> {
    fn new(word: &'static str, result: P) -> Self {
        Self { word: Some(word), result }
    }
}

impl<P: Pieces> Pieces for Typed<P> {
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        if let Some(word) = self.word.take() {
            result_type(out, word);
        }
        self.result.write(out)
    }
}

fn element(out: &mut Vec<u8>, series: &SeriesValue) {
    metric(out, &series.labels);
    let key: &[u8] = match series.point.value {
        Value::Float(_) => b",\"value\":",
        Value::Histogram(_) => b",\"histogram\":",
    };
    out.extend_from_slice(key);
    point(out, &series.point);
    out.push(b'}');
}

fn metric(out: &mut Vec<u8>, labels: &Labels) {
    out.extend_from_slice(b"{\"metric\":");
    json::labels(out, labels);
}

fn point(out: &mut Vec<u8>, point: &Point) {
    out.push(b'[');
    json::time(out, point.t_ms);
    out.push(b',');
    match &point.value {
        Value::Float(value) => json::value(out, *value),
        Value::Histogram(histogram) => json::histogram(out, histogram),
    }
    out.push(b']');
}

/// Series with many points each. The points of a series come in parts too: first its numbers, then
/// its histograms.
struct Matrix {
    series: std::vec::IntoIter<SeriesPoints>,
    open: Option<OpenSeries>,
    n_begun: usize,
}

/// A series of which some is written.
struct OpenSeries {
    points: Vec<Point>,
    next: usize,
    kind: Kind,
    /// Points of this kind so far.
    n_of_kind: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Floats,
    Histograms,
}

impl Kind {
    fn holds(self, point: &Point) -> bool {
        (self == Self::Floats) == matches!(point.value, Value::Float(_))
    }

    fn key(self) -> &'static [u8] {
        match self {
            Self::Floats => b",\"values\":[",
            Self::Histograms => b",\"histograms\":[",
        }
    }
}

impl Matrix {
    fn new(series: Vec<SeriesPoints>) -> Self {
        Self { series: series.into_iter(), open: None, n_begun: 0 }
    }
}

impl Pieces for Matrix {
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        if let Some(open) = &mut self.open {
            if !open.write(out) {
                self.open = None;
            }
            return true;
        }
        let Some(series) = self.series.next() else {
            out.extend_from_slice(if self.n_begun == 0 { b"[]" } else { b"]" });
            return false;
        };
        out.push(if self.n_begun == 0 { b'[' } else { b',' });
        self.n_begun += 1;
        metric(out, &series.labels);
        let points = series.points;
        self.open = Some(OpenSeries { points, next: 0, kind: Kind::Floats, n_of_kind: 0 });
        true
    }
}

impl OpenSeries {
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        let end = self.points.len().min(self.next + POINTS_AT_ONCE);
        for one in self.points[self.next..end].iter().filter(|point| self.kind.holds(point)) {
            out.extend_from_slice(if self.n_of_kind == 0 { self.kind.key() } else { b"," });
            self.n_of_kind += 1;
            point(out, one);
        }
        self.next = end;
        if end < self.points.len() {
            return true;
        }
        if self.n_of_kind > 0 {
            out.push(b']');
        }
        if self.kind == Kind::Floats && self.n_of_kind < self.points.len() {
            (self.kind, self.next, self.n_of_kind) = (Kind::Histograms, 0, 0);
            return true;
        }
        out.push(b'}');
        false
    }
}

#[cfg(test)]
mod tests;
