//! Plain name: a name of another system as one that a query can ask for without quotes.

/// The name with `_` in the place of every character but ASCII letters, digits, `_` and `:`, and
/// before a digit at its start.
pub fn plain_name(name: &str) -> String {
    let mut plain = String::with_capacity(name.len() + 1);
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        plain.push('_');
    }
    let keeps = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    plain.extend(name.chars().map(|c| if keeps(c) { c } else { '_' }));
    plain
}

/// The same for a label, which has no colons.
pub fn plain_label(name: &str) -> String {
    plain_name(name).replace(':', "_")
}
