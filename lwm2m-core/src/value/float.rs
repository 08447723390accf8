//! The shortest decimal text of a float that reads as the same float (FMT-10), as `{:?}` writes it; without `core::fmt`,
//! whose several ways to it take 8 KB of a device's flash.

use core::cmp::Ordering;

use coap_tcp_core::wire::Decimal;
use coap_tcp_core::{Buf, Fixed};

/// The longest are as `-1.2345678901234567e-308` is.
pub(super) const LONGEST: usize = 24;

/// The text of a finite number.
pub(super) fn text(n: f64) -> Fixed<LONGEST> {
    let (digits, point) = shortest(n.abs());
    let mut text = Fixed::new();
    // Nothing fails: there is room for the longest.
    let _ = write(&mut text, n.is_sign_negative(), digits.as_slice(), point);
    text
}

fn write(
    text: &mut Fixed<LONGEST>,
    negative: bool,
    digits: &[u8],
    point: i32,
) -> Result<(), coap_tcp_core::Full> {
    if negative {
        text.append(b"-")?;
    }
    match point {
        // 0.000123
        -3..=0 => {
            text.append(b"0.")?;
            (point..0).try_for_each(|_| text.append(b"0"))?;
            text.append(digits)
        }
        // 123.0, 12.3
        1..=16 => {
            let whole = digits.len().min(point.unsigned_abs() as usize);
            let (before, behind) = digits.split_at_checked(whole).unwrap_or_default();
            text.append(before)?;
            (whole..point.unsigned_abs() as usize).try_for_each(|_| text.append(b"0"))?;
            text.append(b".")?;
            text.append(if behind.is_empty() { b"0" } else { behind })
        }
        // 1.23e45
        _ => {
            let (first, behind) = digits.split_at_checked(1).unwrap_or_default();
            text.append(first)?;
            if !behind.is_empty() {
                text.append(b".")?;
                text.append(behind)?;
            }
            text.append(if point < 1 { b"e-" } else { b"e" })?;
            text.append(Decimal::new((point - 1).unsigned_abs().into()).as_slice())
        }
    }
}

/// The fewest digits that name no other float, and where the point is: before the first digit at 0, behind it at 1.
///
/// Steele and White's method, as Burger and Dybvig give it: `n` is `rest / unit`, and whatever differs from it by less than
/// `gap / unit` is nearer to it than to the float below, or `gap << wider` for the one above.
fn shortest(n: f64) -> (Fixed<17>, i32) {
    let mut digits = Fixed::new();
    let bits = n.to_bits();
    let (biased, fraction) = ((bits >> 52) as usize, bits & ((1 << 52) - 1));
    if bits == 0 {
        let _ = digits.append(b"0");
        return (digits, 1);
    }
    let mantissa = if biased == 0 { fraction } else { fraction | 1 << 52 };
    // The bits of the mantissa stand for `2^up / 2^DOWN` and more.
    let up = biased.max(1);
    // Below a power of two the floats are twice as dense.
    let wider = usize::from(fraction == 0 && biased > 1);
    let (up, down) = (up.saturating_sub(DOWN), DOWN.saturating_sub(up));
    let mut rest = Big::new(mantissa, up + 1 + wider);
    let mut unit = Big::new(1, down + 1 + wider);
    let mut gap = Big::new(1, up);
    // Halfway between two floats, what is even is read.
    let reach = if mantissa % 2 == 0 { Ordering::Equal } else { Ordering::Greater };

    let mut point = 0;
    while rest.plus(&gap, wider).cmp(&unit) >= reach {
        unit.times_10();
        point += 1;
    }
    loop {
        rest.times_10();
        gap.times_10();
        if rest.plus(&gap, wider).cmp(&unit) >= reach {
            break;
        }
        point -= 1;
    }
    loop {
        let mut digit = b'0';
        while rest.cmp(&unit).is_ge() {
            rest.minus(&unit);
            digit += 1;
        }
        let low = gap.cmp(&rest) >= reach;
        let high = rest.plus(&gap, wider).cmp(&unit) >= reach;
        let up = high && (!low || rest.plus(&rest, 0).cmp(&unit).is_ge());
        // 17 digits are enough for any float.
        let full = digits.append(&[digit + u8::from(up)]).is_err();
        if low || high || full {
            return (digits, point);
        }
        rest.times_10();
        gap.times_10();
    }
}

/// 2^1074 of the smallest floats are 1.
const DOWN: usize = 1075;

/// A number of as many bits as the largest float and the smallest have, and some.
#[derive(Clone, PartialEq, Eq)]
struct Big([u32; 36]);

impl Big {
    fn new(number: u64, shift: usize) -> Self {
        let mut this = Self([0; 36]);
        let shifted = u128::from(number) << (shift % 32);
        for (at, word) in this.0.iter_mut().skip(shift / 32).take(3).enumerate() {
            *word = (shifted >> (32 * at)) as u32;
        }
        this
    }

    fn times_10(&mut self) {
        let mut carry = 0;
        for word in &mut self.0 {
            carry += u64::from(*word) * 10;
            *word = carry as u32;
            carry >>= 32;
        }
    }

    /// With `other`, which is shifted by 0 or 1 before.
    fn plus(&self, other: &Self, shift: usize) -> Self {
        let mut sum = self.clone();
        let mut carry = 0;
        for (word, other) in sum.0.iter_mut().zip(&other.0) {
            carry += u64::from(*word) + (u64::from(*other) << shift);
            *word = carry as u32;
            carry >>= 32;
        }
        sum
    }

    /// Without `other`, which is not more.
    fn minus(&mut self, other: &Self) {
        let mut borrow = false;
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            let (less, first) = word.overflowing_sub(*other);
            let (less, second) = less.overflowing_sub(u32::from(borrow));
            (*word, borrow) = (less, first || second);
        }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    fn check(n: f64) {
        let text = text(n);
        assert_eq!(core::str::from_utf8(text.as_slice()), Ok(format!("{n:?}").as_str()));
    }

    #[test]
    fn fmt_10_every_order_of_magnitude_is_written_as_rust_does() {
        for exponent in -330..=308 {
            for digits in ["1", "2", "5", "9.5", "9.999999999999999", "1.2345678901234567"] {
                let n: f64 = format!("{digits}e{exponent}").parse().unwrap();
                if n.is_finite() {
                    check(n);
                }
            }
        }
        for power in 0..64 {
            let n = (1u64 << power) as f64;
            [n, n - 1.0, n + 1.0, 1.0 / n, -n].into_iter().for_each(check);
        }
        for biased in 0..0x7ff {
            [0, 1, (1 << 52) - 1]
                .into_iter()
                .for_each(|fraction| check(f64::from_bits(biased << 52 | fraction)));
        }
        [0.0, -0.0, f64::MAX, f64::MIN_POSITIVE, 5e-324, 20.5, 0.1, 0.3, 2.0 / 3.0, 1e15, 1e16, 1e-4, 1e-5]
            .into_iter()
            .for_each(check);
    }

    proptest! {
        #[test]
        fn fmt_10_any_float_is_written_as_rust_does(bits: u64, n: f32, cents in -1_000_000..1_000_000i32) {
            let any = f64::from_bits(bits);
            if any.is_finite() {
                check(any);
            }
            check(n.into());
            check(f64::from(cents) / 100.0);
        }
    }
}
