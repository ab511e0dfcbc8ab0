//! Form: the parameters of a request, in its address or in the body of a `POST` or `PUT`.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, header};
use model::{MatchOp, Matcher};
use promql::{Expr, REGEXES_MAX, parse, parse_selector};

use super::failure::Failure;
use super::reply::Encoding;
use super::times::{duration_ms, time_ms};
use crate::body::BoundedBody;

/// So many selectors in one request; each is looked up by itself.
const SELECTORS_MAX: usize = 1024;

/// The parameters, and how the answer may be compressed.
pub(crate) struct Fields {
    /// Those of the body stand before those of the address, and so win.
    pairs: Vec<(String, String)>,
    pub(super) encoding: Encoding,
}

/// Those whose bodies may be forms.
const WITH_FORM: [Method; 2] = [Method::POST, Method::PUT];

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let encoding = Encoding::of(request.headers());
        let query = request.uri().query().unwrap_or_default().to_owned();
        let mut pairs = Vec::new();
        if WITH_FORM.contains(request.method()) && is_form(request.headers()) {
            let BoundedBody(body) = BoundedBody::from_request(request, state).await?;
            pairs = decoded(&body);
        }
        pairs.extend(decoded(query.as_bytes()));
        Ok(Self { pairs, encoding })
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn decoded(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).map(|(name, value)| (name.into(), value.into())).collect()
}

/// Each takes memory and time to read.
fn is_regex(matcher: &Matcher) -> bool {
    matches!(matcher.op(), MatchOp::Match | MatchOp::NoMatch)
}

