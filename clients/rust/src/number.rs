//! Numbers: whatever a program counts with may be a metric's value.

/// A number of any type, or a duration, which counts in seconds. Integers beyond 2^53 lose their
/// last digits.
pub trait Number {
    /// It as Pharos stores it.
    fn to_f64(self) -> f64;
}

macro_rules! numbers {
    ($($type:ty)*) => {
        $(impl Number for $type {
            fn to_f64(self) -> f64 {
                self as f64
            }
        })*
    };
}

numbers!(f64 f32 u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl Number for std::time::Duration {
    fn to_f64(self) -> f64 {
        self.as_secs_f64()
    }
}
