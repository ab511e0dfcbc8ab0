//! Cardinality: where the series of a store come from, counted exactly.

/// The largest of each kind, falling, in the order of names where they are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cardinality {
    /// How many series there are.
    pub n_series: usize,
    /// How many runs of samples they have in memory.
    pub n_chunks: usize,
    /// About the first moment of these, Unix milliseconds; `None` if there are none.
    pub min_ms: Option<i64>,
    /// The last moment of these, Unix milliseconds; `None` if there are none.
    pub max_ms: Option<i64>,
    /// How many names of labels there are.
    pub n_names: usize,
    /// How many different labels there are.
    pub n_pairs: usize,
    /// Metrics by how many series they have.
    pub series_by_metric: Vec<(String, usize)>,
    /// Label names by how many values they have.
    pub values_by_name: Vec<(String, usize)>,
    /// Label names by how many bytes their values have in all series.
    pub bytes_by_name: Vec<(String, usize)>,
    /// Labels, as `name=value`, by how many series have them.
    pub series_by_pair: Vec<(String, usize)>,
}