impl Fields {
    /// The first value of a parameter; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let first = self.pairs.iter().find(|(key, _)| key == name);
        first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of a parameter that may repeat.
    pub(crate) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Refuses what is not among these, for routes on which a typing mistake would do harm.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Failure> {
        match self.pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                let known = known.join(", ");
                Err(Failure::bad(format!("unknown parameter {name:?}, known are {known}")))
            }
        }
    }

    /// Whether something is so; `None` if that is not said, or in other words than these.
    pub(crate) fn truth(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            "1" | "t" | "T" | "true" | "True" | "TRUE" => Some(true),
            "0" | "f" | "F" | "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// The text of the query; a missing one is an empty one.
    pub(super) fn query(&self) -> &str {
        self.get("query").unwrap_or_default()
    }

    /// The query as a tree.
    pub(super) fn parsed_query(&self) -> Result<Expr, Failure> {
        parse(self.query()).map_err(|error| Failure::parameter("query", error))
    }

    /// A time that must be there, Unix milliseconds.
    pub(super) fn time(&self, name: &str) -> Result<i64, Failure> {
        let text = self.get(name).unwrap_or_default();
        time_ms(text).map_err(|error| Failure::parameter(name, error))
    }

    /// A time that may be there, Unix milliseconds.
    pub(crate) fn time_or(&self, name: &str, absent_ms: i64) -> Result<i64, Failure> {
        let Some(text) = self.get(name) else { return Ok(absent_ms) };
        time_ms(text).map_err(|error| {
            Failure::parameter(name, format!("invalid time value for '{name}': {error}"))
        })
    }

    /// A length of time that must be there, milliseconds.
    pub(super) fn duration(&self, name: &str) -> Result<i64, Failure> {
        let text = self.get(name).unwrap_or_default();
        duration_ms(text).map_err(|error| Failure::parameter(name, error))
    }

    /// A length of time that may be there, milliseconds.
    pub(super) fn duration_or_none(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.get(name).map(|_| self.duration(name)).transpose()
    }

    /// How many results at most; `None` for all.
    pub(super) fn limit(&self) -> Result<Option<usize>, Failure> {
        let Some(text) = self.get("limit") else { return Ok(None) };
        let fail = |reason: String| Failure::parameter("limit", reason);
        let limit: i64 = text.parse().map_err(|_| fail(format!("{text:?} is no whole number")))?;
        if limit < 0 {
            return Err(fail("limit must be non-negative".to_owned()));
        }
        Ok(usize::try_from(limit).ok().filter(|limit| *limit > 0))
    }

    /// What `match[]` selects. Each selector asks for something that is not empty: otherwise a
    /// typing mistake would ask for everything.
    ///
    /// # Errors
    /// As plain text, because not every route names the parameter.
    pub(crate) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, String> {
        let texts: Vec<&str> = self.all("match[]").collect();
        if texts.len() > SELECTORS_MAX {
            return Err(format!("match[] is given more than {SELECTORS_MAX} times"));
        }
        let (mut selectors, mut n_regexes) = (Vec::with_capacity(texts.len()), 0);
        for text in texts {
            let matchers = parse_selector(text).map_err(|error| error.to_string())?;
            n_regexes += matchers.iter().filter(|matcher| is_regex(matcher)).count();
            if n_regexes > REGEXES_MAX {
                return Err(format!("match[] has more than {REGEXES_MAX} regular expressions"));
            }
            selectors.push(matchers);
        }
        if selectors.iter().any(|matchers| matchers.iter().all(Matcher::matches_absent)) {
            return Err("match[] must contain at least one non-empty matcher".to_owned());
        }
        Ok(selectors)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use axum::body::Body;
    use axum::extract::{FromRequest as _, Request};

    use super::Fields;

    /// The form of a request.
    pub(crate) async fn form(method: &str, uri: &str, body: &str) -> Fields {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let request = request.body(Body::from(body.to_owned())).unwrap();
        Fields::from_request(request, &()).await.unwrap()
    }

    #[tokio::test]
    async fn the_body_of_a_post_wins_over_its_address() {
        let form = form("POST", "/?query=a&time=3&match[]=x", "query=b%2B1+c&match%5B%5D=y").await;
        assert_eq!(form.query(), "b+1 c");
        assert_eq!(form.time("time").unwrap(), 3000);
        assert_eq!(form.all("match[]").collect::<Vec<_>>(), ["y", "x"]);
    }

    #[tokio::test]
    async fn the_body_of_a_put_is_a_form_too() {
        assert_eq!(form("PUT", "/", "query=b").await.query(), "b");
    }

    #[tokio::test]
    async fn parameters_that_are_not_known_are_named() {
        let form = form("POST", "/?end=1", "match[]=up").await;
        assert!(form.only(&["match[]", "end"]).is_ok());
        let refused = form.only(&["match[]", "start"]).unwrap_err();
        assert_eq!(refused.message, "unknown parameter \"end\", known are match[], start");
    }

    #[tokio::test]
    async fn the_body_of_a_get_is_not_read() {
        assert_eq!(form("GET", "/", "query=b").await.query(), "");
    }

    #[tokio::test]
    async fn a_body_that_is_no_form_is_not_read() {
        let request = Request::builder().method("POST").uri("/?query=a");
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::from("query=b")).unwrap();
        assert_eq!(Fields::from_request(request, &()).await.unwrap().query(), "a");
    }

    #[tokio::test]
    async fn mistakes_name_their_parameter() {
        let form = form("GET", "/?start=noon&step=soon&limit=-1&match[]={a%3D", "").await;
        for (failure, text) in [
            (
                form.time("start").unwrap_err(),
                "invalid parameter \"start\": cannot parse \"noon\" to a valid timestamp",
            ),
            (
                form.time_or("start", 0).unwrap_err(),
                "invalid parameter \"start\": invalid time value for 'start': cannot parse \
                 \"noon\" to a valid timestamp",
            ),
            (
                form.duration("step").unwrap_err(),
                "invalid parameter \"step\": cannot parse \"soon\" to a valid duration",
            ),
            (form.limit().unwrap_err(), "invalid parameter \"limit\": limit must be non-negative"),
        ] {
            assert_eq!(failure.message, text);
        }
        assert_eq!(
            form.selectors().unwrap_err(),
            "1:4: parse error: unexpected end of input inside braces"
        );
    }

    #[tokio::test]
    async fn selectors_ask_for_something() {
        let of = async |query: &str| form("GET", &format!("/?{query}"), "").await.selectors();
        assert_eq!(of("match[]=up&match[]={a!%3D%22b%22,c%3D%22d%22}").await.unwrap().len(), 2);
        for all in ["match[]={}", "match[]={a!%3D%22b%22}", "match[]=up&match[]={a%3D~%22.*%22}"] {
            let refused = of(all).await.unwrap_err();
            assert!(refused.contains("non-empty") || refused.contains("parse error"), "{refused}");
        }
        let many = "match[]=up&".repeat(1025);
        assert!(of(&many).await.unwrap_err().contains("more than 1024"));
        let regexes = format!("match[]={{{}}}&", "a%3D~%22b%22,".repeat(600)).repeat(2);
        assert!(of(&regexes).await.unwrap_err().contains("more than 1000 regular"));
    }
}
