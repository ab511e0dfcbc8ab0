//! Page: lines from any source until the end, with the rules that reach over lines.

use std::io::BufRead;

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

/// Goes through a page. [`Page::next`] lends one line at a time.
#[derive(Debug)]
pub struct Page<R> {
    lines: Lines<R>,
    parser: LineParser,
    dialect: Dialect,
    /// The family that was described last, and its type.
    family: String,
    kind: Kind,
    has_ended: bool,
}

impl<R: BufRead> Page<R> {
    /// A page from a source.
    pub fn new(input: R, dialect: Dialect) -> Self {
        Self {
            lines: Lines::new(input, LINE_BYTES_MAX),
            parser: LineParser::default(),
            dialect,
            family: String::new(),
            kind: Kind::Unknown,
            has_ended: false,
        }
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
        self.kind
    }

    /// The name of the family at hand; empty before the first.
    pub fn family(&self) -> &str {
        &self.family
    }

    /// The next line; after [`Line::Eof`] there is none.
    ///
    /// # Errors
    /// See [`PageError`]. Reading on makes no sense then.
    #[expect(clippy::should_implement_trait, reason = "a line is lent, which no iterator can do")]
    pub fn next(&mut self) -> Result<Option<Line<'_>>, PageError> {
        let Self { lines, parser, dialect, family, kind, has_ended } = self;
        let line = lines.number() + 1;
        let Some(bytes) = lines.next()? else {
            return match *dialect == Dialect::OpenMetrics && !*has_ended {
                true => Err(PageError::NoEof { line: line - 1 }),
                false => Ok(None),
            };
        };
        if *has_ended {
            return Err(PageError::AfterEof { line });
        }
        let found = parse(parser, bytes, *dialect, line)?;
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
                return Ok(Some(Line::Created(*sample)));
            }
            _ => {}
        }
        Ok(Some(found))
    }
}

fn parse<'l>(
    parser: &'l mut LineParser,
    bytes: &'l [u8],
    dialect: Dialect,
    line: u64,
) -> Result<Line<'l>, PageError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| PageError::NotUtf8 { line, byte: error.valid_up_to() + 1 })?;
    let text = match dialect {
        Dialect::Prometheus => text.strip_suffix('\r').unwrap_or(text),
        Dialect::OpenMetrics => text,
    };
    parser.parse(text, dialect).map_err(|cause| PageError::Syntax { line, cause })
}
