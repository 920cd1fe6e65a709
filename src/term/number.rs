//! Numbers: floats that are finite, and how integers and floats compare.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use num_bigint::{BigInt, Sign};

/// A finite float. 0.0 and -0.0 differ, as they do since OTP 27.
#[derive(Debug, Clone, Copy)]
pub struct Float(f64);

impl Float {
    /// `None` for infinities and NaN: no BEAM has them.
    pub fn new(value: f64) -> Option<Float> {
        value.is_finite().then_some(Float(value))
    }

    /// The value.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Float) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Float {}

impl Hash for Float {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl Ord for Float {
    fn cmp(&self, other: &Float) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Float) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares by value, to the last bit.
pub(super) fn integer_with_float(integer: i64, float: Float) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let float = float.get();
    if float >= LIMIT {
        return Ordering::Less;
    }
    if float < -LIMIT {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    // -0.0 is no less than 0 here, so the fraction is compared as floats are, not by bits.
    let fraction = whole.partial_cmp(&float).unwrap_or(Ordering::Equal);
    integer.cmp(&(whole as i64)).then(fraction)
}

/// Compares by value, to the last bit. `big` is beyond 64 bits, so a smaller float cannot equal it.
pub(super) fn big_with_float(big: &BigInt, float: Float) -> Ordering {
    let float = float.get();
    let exponent = (float.to_bits() >> 52 & 0x7ff) as i32 - 1075;
    if exponent < 0 {
        return match big.sign() {
            Sign::Minus => Ordering::Less,
            _ => Ordering::Greater,
        };
    }
    let mantissa = float.to_bits() & ((1 << 52) - 1) | 1 << 52;
    let magnitude = BigInt::from(mantissa) << exponent;
    big.cmp(&if float < 0.0 { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> Float {
        Float::new(value).unwrap()
    }

    #[test]
    fn integers_and_floats_compare_by_value() {
        for (integer, value, expected) in [
            (0, -0.0, Ordering::Equal),
            (0, 0.5, Ordering::Less),
            (0, -0.5, Ordering::Greater),
            (-1, -0.5, Ordering::Less),
            (
                9_007_199_254_740_993,
                9_007_199_254_740_992.0,
                Ordering::Greater,
            ),
            (i64::MAX, 9_223_372_036_854_775_808.0, Ordering::Less),
            (i64::MIN, -9_223_372_036_854_775_808.0, Ordering::Equal),
        ] {
            assert_eq!(
                integer_with_float(integer, float(value)),
                expected,
                "{integer} {value}"
            );
        }
    }

    #[test]
    fn large_integers_and_floats_compare_by_value() {
        let power = BigInt::from(1) << 100;
        let value = 2f64.powi(100);
        assert_eq!(big_with_float(&power, float(value)), Ordering::Equal);
        assert_eq!(
            big_with_float(&(power.clone() + 1), float(value)),
            Ordering::Greater
        );
        assert_eq!(
            big_with_float(&-power.clone(), float(-value)),
            Ordering::Equal
        );
        assert_eq!(big_with_float(&power, float(0.5)), Ordering::Greater);
        assert_eq!(big_with_float(&-power, float(1e300)), Ordering::Less);
    }
}
