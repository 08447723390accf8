//! Words of a line, and the values in them.

use std::time::Duration;

/// Cuts a line into words. Quotes keep spaces together and stay where they are; `#` at the start of a word
/// begins a comment.
pub(crate) fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.push(c);
            }
            '#' if !quoted && word.is_empty() => break,
            c if c.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if quoted {
        return Err("a quote is not closed".into());
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

/// `key=value`, or a key alone.
pub(crate) fn key_value(word: &str) -> (&str, Option<&str>) {
    match word.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (word, None),
    }
}

/// `90s`, `250ms`, `50min`, `2h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let n: u64 = digits.parse().map_err(|_| format!("no duration: {text}"))?;
    let ms = match text.get(digits.len()..) {
        Some("ms") => 1,
        Some("s") => 1000,
        Some("min") => 60_000,
        Some("h") => 3_600_000,
        _ => return Err(format!("a duration ends in ms, s, min or h: {text}")),
    };
    Ok(Duration::from_millis(n * ms))
}

/// Hex digits, with or without `0x`.
pub(super) fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.len() % 2 == 1 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(format!("no hex bytes: {text}"));
    }
    let byte = |i: usize| digits.get(i..i + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    Ok((0..digits.len()).step_by(2).filter_map(byte).collect())
}

/// Text without its quotes; bytes after `0x`; either one repeated after `n*`, and such runs joined by `+`.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    if let Some((times, one)) = text.split_once('*') {
        if let Ok(times) = times.parse() {
            let (one, rest) = one.split_once('+').unwrap_or((one, ""));
            return Ok([bytes(one)?.repeat(times), bytes(rest)?].concat());
        }
    }
    match text.strip_prefix("0x") {
        Some(digits) => hex(digits),
        None => Ok(text.trim_matches('"').as_bytes().to_vec()),
    }
}

/// A number as an option has it: without leading zeros.
pub(super) fn uint(n: u32) -> Vec<u8> {
    n.to_be_bytes().into_iter().skip_while(|&b| b == 0).collect()
}

/// `n/m/szx` as a block option has it.
pub(super) fn block(text: &str) -> Result<Vec<u8>, String> {
    let parts: Result<Vec<u32>, _> = text.split('/').map(str::parse).collect();
    match parts.as_deref() {
        Ok(&[number, more @ (0 | 1), size @ 0..=7]) => Ok(uint(number << 4 | more << 3 | size)),
        _ => Err(format!("a block is number/more/szx: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_quotes_and_drop_comments() {
        assert_eq!(
            words(r#"peer 2.05 payload="a # b"  # rest"#).unwrap(),
            ["peer", "2.05", r#"payload="a # b""#]
        );
        assert!(words("\"open").is_err());
        assert_eq!(duration("50min").unwrap(), Duration::from_secs(3000));
        assert_eq!(bytes("3*0x55").unwrap(), [0x55; 3]);
        assert_eq!(bytes("2*\"ab\"").unwrap(), b"abab");
        assert_eq!(bytes("2*\"ab\"+1*0x00").unwrap(), b"abab\0");
        assert_eq!(uint(0), []);
        assert_eq!(block("3/1/7").unwrap(), [0x3f]);
    }
}
