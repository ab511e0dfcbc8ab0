//! Names: those that do not fit into a path are written in letters that do.

/// What a name begins with that is written so.
const PREFIX: &str = "U__";

/// The name behind `U__http_2e_status`, in which `__` is one `_` and `_2e_` the character with that
/// number; a text that is not written so stands for itself.
pub(super) fn unescaped(text: &str) -> String {
    text.strip_prefix(PREFIX).and_then(read).unwrap_or_else(|| text.to_owned())
}

/// The most digits of a character's number.
const DIGITS_MAX: usize = 6;

fn read(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('_') {
        name.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix('_') {
            name.push('_');
            rest = after;
            continue;
        }
        let (digits, after) = after.split_once('_')?;
        if digits.len() > DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        name.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn escaped_names_read_back_and_others_stay() {
        for (text, name) in [
            ("job", "job"),
            ("__name__", "__name__"),
            ("http.status", "http.status"),
            ("U__http_2e_status", "http.status"),
            ("U__a_2E_b__c", "a.b_c"),
            ("U___82b1__706b_", "花火"),
            ("U__", ""),
            ("U__a_", "U__a_"),
            ("U__a_zz_", "U__a_zz_"),
            ("U__a_1234567_", "U__a_1234567_"),
            ("U__a_d800_", "U__a_d800_"),
            ("U__a_110000_", "U__a_110000_"),
        ] {
            assert_eq!(unescaped(text), name, "{text}");
        }
    }
}
