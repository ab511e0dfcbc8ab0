//! Sorting: the order of an instant vector. A range has the order of labels, whatever is asked.

use std::cmp::Ordering;

use model::Labels;

use super::answer::QueryError;
use super::evaluator::{Evaluator, text_of};
use super::rank::Rank;
use super::row::Row;
use super::steps::Steps;
use super::{paced, rank};
use crate::ast::Call;

impl Evaluator<'_> {
    /// `sort`, `sort_desc`, `sort_by_label` and `sort_by_label_desc`.
    pub(super) fn sort(&mut self, node: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let mut rows = self.eval_as_rows(&node.args[0], steps)?;
        let name = node.function.name;
        let is_by_label = name.starts_with("sort_by_label");
        if !is_by_label {
            for row in &mut rows {
                self.budget.work(1 + row.points.len())?;
                row.points.retain(|point| point.value.float().is_some());
            }
            rows.retain(|row| !row.points.is_empty());
        }
        if steps.n() > 1 {
            let text = "sort is ineffective for range queries since results are always ordered \
                        by labels";
            self.remarks.warn(node.span, text);
            return Ok(rows);
        }
        let is_falling = name.ends_with("_desc");
        let turned = |order: Ordering| if is_falling { order.reverse() } else { order };
        if is_by_label {
            let names: Vec<String> =
                node.args[1..].iter().map(|arg| text_of(arg).to_lossy()).collect();
            let order = |a: &Row, b: &Row| turned(by_labels(&names, &a.labels, &b.labels));
            paced::sort(&mut rows, &mut self.budget, order)?;
        } else {
            let rank = if is_falling { Rank::Largest } else { Rank::Smallest };
            let valued = rows.into_iter().map(|row| (value(&row), row)).collect();
            rows = rank::sorted(rank, valued, &mut self.budget)?;
        }
        Ok(rows)
    }
}

fn value(row: &Row) -> f64 {
    row.points.first().and_then(|point| point.value.float()).unwrap_or(f64::NAN)
}

/// By these labels one after the other; what they do not tell apart, by all labels.
fn by_labels(names: &[String], a: &Labels, b: &Labels) -> Ordering {
    let by =
        |name: &String| natural(a.get(name).unwrap_or_default(), b.get(name).unwrap_or_default());
    names.iter().map(by).find(|order| order.is_ne()).unwrap_or_else(|| a.cmp(b))
}

/// By bytes, but runs of digits by their number: `a2` before `a10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while let (Some(first_a), Some(first_b)) = (a.first(), b.first()) {
        let order = if first_a.is_ascii_digit() && first_b.is_ascii_digit() {
            let (n_a, n_b) = (n_digits(a), n_digits(b));
            let order = by_number(&a[..n_a], &b[..n_b]);
            (a, b) = (&a[n_a..], &b[n_b..]);
            order
        } else {
            let order = first_a.cmp(first_b);
            (a, b) = (&a[1..], &b[1..]);
            order
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

fn n_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Digits of any length as whole numbers.
fn by_number(a: &[u8], b: &[u8]) -> Ordering {
    let n_zeros = |text: &[u8]| text.iter().take_while(|byte| **byte == b'0').count();
    let (a, b) = (&a[n_zeros(a)..], &b[n_zeros(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering::{Equal, Greater, Less};

    use super::natural;

    #[test]
    fn runs_of_digits_are_numbers() {
        assert_eq!(natural("a2", "a10"), Less);
        assert_eq!(natural("a10b", "a10"), Greater);
        assert_eq!(natural("4m5", "4m1000"), Less);
        assert_eq!(natural("007", "7"), Equal);
        assert_eq!(natural("b", "a99999999999999999999999"), Greater);
    }
}
