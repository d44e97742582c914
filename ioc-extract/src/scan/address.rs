//! Colons between hex groups: IPv6 and MAC addresses; what follows an address.

use std::{net::Ipv6Addr, ops::Range};

use super::{Scanner, Word};
use crate::{
    error::Rejected,
    extractor::MappedAddresses,
    ioc::Kind,
    kind::{self, ip},
};

/// The longest run of hex digits, colons and dots that is an address or a fingerprint (SHA-256 in pairs).
const MAX_RUN: usize = 95;

impl Scanner<'_> {
    /// Groups of hex digits parted by colons, the first being `word` (which is empty before `::`).
    pub(super) fn colons(&mut self, word: Word) -> Option<usize> {
        let start = word.start;
        let before = self.before(start);
        let escape = matches!(before, b't' | b'n' | b'r') && start > 1 && self.bytes[start - 2] == b'\\';
        if (Self::is_word(before) && before != b'.' && !escape) || before == b':' {
            return None;
        }
        let rest = &self.bytes[start..];
        let mut len = 0;
        let (mut colons, mut dots, mut doubled, mut digits) = (0usize, 0usize, 0usize, 0usize);
        // Past groups that can be nothing else no later word need be tried again.
        let mut skip = 0;
        let mut group = 0;
        let mut pairs = true;
        while let Some(b) = rest.get(len) {
            match b {
                b':' => {
                    colons += 1;
                    pairs &= group == 2;
                    if group == 0 && len > 0 && rest[len - 1] == b':' {
                        doubled += 1;
                    }
                    if dots == 0 && group <= 4 {
                        skip = len + 1;
                    }
                    group = 0;
                }
                b'.' => dots += 1,
                b'0'..=b'9' => {
                    digits += 1;
                    group += 1;
                }
                b'a'..=b'f' | b'A'..=b'F' => group += 1,
                _ => break,
            }
            if group > 4 && dots == 0 {
                break;
            }
            len += 1;
            if len > MAX_RUN {
                return Some(start + skip.max(word.end - start));
            }
        }
        let on = Some((start + skip).max(word.end));
        let ends_in_word = rest.get(len).is_some_and(|b| Self::is_word(*b));
        let mut end = start + len;
        while end > start
            && (self.bytes[end - 1] == b'.'
                || (self.bytes[end - 1] == b':' && !self.bytes[..end].ends_with(b"::")))
        {
            end -= 1;
        }
        if pairs && group == 2 && dots == 0 && !ends_in_word {
            if let Some(next) = self.pairs(start, end, colons + 1) {
                return Some(next);
            }
            return on;
        }
        if doubled == 0 && colons != 7 && !(colons == 6 && dots > 0) || doubled > 1 || colons < 2 {
            return on;
        }
        if ends_in_word {
            return None;
        }
        // `1::~~time`, `d8:d5:d7:d7:df:d6::~~`: a separator after a number or a MAC address, not an address that ends in
        // zeros, which has more groups or a prefix length.
        if self.bytes[start..end].ends_with(b"::") && self.byte(end) != b'/' && end - start > 2 {
            let groups = end - 2;
            if colons == 2 {
                return on;
            }
            if colons == 7
                && let Some(next) = self.pairs(start, groups, 6)
            {
                return Some(next);
            }
        }
        // `std::dec`, `a::b`: program code has no digits in such places; an address has.
        let address = ip::v6(&self.bytes[start..end]).or_else(|| {
            // tcpdump writes the port after a dot.
            let dot = self.bytes[start..end].iter().rposition(|b| *b == b'.')?;
            end = start + dot;
            ip::v6(&self.bytes[start..end])
        });
        let Some(address) = address else { return on };
        if digits == 0 {
            let alone = end - start == 2 && self.is_report() && !Self::is_word(self.byte(end));
            if !alone {
                self.left_out(Kind::Ipv6Addr, start..end, Rejected::LooksLikeCode);
                return on;
            }
        }
        self.v6(address, start..end);
        let end = self.zone(end);
        Some(self.network(start, end))
    }

    /// An IPv6 address, maybe an IPv4-mapped one.
    pub(super) fn v6(&mut self, address: Ipv6Addr, span: Range<usize>) {
        let written = self.text(span.clone());
        let mapped = address.to_ipv4_mapped();
        if let Some(inner) = mapped.filter(|_| self.config.mapped != MappedAddresses::AsWritten) {
            self.found(Kind::Ipv4Addr, span.clone(), kind::displayed(inner, written));
        }
        if mapped.is_none() || self.config.mapped != MappedAddresses::Ipv4 {
            self.found(Kind::Ipv6Addr, span, kind::displayed(address, written));
        }
    }

    /// Pairs of hex digits: a MAC address (6), an EUI-64 (8), fingerprints of certificates (20 and 32).
    fn pairs(&mut self, start: usize, end: usize, count: usize) -> Option<usize> {
        let kind = match count {
            6 => Kind::MacAddr,
            20 => Kind::CertSha1,
            32 => Kind::CertSha256,
            _ => return None,
        };
        let (kind, value) = kind::canonical(kind, self.text(start..end)).ok()?;
        self.found(kind, start..end, value);
        Some(end)
    }

    /// The end of a zone (`%eth0`, `%25eth0`) after an address.
    fn zone(&self, end: usize) -> usize {
        if self.byte(end) != b'%' {
            return end;
        }
        let len = self.bytes[end + 1..].iter().take(16).take_while(|b| b.is_ascii_alphanumeric()).count();
        if len == 0 { end } else { end + 1 + len }
    }

    /// After an address that begins at `start`: a prefix length makes a network of it. Returns where to read on.
    pub(super) fn network(&mut self, start: usize, end: usize) -> usize {
        if self.byte(end) != b'/' {
            return end;
        }
        let digits = self.bytes[end + 1..].iter().take(4).take_while(|b| b.is_ascii_digit()).count();
        let stop = end + 1 + digits;
        let ended = !Self::is_word(self.byte(stop)) && self.byte(stop) != b'/'
            || (self.byte(stop) == b'.' && !Self::is_word(self.byte(stop + 1)));
        if digits == 0 || !ended {
            return end;
        }
        let Ok((kind, value)) = ip::canonical_cidr(self.text(start..stop)) else { return end };
        self.found(kind, start..stop, value);
        stop
    }
}
