//! Rust source with its comments, strings and tests blanked out.
//!
//! Blanked bytes become spaces and line breaks stay, so positions and line numbers remain those of the
//! original. This is a scanner, not a parser: it knows just enough of Rust's lexical rules to tell code
//! from text.

/// `text` without comments and without the contents of string and character literals.
pub(crate) fn without_text(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut kept = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = token_end(bytes, at);
        if let Some(end) = end {
            blank(&mut kept, at, end);
            at = end;
        } else {
            at += word_end(bytes, at).max(1);
        }
    }
    // Blanking replaces whole literals and comments, so what is left is still UTF-8.
    String::from_utf8_lossy(&kept).into_owned()
}

/// `code`, as [`without_text`] returns it, without the items behind `#[cfg(test)]`.
pub(crate) fn without_tests(code: &str) -> String {
    let mut kept = code.as_bytes().to_vec();
    let mut from = 0;
    while let Some(found) = code.get(from..).and_then(|rest| rest.find("#[cfg(test)]")) {
        let start = from + found;
        let end = item_end(code.as_bytes(), start);
        blank(&mut kept, start, end);
        from = end;
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The line, counted from 1, of the byte at `position`.
pub(crate) fn line_of(text: &str, position: usize) -> usize {
    text.bytes()
        .take(position)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

/// Where the item ends that an attribute at `start` belongs to: after its `;` or its closing brace.
fn item_end(code: &[u8], start: usize) -> usize {
    let mut depth = 0_i32;
    for (at, byte) in code.iter().enumerate().skip(start) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth -= 1;
                if depth == 0 && *byte == b'}' {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Where the comment or literal ends that begins at `at`; none where code begins there.
fn token_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    if rest.starts_with(b"//") {
        return Some(
            at + rest
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or(rest.len()),
        );
    }
    if rest.starts_with(b"/*") {
        return Some(at + block_comment(rest));
    }
    // `b"…"`, `c"…"`, `r"…"`, `r#"…"#`, `br#"…"#` and so on.
    let prefix = rest
        .iter()
        .take_while(|byte| matches!(byte, b'b' | b'c' | b'r'))
        .count()
        .min(2);
    let raw = rest.iter().take(prefix).any(|byte| *byte == b'r');
    let hashes = if raw {
        rest.iter()
            .skip(prefix)
            .take_while(|byte| **byte == b'#')
            .count()
    } else {
        0
    };
    match rest.get(prefix + hashes) {
        Some(b'"') if raw => Some(at + raw_string(rest, prefix + hashes + 1, hashes)),
        Some(b'"') => Some(at + quoted(rest, prefix + 1, b'"')),
        Some(b'\'') if prefix == 0 || rest.starts_with(b"b'") => {
            character(rest, prefix).map(|length| at + length)
        }
        _ => None,
    }
}

/// The length of a block comment; they nest.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = rest.get(at..).unwrap_or_default();
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length up to the closing quote, where the content begins at `from`.
fn quoted(rest: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if *byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length up to the quote that is followed by as many hashes as the string began with.
fn raw_string(rest: &[u8], from: usize, hashes: usize) -> usize {
    let mut end = vec![b'"'];
    end.extend(std::iter::repeat_n(b'#', hashes));
    let found = rest
        .get(from..)
        .unwrap_or_default()
        .windows(end.len())
        .position(|window| window == end);
    found.map_or(rest.len(), |found| from + found + end.len())
}

/// The length of a character literal whose quote is at `quote`; none for a lifetime.
fn character(rest: &[u8], quote: usize) -> Option<usize> {
    let content = rest.get(quote + 1..)?;
    if content.first() == Some(&b'\\') {
        return Some(quoted(rest, quote + 1, b'\''));
    }
    // A character is at most four bytes long; a lifetime has no quote behind its first character.
    let text = String::from_utf8_lossy(content.get(..content.len().min(8))?).into_owned();
    let first = text.chars().next()?;
    let close = quote + 1 + first.len_utf8();
    (rest.get(close) == Some(&b'\'')).then_some(close + 1)
}

/// The length of the identifier at `at`, so that its letters aren't taken for a literal's prefix.
fn word_end(bytes: &[u8], at: usize) -> usize {
    bytes
        .iter()
        .skip(at)
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count()
}

/// Replaces all but line breaks with spaces.
fn blank(bytes: &mut [u8], from: usize, to: usize) {
    for byte in bytes.iter_mut().take(to).skip(from) {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        without_text(text)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        assert_eq!(words("a // b\nc /* d /* e */ f */ g"), "a c g");
        assert_eq!(
            words(r#"f("x \" y", 'z', b'q', '\'', "é")"#),
            "f( , , , , )"
        );
        assert_eq!(words("r#\"a \" b\"# c br\"d\\\" e"), "c e");
    }

    #[test]
    fn lifetimes_and_raw_identifiers_are_code() {
        assert_eq!(
            words("fn f<'a>(x: &'a str) { r#type }"),
            "fn f<'a>(x: &'a str) { r#type }"
        );
        assert_eq!(words("bar\"x\""), "bar");
    }

    #[test]
    fn positions_stay() {
        let text = "one\n/* two\nthree */ four";
        let code = without_text(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.find("four").map(|at| line_of(&code, at)), Some(3));
    }

    #[test]
    fn tests_are_blanked_with_their_braces() {
        let code =
            without_tests("fn a() {}\n#[cfg(test)]\nmod tests { fn b() { [1]; } }\nfn c() {}");
        assert!(code.contains("fn a()") && code.contains("fn c()") && !code.contains("fn b()"));
        let code = without_tests("#[cfg(test)]\nmod tests;\nfn c() {}");
        assert!(!code.contains("tests") && code.contains("fn c()"));
    }
}
