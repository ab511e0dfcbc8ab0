//! Properties: a tree is read back from what it prints, and no bytes make the reader panic.

mod trees;

use promql::{parse, parse_selector, pretty, to_json};
use proptest::prelude::*;
use trees::{Tree, bare, tree};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_tree_is_read_back_from_what_it_prints(Tree(tree) in tree()) {
        let text = tree.to_string();
        let found = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert!(bare(found) == bare(tree), "{}", text);
    }

    #[test]
    fn a_tree_is_read_back_from_what_it_prints_prettily(Tree(tree) in tree()) {
        let text = pretty(&tree);
        let found = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert!(bare(found) == bare(tree), "{}", text);
    }

    #[test]
    fn a_tree_is_json(Tree(tree) in tree()) {
        let json: serde_json::Value = serde_json::from_str(&to_json(&tree)).unwrap();
        prop_assert!(json["type"].is_string());
    }

    /// Spans lie in the text, and each is that of its node: read alone, it prints the same.
    #[test]
    fn spans_hold_their_nodes(Tree(tree) in tree()) {
        let text = tree.to_string();
        let mut spans = Vec::new();
        let found = parse(&text).unwrap();
        found.walk(&mut |node| spans.push((node.span(), node.to_string())));
        for (span, printed) in spans {
            let alone = parse(&text[span.start..span.end]);
            // The matchers of `info` are no query of their own.
            if let Ok(alone) = alone {
                prop_assert_eq!(alone.to_string(), printed);
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        total(&text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        total(&String::from_utf8_lossy(&bytes));
    }

    /// Words and signs of the language in any order come further than any bytes.
    #[test]
    fn any_words_are_read_or_refused(words in prop::collection::vec(word(), 0..30)) {
        total(&words.concat());
        total(&words.join(" "));
    }

    /// A query with one piece cut out, doubled or replaced.
    #[test]
    fn damaged_queries_are_read_or_refused(
        Tree(tree) in tree(),
        at in any::<prop::sample::Index>(),
        n in 0usize..4,
        word in word(),
    ) {
        let text: Vec<char> = tree.to_string().chars().collect();
        let at = at.index(text.len());
        let end = (at + n).min(text.len());
        let part = |range: &[char]| range.iter().collect::<String>();
        total(&format!("{}{}", part(&text[..at]), part(&text[end..])));
        total(&format!("{}{word}{}", part(&text[..at]), part(&text[end..])));
        total(&format!("{}{}", part(&text[..end]), part(&text[at..])));
    }
}

/// Reads a text, and checks what can be said of any answer.
fn total(text: &str) {
    let _ = parse_selector(text);
    match parse(text) {
        Ok(expr) => {
            let printed = expr.to_string();
            assert!(expr.span().end <= text.len());
            assert!(!pretty(&expr).is_empty() && to_json(&expr).starts_with('{'));
            // Fractions of a millisecond print as nothing, which no range may be.
            if let Err(error) = parse(&printed) {
                assert!(error.message.contains("greater than 0"), "{text:?}: {printed}: {error}");
            }
        }
        Err(error) => {
            assert!(!error.message.is_empty());
            assert!(error.span.start <= error.span.end && error.span.end <= text.len(), "{text:?}");
            assert!(
                text.is_char_boundary(error.span.start) && text.is_char_boundary(error.span.end)
            );
            assert_eq!(error.place.is_none(), text.is_empty());
        }
    }
}

fn word() -> impl Strategy<Value = String> {
    let words = "( ) { } [ ] , : = == != =~ !~ < <= > >= </ >/ + - * / % ^ @ # and or unless atan2 \
                 sum topk count_values by without on ignoring group_left group_right fill fill_left \
                 fill_right bool offset anchored smoothed start end step range min_of max_of inf nan \
                 x a:b rate abs info label_join 1 0x1f 1e3 .5 5m 1h30m 1y2w \"a\" 'b' `c` \\ \" ' ` \
                 é \u{fffd} \u{0} _ . ; !";
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    prop_oneof![9 => prop::sample::select(words), 1 => Just("\n".to_owned())]
}
