//! Page: lines from any source until the end, with the rules that reach over lines.

use std::io::BufRead;

use super::line::FamilyAtHand;
use super::{Dialect, Kind, Line, LineParser, SyntaxError};
use crate::lines::{Lines, LinesError};

/// Bytes of a line.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Why a page cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The source failed, or a line is too long.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// A line contradicts the syntax.
    #[error("line {line}, {cause}")]
    Syntax {
        /// Which one, from 1.
        line: u64,
        /// Where and what.
        #[source]
        cause: SyntaxError,
    },
    /// A line is no text.
    #[error("line {line} is not UTF-8 from byte {byte} on")]
    NotUtf8 {
        /// Which one, from 1.
        line: u64,
        /// From 1.
        byte: usize,
    },
    /// An OpenMetrics page was cut off, or is of the other format.
    #[error(
        "the page ends after line {line} without \"# EOF\": it was cut off, or is not OpenMetrics"
    )]
    NoEof {
        /// The last one, from 1; 0 if there is none.
        line: u64,
    },
    /// Something follows the end.
    #[error("line {line} stands behind \"# EOF\"")]
    AfterEof {
        /// Which one, from 1.
        line: u64,
    },
}

/// The rules that reach over the lines of a page, for whoever brings the lines one by one.
#[derive(Debug)]
pub struct PageRules {
    parser: LineParser,
    dialect: Dialect,
    /// The family that was described last, and its type.
    family: String,
    kind: Kind,
    has_ended: bool,
}

impl PageRules {
    /// Before the first line.
    pub fn new(dialect: Dialect) -> Self {
        let (parser, family) = (LineParser::default(), String::new());
        Self { parser, dialect, family, kind: Kind::Unknown, has_ended: false }
    }

    /// The type of the family at hand: that of the last `# TYPE`.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The name of the family at hand; empty before the first.
    pub fn family(&self) -> &str {
        &self.family
    }

    /// Takes the next line, given with its number, from 1, and without its end. After an error the
    /// next one may be taken as if this one had not been there.
    ///
    /// # Errors
    /// The line contradicts the syntax, or stands behind the end.
    pub fn line<'l>(&'l mut self, line: u64, bytes: &'l [u8]) -> Result<Line<'l>, PageError> {
        let Self { parser, dialect, family, kind, has_ended } = self;
        if *has_ended {
            return Err(PageError::AfterEof { line });
        }
        let at_hand = FamilyAtHand { name: family, kind: *kind };
        let found = parse(parser, (line, bytes), *dialect, at_hand)?;
        match &found {
            Line::Type { family: described, kind: said } => {
                (*described).clone_into(family);
                *kind = *said;
            }
            Line::Eof => *has_ended = true,
            Line::Sample(sample)
                if *dialect == Dialect::OpenMetrics
                    && kind.has_created()
                    && sample.name.strip_suffix("_created") == Some(family) =>
            {
                return Ok(Line::Created(*sample));
            }
            _ => {}
        }
        Ok(found)
    }

    /// Says that no line follows this one.
    ///
    /// # Errors
    /// An OpenMetrics page has not ended as one does.
    pub fn finish(&self, line: u64) -> Result<(), PageError> {
        match self.dialect == Dialect::OpenMetrics && !self.has_ended {
            true => Err(PageError::NoEof { line }),
            false => Ok(()),
        }
    }
}

/// Goes through a page. [`Page::next`] lends one line at a time.
#[derive(Debug)]
pub struct Page<R> {
    lines: Lines<R>,
    rules: PageRules,
}

impl<R: BufRead> Page<R> {
    /// A page from a source.
    pub fn new(input: R, dialect: Dialect) -> Self {
        Self { lines: Lines::new(input, LINE_BYTES_MAX), rules: PageRules::new(dialect) }
    }

    /// The number of the line that was read last, from 1.
    pub fn line_number(&self) -> u64 {
        self.lines.number()
    }

    /// Bytes read so far.
    pub fn n_bytes(&self) -> u64 {
        self.lines.n_bytes()
    }

    /// The type of the family at hand: that of the last `# TYPE`.
    pub fn kind(&self) -> Kind {
        self.rules.kind()
    }

    /// The name of the family at hand; empty before the first.
    pub fn family(&self) -> &str {
        self.rules.family()
    }

    /// The next line; after [`Line::Eof`] there is none.
    ///
    /// # Errors
    /// See [`PageError`]. Reading on makes no sense then.
    #[expect(clippy::should_implement_trait, reason = "a line is lent, which no iterator can do")]
    pub fn next(&mut self) -> Result<Option<Line<'_>>, PageError> {
        let line = self.lines.number();
        match self.lines.next()? {
            None => self.rules.finish(line).map(|()| None),
            Some(bytes) => self.rules.line(line + 1, bytes).map(Some),
        }
    }
}

fn parse<'l>(
    parser: &'l mut LineParser,
    (line, bytes): (u64, &'l [u8]),
    dialect: Dialect,
    family: FamilyAtHand<'_>,
) -> Result<Line<'l>, PageError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| PageError::NotUtf8 { line, byte: error.valid_up_to() + 1 })?;
    let text = match dialect {
        Dialect::Prometheus => text.strip_suffix('\r').unwrap_or(text),
        Dialect::OpenMetrics => text,
    };
    parser.parse_of(text, dialect, family).map_err(|cause| PageError::Syntax { line, cause })
}
