//! Cardinality: which names and labels the series of the head come from, counted exactly.

use model::METRIC_NAME;
use storage::Cardinality;

use super::Identities;

impl Identities {
    /// Counts; at most so many of each kind are listed. It visits every label, not every series.
    pub(crate) fn cardinality(&self, n_listed_max: usize) -> Cardinality {
        let tags = &self.tags;
        let n_series = |tag: u32| tags.postings(tag).len();
        let metrics = tags.find_name(METRIC_NAME).map_or(&[][..], |name| tags.name(name).1);
        let metrics = metrics.iter().map(|tag| (*tag, n_series(*tag)));
        let values = tags.names().map(|name| (name, tags.name(name).1.len()));
        let bytes = tags.names().map(|name| {
            let of_tag = |tag: &u32| tags.value_len(*tag) * n_series(*tag);
            (name, tags.name(name).1.iter().map(of_tag).sum())
        });
        let pairs = tags.names().flat_map(|name| tags.name(name).1);
        let pairs = pairs.map(|tag| (*tag, n_series(*tag)));
        let name = |name: u32| tags.name(name).0;
        let listed = |(number, n): (u32, usize)| (name(number).to_owned(), n);
        let pair = |(tag, n): (u32, usize)| {
            let (name, value) = tags.text(tag);
            (format!("{name}={value}"), n)
        };
        let largest_names = |all: Vec<(u32, usize)>| largest(all, n_listed_max, name);
        let largest_tags = |all: Vec<(u32, usize)>| largest(all, n_listed_max, |t| tags.text(t));
        let metric = |(tag, n): (u32, usize)| (tags.value(tag).to_owned(), n);
        Cardinality {
            n_series: self.n_series(),
            n_names: tags.names().count(),
            n_pairs: tags.len(),
            series_by_metric: largest_tags(metrics.collect()).into_iter().map(metric).collect(),
            values_by_name: largest_names(values.collect()).into_iter().map(listed).collect(),
            bytes_by_name: largest_names(bytes.collect()).into_iter().map(listed).collect(),
            series_by_pair: largest_tags(pairs.collect()).into_iter().map(pair).collect(),
            // Samples are not seen from here.
            ..Cardinality::default()
        }
    }
}

/// The first so many by falling counts, then by rising texts.
fn largest<T: Ord>(
    mut all: Vec<(u32, usize)>,
    n_max: usize,
    text: impl Fn(u32) -> T,
) -> Vec<(u32, usize)> {
    let order =
        |a: &(u32, usize), b: &(u32, usize)| b.1.cmp(&a.1).then_with(|| text(a.0).cmp(&text(b.0)));
    if n_max < all.len() {
        all.select_nth_unstable_by(n_max, order);
        all.truncate(n_max);
    }
    all.sort_unstable_by(order);
    all
}
