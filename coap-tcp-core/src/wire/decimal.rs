//! Numbers as text, without `core::fmt`.

use crate::arith::divide;

/// The decimal digits of a number: 1 to 20.
///
/// ```
/// use coap_tcp_core::wire::Decimal;
///
/// assert_eq!(Decimal::new(5683).as_slice(), b"5683");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    /// Of a number.
    pub fn new(number: u64) -> Self {
        let mut this = Self { digits: [b'0'; 20], start: 20 };
        let mut left = number;
        for place in this.digits.iter_mut().rev() {
            let (rest, digit) = divide(left, 10);
            *place += digit as u8;
            left = rest;
            this.start -= 1;
            if left == 0 {
                break;
            }
        }
        this
    }

    /// They, as ASCII.
    #[inline(never)]
    pub fn as_slice(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Decimal {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::Decimal;

    proptest! {
        #[test]
        fn digits_are_those_that_are_displayed(number: u64, shift in 0..64u32) {
            for number in [number >> shift, u64::MAX, 0] {
                let (digits, displayed) = (Decimal::new(number), number.to_string());
                prop_assert_eq!(digits.as_slice(), displayed.as_bytes());
            }
        }
    }
}
