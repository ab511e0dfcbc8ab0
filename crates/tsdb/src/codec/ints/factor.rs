//! Factor: what all numbers of a column have in common when counted from the first, such as the
//! size of a page of memory.

/// Counts the numbers of a column from its first in units of their greatest common divisor, which
/// it returns; at least 1.
pub(super) fn take_out(column: &[i64], scaled: &mut Vec<i64>) -> i64 {
    let first = column[0];
    scaled.clear();
    scaled.extend(column.iter().map(|number| number.wrapping_sub(first)));
    // The power of two in it is found by an or of all; it is left out of the search for the rest.
    let n_zeros = scaled.iter().fold(0, |all, number| all | number).trailing_zeros();
    if n_zeros >= 63 {
        // All the same, or two numbers as far apart as can be.
        return 1;
    }
    let odd = odd_divisor(scaled, n_zeros);
    if n_zeros > 0 || odd > 1 {
        // What is divisible by an odd number is divided by multiplying with its inverse.
        let inverse = inverse(odd);
        for number in scaled.iter_mut() {
            *number = (*number >> n_zeros).wrapping_mul(inverse);
        }
    }
    odd << n_zeros
}

/// The greatest odd divisor of all numbers, which all end in `n_zeros` zeros, one in no more.
fn odd_divisor(numbers: &[i64], n_zeros: u32) -> i64 {
    let mut divisor = 0;
    for number in numbers {
        let number = number.unsigned_abs() >> n_zeros;
        if number == 0 {
            continue;
        }
        // Most columns get to 1 within two numbers, and the others rarely need Euclid twice.
        if divisor == 0 || !number.is_multiple_of(divisor) {
            divisor = greatest_common_divisor(number >> number.trailing_zeros(), divisor);
        }
        if divisor == 1 {
            break;
        }
    }
    // The factor has to be a positive i64; a single distance of 2^63 was excluded above.
    divisor.max(1) as i64
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The number that times this odd one is 1, wrapping, by Newton's method: each round doubles the
/// number of right bits, beginning with three.
fn inverse(odd: i64) -> i64 {
    let mut inverse = odd;
    for _ in 0..5 {
        inverse = inverse.wrapping_mul(2_i64.wrapping_sub(odd.wrapping_mul(inverse)));
    }
    inverse
}
