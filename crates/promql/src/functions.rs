//! Functions: names, what they take and what they give. The one table that the checker, the
//! printer and evaluation read.

use std::fmt;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// One text.
    Text,
    /// Series with one sample each.
    Vector,
    /// Series with the samples of a range.
    Matrix,
}

impl ValueType {
    /// The name that answers of the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Text => "string",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
        }
    }
}

/// The name that the documentation and messages use.
impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::Text => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        })
    }
}

/// A function of the language.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Lower case; names are compared with case.
    pub name: &'static str,
    /// The types of the arguments. Further ones have the type of the last.
    pub args: &'static [ValueType],
    /// 0: it takes all arguments. Above: the last one is optional, and may be repeated up to so many
    /// times. Below: the same without bound.
    pub variadic: i8,
    /// The type of the result.
    pub returns: ValueType,
    /// Whether Prometheus asks for a switch before it offers the function. It is always on here.
    pub is_experimental: bool,
}

impl Function {
    /// The type that the argument at this place must have, from 0.
    pub fn arg_type(&self, place: usize) -> Option<ValueType> {
        self.args.get(place).or(self.args.last()).copied()
    }
}

/// Sorted by name.
pub static FUNCTIONS: &[Function] = &{
    use ValueType::{Matrix as M, Scalar as S, Text as T, Vector as V};
    [
        plain("abs", &[V], V),
        plain("absent", &[V], V),
        plain("absent_over_time", &[M], V),
        plain("acos", &[V], V),
        plain("acosh", &[V], V),
        plain("asin", &[V], V),
        plain("asinh", &[V], V),
        plain("atan", &[V], V),
        plain("atanh", &[V], V),
        plain("avg_over_time", &[M], V),
        plain("ceil", &[V], V),
        plain("changes", &[M], V),
        plain("clamp", &[V, S, S], V),
        plain("clamp_max", &[V, S], V),
        plain("clamp_min", &[V, S], V),
        plain("cos", &[V], V),
        plain("cosh", &[V], V),
        plain("count_over_time", &[M], V),
        plain("day_of_month", &[V], V).up_to(1),
        plain("day_of_week", &[V], V).up_to(1),
        plain("day_of_year", &[V], V).up_to(1),
        plain("days_in_month", &[V], V).up_to(1),
        plain("deg", &[V], V),
        plain("delta", &[M], V),
        plain("deriv", &[M], V),
        plain("double_exponential_smoothing", &[M, S, S], V).experimental(),
        plain("end", &[], S).experimental(),
        plain("exp", &[V], V),
        plain("first_over_time", &[M], V).experimental(),
        plain("floor", &[V], V),
        plain("histogram_avg", &[V], V),
        plain("histogram_count", &[V], V),
        plain("histogram_fraction", &[S, S, V], V),
        plain("histogram_quantile", &[S, V], V),
        plain("histogram_quantiles", &[V, T, S, S], V).up_to(9).experimental(),
        plain("histogram_stddev", &[V], V),
        plain("histogram_stdvar", &[V], V),
        plain("histogram_sum", &[V], V),
        plain("hour", &[V], V).up_to(1),
        plain("idelta", &[M], V),
        plain("increase", &[M], V),
        plain("info", &[V, V], V).up_to(1).experimental(),
        plain("irate", &[M], V),
        plain("label_join", &[V, T, T, T], V).up_to(-1),
        plain("label_replace", &[V, T, T, T, T], V),
        plain("last_over_time", &[M], V),
        plain("ln", &[V], V),
        plain("log10", &[V], V),
        plain("log2", &[V], V),
        plain("mad_over_time", &[M], V).experimental(),
        plain("max_of", &[S, S], S).experimental(),
        plain("max_over_time", &[M], V),
        plain("min_of", &[S, S], S).experimental(),
        plain("min_over_time", &[M], V),
        plain("minute", &[V], V).up_to(1),
        plain("month", &[V], V).up_to(1),
        plain("pi", &[], S),
        plain("predict_linear", &[M, S], V),
        plain("present_over_time", &[M], V),
        plain("quantile_over_time", &[S, M], V),
        plain("rad", &[V], V),
        plain("range", &[], S).experimental(),
        plain("rate", &[M], V),
        plain("resets", &[M], V),
        plain("round", &[V, S], V).up_to(1),
        plain("scalar", &[V], S),
        plain("sgn", &[V], V),
        plain("sin", &[V], V),
        plain("sinh", &[V], V),
        plain("sort", &[V], V),
        plain("sort_by_label", &[V, T], V).up_to(-1).experimental(),
        plain("sort_by_label_desc", &[V, T], V).up_to(-1).experimental(),
        plain("sort_desc", &[V], V),
        plain("sqrt", &[V], V),
        plain("start", &[], S).experimental(),
        plain("start_timestamp", &[V], V).experimental(),
        plain("stddev_over_time", &[M], V),
        plain("stdvar_over_time", &[M], V),
        plain("step", &[], S).experimental(),
        plain("sum_over_time", &[M], V),
        plain("tan", &[V], V),
        plain("tanh", &[V], V),
        plain("time", &[], S),
        plain("timestamp", &[V], V),
        plain("ts_of_first_over_time", &[M], V).experimental(),
        plain("ts_of_last_over_time", &[M], V).experimental(),
        plain("ts_of_max_over_time", &[M], V).experimental(),
        plain("ts_of_min_over_time", &[M], V).experimental(),
        plain("vector", &[S], V),
        plain("year", &[V], V).up_to(1),
    ]
};

/// A function that takes exactly these arguments.
const fn plain(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Function {
    Function { name, args, variadic: 0, returns, is_experimental: false }
}

impl Function {
    const fn up_to(mut self, variadic: i8) -> Self {
        self.variadic = variadic;
        self
    }

    const fn experimental(mut self) -> Self {
        self.is_experimental = true;
        self
    }
}

/// The function of this name.
pub fn function(name: &str) -> Option<&'static Function> {
    let at = FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok()?;
    Some(&FUNCTIONS[at])
}

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, function};

    #[test]
    fn every_function_is_found_by_its_name_alone() {
        for known in FUNCTIONS {
            assert_eq!(function(known.name), Some(known), "{}", known.name);
        }
        assert!(function("Rate").is_none());
        assert!(function("").is_none());
    }
}
