//! What our own writer writes, our own reader reads: every sample, in both text formats.

use model::Family;
use proptest::prelude::*;
use wire::exposition::{Escaping, Format, Syntax, write};
use wire::openmetrics::{Dialect, Line, Page};

use crate::properties::{KINDS, families};
use crate::text_reader;

/// The samples of a page as the plain reader of the tests has them.
fn plainly(page: &str) -> Vec<text_reader::Sample> {
    let page = page.strip_suffix("# EOF\n").unwrap_or(page);
    text_reader::families(page).into_iter().flat_map(|family| family.samples).collect()
}

fn read(page: &str, dialect: Dialect) -> Vec<text_reader::Sample> {
    let mut page = Page::new(page.as_bytes(), dialect);
    let mut all = Vec::new();
    while let Some(line) = page.next().unwrap() {
        if let Line::Sample(sample) | Line::Created(sample) = line {
            let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            let labels = sample.labels.iter().map(owned).collect();
            let (name, value) = (sample.name.to_owned(), sample.value);
            all.push(text_reader::Sample { name, labels, value });
        }
    }
    all
}

/// Whether two labels are the same. The reader may write a bound in another form.
fn is_same_label((found, expected): (&(String, String), &(String, String))) -> bool {
    let is_bound = ["le", "quantile"].contains(&found.0.as_str()) && found.0 == expected.0;
    let number = |text: &str| text.parse::<f64>().ok();
    found == expected || (is_bound && number(&found.1) == number(&expected.1))
}

fn check(families: &[Family], syntax: Syntax, dialect: Dialect) -> Result<(), TestCaseError> {
    for escaping in [Escaping::AllowUtf8, Escaping::Underscores, Escaping::Values] {
        let mut page = Vec::new();
        let _left_out = write(families, Format { syntax, escaping }, &mut page);
        let page = String::from_utf8(page).unwrap();
        let (found, expected) = (read(&page, dialect), plainly(&page));
        prop_assert_eq!(found.len(), expected.len(), "{}", page);
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert_eq!(&found.name, &expected.name);
            let mut labels = found.labels.iter().zip(&expected.labels);
            prop_assert!(
                found.labels.len() == expected.labels.len() && labels.all(is_same_label),
                "{:?} is not {:?}",
                found,
                expected
            );
            let are_same =
                found.value == expected.value || (found.value.is_nan() && expected.value.is_nan());
            prop_assert!(are_same, "{:?} is not {:?}", found, expected);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_reader_reads_what_the_writer_writes(families in families(&KINDS)) {
        check(&families, Syntax::OpenMetrics, Dialect::OpenMetrics)?;
        check(&families, Syntax::Text, Dialect::Prometheus)?;
    }

    #[test]
    fn a_page_that_was_damaged_is_read_or_refused(
        families in families(&KINDS),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let format = Format { syntax: Syntax::OpenMetrics, escaping: Escaping::AllowUtf8 };
        let mut page = Vec::new();
        let _left_out = write(&families, format, &mut page);
        let at = at.index(page.len());
        page[at] = byte;
        for dialect in [Dialect::OpenMetrics, Dialect::Prometheus] {
            let mut reader = Page::new(page.as_slice(), dialect);
            while matches!(reader.next(), Ok(Some(_))) {}
        }
    }
}
