//! Arithmetic that a device of 32 bits has no instruction for.

/// `n` by a small number, and what remains. Division of 64 bits in general would take 0.5 KB of a device's flash.
pub(crate) const fn divide(n: u64, by: u16) -> (u64, u16) {
    let (mut quotient, mut rest, mut shift) = (0, 0, 64);
    while shift > 0 {
        shift -= 16;
        let part = rest << 16 | (n >> shift) as u32 & 0xffff;
        quotient = quotient << 16 | (part / by as u32) as u64;
        rest = part % by as u32;
    }
    (quotient, rest as u16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::divide;

    proptest! {
        #[test]
        fn it_divides(n: u64, by in 1..=u16::MAX) {
            prop_assert_eq!(divide(n, by), (n / u64::from(by), (n % u64::from(by)) as u16));
        }
    }
}
