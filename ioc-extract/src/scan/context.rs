//! What stands around a word.

use super::Scanner;

/// How far a label may be from its value.
const REACH: usize = 40;

impl<'t> Scanner<'t> {
    /// The text before `at` that may name the value there: at most 40 bytes, without the punctuation between.
    pub(crate) fn label(&self, at: usize) -> &'t [u8] {
        let from = at.saturating_sub(REACH);
        let mut to = at;
        while to > from {
            match self.bytes[to - 1] {
                b' ' | b'\t' | b'\r' | b'\n' | b':' | b'=' | b'"' | b'\'' | b'-' | b'(' | b'[' | b'\\' | b'>' | b'|' => to -= 1,
                _ => break,
            }
        }
        &self.bytes[from..to]
    }

    /// Whether a label ends in one of these words, whatever the case. A word that begins with a blank must not be the
    /// end of a longer one.
    pub(crate) fn label_is(label: &[u8], words: &[&str]) -> bool {
        words.iter().any(|word| {
            let whole = word.starts_with(' ');
            let word = word.trim_start().as_bytes();
            let Some(split) = label.len().checked_sub(word.len()) else { return false };
            label[split..].eq_ignore_ascii_case(word)
                && (!whole || split == 0 || !label[split - 1].is_ascii_alphanumeric())
        })
    }
}
