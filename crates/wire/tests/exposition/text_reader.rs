//! A strict reader of the two text formats, for tests: every line is read or the test fails.

/// One sample as it stands on the page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    /// In the order of the page.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

/// One family: its header lines and the samples below them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) help: Option<String>,
    pub(crate) samples: Vec<Sample>,
}

/// A page without its `# EOF`.
pub(crate) fn families(page: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    let mut help = None;
    for line in page.split_inclusive('\n') {
        let line = line.strip_suffix('\n').expect("every line ends");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, text) = header(rest);
            assert!(help.replace((name, unescape(text))).is_none(), "two HELPs: {line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = header(rest);
            let help = help.take().map(|(of, text)| {
                assert_eq!(of, name, "HELP and TYPE of one family stand together");
                text
            });
            families.push(Family { name, kind: kind.to_owned(), help, samples: Vec::new() });
        } else {
            let family = families.last_mut().expect("samples follow a TYPE");
            family.samples.push(Reader(line).sample());
        }
    }
    assert_eq!(help, None);
    families
}

fn header(rest: &str) -> (String, &str) {
    let mut reader = Reader(rest);
    let name = reader.name();
    (name, reader.0.strip_prefix(' ').expect("a blank after the name"))
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(match chars.next() {
                Some('n') => '\n',
                Some(c @ ('\\' | '"')) => c,
                other => panic!("escape {other:?}"),
            }),
            c => out.push(c),
        }
    }
    out
}

/// What is left of a line.
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn sample(&mut self) -> Sample {
        let mut name = if self.0.starts_with('{') { None } else { Some(self.name()) };
        let mut labels = Vec::new();
        if self.eat("{") {
            loop {
                let key = self.name();
                if self.eat("=") {
                    labels.push((key, self.quoted()));
                } else {
                    assert!(name.replace(key).is_none(), "a second name");
                }
                if !self.eat(",") {
                    break;
                }
            }
            assert!(self.eat("}"), "expected a brace: {}", self.0);
        }
        assert!(self.eat(" "), "expected a blank: {}", self.0);
        let value = match self.0 {
            "NaN" => f64::NAN,
            "+Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            text => text.parse().unwrap(),
        };
        Sample { name: name.expect("a sample has a name"), labels, value }
    }

    fn eat(&mut self, token: &str) -> bool {
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// A name, bare or in quotes.
    fn name(&mut self) -> String {
        if self.0.starts_with('"') {
            return self.quoted();
        }
        let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':');
        let (name, rest) = self.0.split_at(self.0.find(is_end).unwrap_or(self.0.len()));
        assert!(!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()), "{}", self.0);
        self.0 = rest;
        name.to_owned()
    }

    fn quoted(&mut self) -> String {
        let inner = self.0.strip_prefix('"').expect("a quote");
        let mut escaped = false;
        let end = inner.find(|c| {
            let is_end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            is_end
        });
        let (text, rest) = inner.split_at(end.expect("a closing quote"));
        self.0 = &rest[1..];
        unescape(text)
    }
}
