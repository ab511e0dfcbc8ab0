//! Query parameters, read one by one so that an error can name the one that is wrong.

use std::str::FromStr;

use crate::error::ApiError;

/// How many rows a list has unless the client says otherwise, and the most it may ask for.
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 100_000;

/// The decoded pairs of a query string.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Decodes a query string; a parameter that is not among `known` is an error, so that a typing
    /// mistake does not silently widen a list.
    pub(crate) fn read(query: Option<&str>, known: &[&str]) -> Result<Self, ApiError> {
        let parameters = Self::read_any(query)?;
        for (name, _) in &parameters.0 {
            if !known.contains(&name.as_str()) {
                let detail = format!("unknown parameter {name:?}, known are {}", known.join(", "));
                return Err(ApiError::unprocessable(name, detail));
            }
        }
        Ok(parameters)
    }

    /// Decodes a query string whatever its parameters: for senders of other systems, which say more
    /// than is of use here.
    pub(crate) fn read_any(query: Option<&str>) -> Result<Self, ApiError> {
        let uri_text = format!("/?{}", query.unwrap_or_default());
        let uri = uri_text.parse::<axum::http::Uri>().map_err(|_| malformed())?;
        let axum::extract::Query(pairs): axum::extract::Query<Vec<(String, String)>> =
            axum::extract::Query::try_from_uri(&uri).map_err(|_| malformed())?;
        Ok(Self(pairs))
    }

    /// The last value of a parameter; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of a parameter that may repeat.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter read by a function whose error says what was expected.
    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let fail = |error| ApiError::unprocessable(name, format!("parameter {name:?}: {error}"));
        parse(text).map(Some).map_err(fail)
    }

    /// A number within bounds.
    pub(crate) fn number<T>(&self, name: &str, min: T, max: T) -> Result<Option<T>, ApiError>
    where
        T: FromStr + PartialOrd + std::fmt::Display + Copy,
    {
        self.parsed(name, |text| {
            let number = text.parse::<T>().ok().filter(|n| *n >= min && *n <= max);
            number.ok_or_else(|| format!("expected a number from {min} to {max}, got {text:?}"))
        })
    }

    /// `true` or `false`, also `1` and `0`.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.parsed(name, |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(format!("expected true or false, got {text:?}")),
        })
    }

    /// How many rows the list may have.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        Ok(self.number("limit", 1, LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT))
    }
}

fn malformed() -> ApiError {
    ApiError::new(axum::http::StatusCode::BAD_REQUEST, "the query string cannot be decoded")
}
