//! Words without dots: hashes, wallets, identifiers.

use super::{
    Scanner, Word,
    class::{DIGIT, HYPHEN, LETTER, UNDERSCORE},
    words::{CERTIFICATE, Labels, SESSION},
};
use std::borrow::Cow;

use crate::{
    error::Rejected,
    ioc::Kind,
    kind::{self, hash, ip, wallet},
};

/// Whether a word without dots can be anything. Runs for each such word, so it only looks at mask, length and first
/// byte.
#[inline]
pub(super) fn worth_a_look(bytes: &[u8], word: Word) -> bool {
    let len = word.end - word.start;
    if word.mask & DIGIT == 0 || len < 5 {
        return len >= 16;
    }
    len >= 16
        || matches!(bytes[word.start], b'C' | b'c' | b'T' | b't' | b'A' | b'a' | b'U' | b'M' | b'p')
            && len >= 5
        || len == 17 && word.mask & HYPHEN != 0
}

impl Scanner<'_> {
    /// A word of letters, digits, `-` and `_`. Returns where to read on.
    pub(super) fn token(&mut self, word: Word) -> usize {
        let Word { mut start, mut end, mask } = word;
        let next = word.end;
        if mask & (HYPHEN | UNDERSCORE) != 0 {
            while start < end && matches!(self.bytes[start], b'-' | b'_') {
                start += 1;
            }
            while end > start && matches!(self.bytes[end - 1], b'-' | b'_') {
                end -= 1;
            }
        }
        let len = end - start;
        if len < 16 {
            self.identifier(start, end);
            if self.is_report() {
                // `http` in base64, be it broken by blanks.
                let text = &self.bytes[start..];
                if text.starts_with(b"aHR0c") || text.starts_with(b"a H R 0 c") {
                    return self.base64(word).unwrap_or(next);
                }
                if text.len() > 4 && text[..3].eq_ignore_ascii_case(b"tlp") {
                    return self.tlp(start).unwrap_or(next);
                }
                return self.numbered(start, end).or_else(|| self.phone(start, end)).unwrap_or(next);
            }
            return next;
        }
        let prefix = if self.bytes[start..end].starts_with(b"0x") { 2 } else { 0 };
        if (mask & LETTER == 0 || prefix > 0)
            && self.bytes[start + prefix..end].iter().all(u8::is_ascii_hexdigit)
        {
            if let Some(next) = self.hex(start, end) {
                return next;
            }
            if hash::kind_of_length(len).is_some() {
                self.hash(start, end);
                return next;
            }
        }
        // `sha256-e3b0…`, `authentihash_3f1b…`
        if len > 32
            && mask & (HYPHEN | UNDERSCORE) != 0
            && let Some(i) = self.bytes[start..end].iter().rposition(|b| matches!(b, b'-' | b'_'))
        {
            let last = start + i + 1;
            if hash::kind_of_length(end - last).is_some()
                && self.bytes[last..end].iter().all(u8::is_ascii_hexdigit)
            {
                self.hash(last, end);
                return next;
            }
        }
        let before = self.hits();
        if len < 24 {
            if mask & DIGIT != 0 || len == 17 {
                self.identifier(start, end);
            }
        } else {
            self.long(start, end);
        }
        if self.hits() == before
            && Self::may_be_base64(word)
            && let Some(next) = self.base64(word)
        {
            return next;
        }
        next
    }

    fn hash(&mut self, start: usize, end: usize) {
        let Some(mut kind) = hash::kind_of_length(end - start) else { return };
        let label = self.label(start);
        let is = |labels: &Labels| Self::label_is(label, labels);
        kind = match kind {
            Kind::Md5
                if is(const {
                    &Labels::new(&["imphash", "import hash", "imp_hash", "import_hash", "imports hash"])
                }) =>
            {
                Kind::Imphash
            }
            Kind::Md5 if is(const { &Labels::new(&["ja3s", "ja3s_hash", "ja3s.hash", "ja3s_digest"]) }) => {
                Kind::Ja3s
            }
            Kind::Md5
                if is(const { &Labels::new(&["ja3", "ja3_hash", "ja3.hash", "ja3_digest", "ja3 hash"]) }) =>
            {
                Kind::Ja3
            }
            Kind::Sha256 if is(const { &Labels::new(&["authentihash", "authenticode"]) }) => {
                Kind::Authentihash
            }
            Kind::Sha256 if is(const { &Labels::new(&["sha3-256", "sha3_256"]) }) => Kind::Sha3_256,
            Kind::Sha512 if is(const { &Labels::new(&["sha3-512", "sha3_512"]) }) => Kind::Sha3_512,
            Kind::Sha1 if is(&CERTIFICATE) => Kind::CertSha1,
            Kind::Sha256 if is(&CERTIFICATE) => Kind::CertSha256,
            kind => kind,
        };
        if is(&SESSION) {
            self.left_out(kind, start..end, Rejected::SessionId);
            return;
        }
        let value = kind::lower(self.text(start..end));
        self.found(kind, start..end, value);
    }

    /// `AS 1234`, `asn 1234`: a label, a blank and a number, in reports.
    fn numbered(&mut self, start: usize, end: usize) -> Option<usize> {
        let label = &self.bytes[start..end];
        let known = label == b"AS" || label.eq_ignore_ascii_case(b"asn");
        let digits = self.bytes.get(end + 1..)?.iter().take(11).take_while(|b| b.is_ascii_digit()).count();
        let stop = end + 1 + digits;
        if !known
            || self.byte(end) != b' '
            || digits == 0
            || Self::is_word(self.byte(stop)) && self.byte(stop) != b'.'
        {
            return None;
        }
        let value = kind::label::asn(self.text(start..stop)).ok()?.into_owned();
        self.found(Kind::Asn, start..stop, Cow::Owned(value));
        Some(stop)
    }

    /// `TLP:AMBER`
    fn tlp(&mut self, start: usize) -> Option<usize> {
        let rest = &self.bytes[start + 4..];
        let colour = rest.iter().take(12).take_while(|b| b.is_ascii_alphabetic() || **b == b'+').count();
        let end = start + 4 + colour;
        let value = kind::label::tlp(self.text(start..end)).ok()?;
        self.found(Kind::TlpMarking, start..end, value);
        Some(end)
    }

    /// `+61 491 570 006`, `call 0491 570 006`: in reports, a number with its country code or after a word for it.
    fn phone(&mut self, start: usize, end: usize) -> Option<usize> {
        let plus = self.before(start) == b'+' && !Self::is_word(self.before(start - 1));
        if !self.byte(start).is_ascii_digit()
            || !self.bytes[start..end].iter().all(|b| b.is_ascii_digit() || *b == b'-')
        {
            return None;
        }
        let labelled = Self::label_is(
            self.label(start),
            const { &Labels::new(&[" call", "phone", " tel", "telephone", " fax", "mobile", "whatsapp", "sms"]) },
        );
        if !plus && !labelled {
            return None;
        }
        let start = if plus { start - 1 } else { start };
        let run = self.bytes[start..]
            .iter()
            .take(24)
            .take_while(|b| b.is_ascii_digit() || matches!(b, b'+' | b' ' | b'-' | b'(' | b')'))
            .count();
        let text = self.text(start..start + run).trim_end_matches([' ', '-', '(', ')']);
        let value = kind::label::phone(text).ok()?.into_owned();
        let stop = start + text.len();
        self.found(Kind::PhoneNumber, start..stop, Cow::Owned(value));
        Some(stop)
    }

    /// Short words that begin with a label.
    fn identifier(&mut self, start: usize, end: usize) {
        let kind = match &self.bytes[start..end] {
            [b'C' | b'c', b'V' | b'v', ..] => Kind::Cve,
            [b'T' | b't', b'A' | b'a', ..] => Kind::AttackTactic,
            [b'T' | b't', b'0'..=b'9', ..] => Kind::AttackTechnique,
            [b'M', b'0'..=b'9', ..] => Kind::AttackMitigation,
            [b'A', b'S', ..] => Kind::Asn,
            [b'a', b's', digits @ ..] if self.is_report() && digits.len() >= 4 => Kind::Asn,
            [b'U', b'A', b'-', ..] => Kind::AnalyticsId,
            [b'p', b'u', b'b', b'-', ..] => Kind::AdsenseId,
            _ if end - start == 17 => Kind::MacAddr,
            _ => return,
        };
        if let Ok((kind, value)) = kind::canonical(kind, self.text(start..end)) {
            self.found(kind, start..end, value);
        }
    }

    /// Long words of mixed characters.
    fn long(&mut self, start: usize, end: usize) {
        let text = self.text(start..end);
        let len = end - start;
        if len == 36
            && let Ok(value) = hash::ja4(text)
        {
            self.found(Kind::Ja4, start..end, value);
        } else if len == 72
            && let Ok(value) = hash::tlsh(text)
        {
            self.found(Kind::Tlsh, start..end, value);
        } else if len == 56
            && let Ok(value) = wallet::onion(text)
        {
            self.found(Kind::OnionService, start..end, value);
        } else if len <= wallet::MAX_ADDRESS
            && let Some(kind) = wallet::shape(text.as_bytes())
        {
            match wallet::canonical(kind, text) {
                Ok(value) => self.found(kind, start..end, value),
                Err(Rejected::Checksum) => self.left_out(kind, start..end, Rejected::Checksum),
                Err(_) => {}
            }
        } else if self.is_report()
            && (43..=44).contains(&len)
            && let Ok(value) = wallet::canonical(Kind::Solana, text)
        {
            self.found(Kind::Solana, start..end, value);
        }
    }

    /// `BLOCKSIZE:HASH:HASH`, the block size being the word.
    pub(super) fn ssdeep(&mut self, start: usize, end: usize) -> Option<usize> {
        let base64 = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
        let run = |from: usize| {
            self.bytes.get(from..).unwrap_or_default().iter().take(65).take_while(base64).count()
        };
        if !matches!(self.byte(start), b'1'..=b'9') || end - start > 10 {
            return None;
        }
        let first = run(end + 1);
        let middle = end + 1 + first;
        if !(8..=64).contains(&first) || self.byte(middle) != b':' {
            return None;
        }
        let second = run(middle + 1);
        let stop = middle + 1 + second;
        let text = self.text(start..stop);
        if !(3..=64).contains(&second) || first + second < 16 {
            return None;
        }
        let value = hash::ssdeep(text).ok()?;
        self.found(Kind::Ssdeep, start..stop, value);
        Some(stop)
    }

    /// `arn:…`; the resource may hold blanks only where the text ends with it.
    pub(super) fn arn(&mut self, start: usize) -> Option<usize> {
        let rest = self.bytes.get(start..)?;
        let stop = |b: &u8| {
            *b <= b' ' || matches!(b, b'"' | b'\'' | b'<' | b'>' | b',' | b';' | b')' | b']' | b'}' | b'\\')
        };
        let len = rest.iter().take(2048).position(stop).unwrap_or_else(|| rest.len().min(2048));
        let mut text = self.text(start..start + len).trim_end_matches(['.', ':']);
        // Resources may have blanks in their names, which only a line of their own tells from other text.
        let plain = |b: &u8| {
            b.is_ascii_alphanumeric() || matches!(b, b' ' | b'/' | b':' | b'*' | b'_' | b'-' | b'.' | b'?')
        };
        if matches!(self.before(start), 0 | b'\n') {
            let line = rest.iter().take(257).take_while(|b| plain(b)).count();
            if line <= 256 && matches!(self.byte(start + line), 0 | b'\n' | b'\r') {
                text = self.text(start..start + line).trim_end();
            }
        }
        let value = kind::label::arn(text).ok()?;
        let end = start + value.len();
        self.found(Kind::Arn, start..end, value);
        // Hosts of services stand in the resource.
        Some(start + 4)
    }

    /// `aabb.ccdd.eeff`
    pub(super) fn cisco_mac(&mut self, start: usize, end: usize) -> bool {
        let Ok(value) = ip::mac(self.text(start..end)) else { return false };
        if self.bytes[start..end].iter().all(|b| *b == b'.' || b.is_ascii_digit())
            && !Self::label_is(
                self.label(start),
                const { &Labels::new(&["mac", "address", "host", "hwaddr"]) },
            )
        {
            return false;
        }
        self.found(Kind::MacAddr, start..end, value);
        true
    }
}
