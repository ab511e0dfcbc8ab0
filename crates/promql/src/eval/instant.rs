//! Functions of numbers: each value by itself.

use std::f64::consts::PI;

/// The function of this name, if it takes a number and gives one.
pub(super) fn math(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "acos" => f64::acos,
        "acosh" => f64::acosh,
        "asin" => f64::asin,
        "asinh" => f64::asinh,
        "atan" => f64::atan,
        "atanh" => f64::atanh,
        "ceil" => f64::ceil,
        "cos" => f64::cos,
        "cosh" => f64::cosh,
        "deg" => |value| value * 180.0 / PI,
        "exp" => f64::exp,
        "floor" => f64::floor,
        "ln" => f64::ln,
        "log10" => f64::log10,
        "log2" => f64::log2,
        "rad" => |value| value * PI / 180.0,
        "sgn" => sign,
        "sin" => f64::sin,
        "sinh" => f64::sinh,
        "sqrt" => f64::sqrt,
        "tan" => f64::tan,
        "tanh" => f64::tanh,
        _ => return None,
    })
}

/// 1 or -1; zeros and NaN stay what they are.
fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// The lesser one; NaN if one is, but for negative infinity, which is less than anything.
pub(super) fn lesser(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    if a == 0.0 && a == b {
        return if a.is_sign_negative() { a } else { b };
    }
    if a < b { a } else { b }
}

/// The greater one; NaN if one is, but for infinity, which is greater than anything.
pub(super) fn greater(a: f64, b: f64) -> f64 {
    -lesser(-a, -b)
}

/// To the nearest multiple of a number, halves up.
pub(super) fn rounded(value: f64, to_nearest: f64) -> f64 {
    let inverse = 1.0 / to_nearest;
    (value * inverse + 0.5).floor() / inverse
}

#[cfg(test)]
mod tests {
    use super::{greater, lesser, rounded, sign};

    #[test]
    fn infinity_beats_no_number() {
        assert_eq!(lesser(f64::NAN, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert_eq!(greater(f64::INFINITY, f64::NAN), f64::INFINITY);
        assert!(lesser(1.0, f64::NAN).is_nan() && greater(f64::NAN, 1.0).is_nan());
        assert_eq!((lesser(1.0, 2.0), greater(1.0, 2.0)), (1.0, 2.0));
    }

    #[test]
    fn zeros_keep_their_sign() {
        assert!(sign(-0.0).is_sign_negative() && sign(-3.0) == -1.0);
        assert!(lesser(0.0, -0.0).is_sign_negative());
        assert!(greater(-0.0, 0.0).is_sign_positive());
    }

    #[test]
    fn halves_are_rounded_up() {
        assert_eq!((rounded(2.5, 1.0), rounded(-2.5, 1.0), rounded(7.0, 5.0)), (3.0, -2.0, 5.0));
    }
}
