//! Words with dots: IPv4 addresses and domain names. E-mail addresses.

use std::{borrow::Cow, net::Ipv4Addr};

use super::{
    Scanner, Word,
    class::{ALPHA, DIGIT, DOT, HIGH, HYPHEN},
};
use crate::{
    error::Rejected,
    ioc::Kind,
    kind::{self, domain, email, ip, wallet},
    refang::is_name_char,
};

impl<'t> Scanner<'t> {
    /// An ASCII word with a dot in it. Returns where to read on.
    pub(super) fn dotted(&mut self, word: Word) -> usize {
        let Word { mut start, mut end, mask } = word;
        while start < end && matches!(self.bytes[start], b'.' | b'-') {
            start += 1;
        }
        while end > start && matches!(self.bytes[end - 1], b'.' | b'-') {
            end -= 1;
        }
        if mask & ALPHA == 0 {
            return self.numeric(word, start, end);
        }
        let len = end - start;
        if len == 14 && self.cisco_mac(start, end) {
            return word.end;
        }
        if matches!(self.byte(start), b'T' | b't')
            && len == 9
            && mask & DIGIT != 0
            && let Ok(value) = kind::label::attack(self.text(start..end))
        {
            self.found(Kind::AttackTechnique, start..end, value);
            return word.end;
        }
        if !self.bytes[start..end].contains(&b'.') {
            return self.token(Word { start, end, mask: mask & !DOT }).max(word.end);
        }
        if self.is_report() && self.file_name(start, end) {
            return word.end;
        }
        self.domain(start, end);
        word.end
    }

    /// In reports: a name with an extension that no host has.
    fn file_name(&mut self, start: usize, end: usize) -> bool {
        const EXTENSIONS: &[&str] = &[
            "exe", "dll", "sys", "scr", "bat", "cmd", "vbs", "vbe", "js", "jse", "wsf", "hta", "lnk", "ps1",
            "psm1", "msi", "jar", "class", "apk", "doc", "docx", "docm", "xls", "xlsx", "xlsm", "xlsb",
            "ppt", "pptx", "pptm", "rtf", "pdf", "chm", "rar", "7z", "iso", "img", "vhd", "vhdx", "tmp",
            "dat", "bin", "elf", "dylib", "plist", "jpg", "jpeg", "png", "gif", "bmp", "ico", "txt", "log",
            "ini", "cfg", "xml", "json", "html", "htm", "php", "asp", "aspx", "jsp", "cpl", "ocx", "drv",
            "evtx", "eml", "msg", "onepkg", "appx", "dmg", "pkg", "deb", "rpm", "tgz", "bz2", "csv",
            "sqlite",
        ];
        let text = self.text(start..end);
        let known =
            text.rsplit('.').next().is_some_and(|e| EXTENSIONS.iter().any(|x| x.eq_ignore_ascii_case(e)));
        let part =
            matches!(self.before(start), b'/' | b'@' | b'=' | b'$') || matches!(self.byte(end), b'@' | b'(');
        if !known || part || text.len() > 128 {
            return false;
        }
        self.found(Kind::FileName, start..end, Cow::Borrowed(text));
        true
    }

    /// Digits and dots.
    fn numeric(&mut self, word: Word, start: usize, end: usize) -> usize {
        let next = word.end;
        if start == word.start + 1 || end - start < 7 {
            return next;
        }
        if word.mask & HYPHEN != 0 {
            // A range of addresses; anything else with a hyphen is a version or a date.
            if let Some(hyphen) = self.bytes[start..end].iter().position(|b| *b == b'-').map(|i| start + i)
                && let Some(first) = ip::v4(&self.bytes[start..hyphen])
                && let Some(last) = ip::v4(&self.bytes[hyphen + 1..end])
            {
                self.v4(start, hyphen, first);
                self.v4(hyphen + 1, end, last);
            }
            return next;
        }
        let Some((address, len)) = ip::v4_prefix(&self.bytes[start..end]) else { return next };
        let stop = start + len;
        if stop != end {
            // tcpdump writes the port after a dot: above 255, it can be no fifth number of a version.
            let port = self.bytes[stop..end]
                .strip_prefix(b".")
                .and_then(|p| std::str::from_utf8(p).ok()?.parse::<u16>().ok());
            if port.is_none_or(|port| port <= 255) {
                return next;
            }
            self.v4(start, stop, address);
            return next;
        }
        if !self.v4(start, stop, address) {
            return next;
        }
        let on = self.network(start, stop).max(next);
        if on == stop {
            self.schemeless(start, stop);
        }
        on
    }

    fn v4(&mut self, start: usize, end: usize, address: Ipv4Addr) -> bool {
        if let Some(reason) = self.is_version(start, end) {
            self.left_out(Kind::Ipv4Addr, start..end, reason);
            return false;
        }
        let value = ip::v4_text(address, self.text(start..end));
        self.found(Kind::Ipv4Addr, start..end, value);
        true
    }

    /// A name with at least one dot.
    pub(super) fn domain(&mut self, mut start: usize, end: usize) {
        // `%2Fevil.com`: the two digits belong to an escape.
        if self.before(start) == b'%'
            && end - start > 2
            && self.bytes[start..start + 2].iter().all(u8::is_ascii_hexdigit)
        {
            start += 2;
            // `%2540`: encoded twice.
            if &self.bytes[start - 2..start] == b"25"
                && self.bytes[start..end].iter().take(2).filter(|b| b.is_ascii_hexdigit()).count() == 2
            {
                start += 2;
            }
            while start < end && matches!(self.bytes[start], b'.' | b'-') {
                start += 1;
            }
        }
        // `user=40evil.com`: quoted-printable for `@`.
        if self.before(start) == b'='
            && self.bytes[start..end].starts_with(b"40")
            && Self::is_word(self.before(start - 1))
        {
            start += 2;
        }
        if let Some(gap) = ellipsis(&self.bytes[start..end]) {
            start += gap;
        }
        let Some(dot) = self.bytes[start..end].iter().rposition(|b| *b == b'.') else { return };
        let tld = &self.bytes[start + dot + 1..end];
        if end - start > domain::MAX_NAME || tld.len() < 2 || !tld[0].is_ascii_alphabetic() {
            return;
        }
        let text = self.text(start..end);
        if text.len() >= 22 && text.as_bytes()[text.len() - 6..].eq_ignore_ascii_case(b".onion") {
            if let Ok(value) = wallet::onion(text) {
                let name = kind::lower(text);
                self.found(Kind::OnionService, start..end, value);
                self.found(Kind::DomainName, start..end, name);
            }
            return;
        }
        let name = kind::lower(text);
        match domain::public(name.as_bytes()) {
            Ok(()) => {}
            Err(Rejected::PublicSuffix) if domain::labels(name.as_bytes()).is_ok() => {
                self.left_out(Kind::DomainName, start..end, Rejected::PublicSuffix);
                return;
            }
            Err(Rejected::Malformed) if self.is_refanged() => {
                // `ioc_evil[.]com`: an underscore is in no name that one can register, so the name begins behind it.
                if let Some(glued) = text.rfind('_') {
                    self.domain(start + glued + 1, end);
                }
                return;
            }
            Err(_) => return,
        }
        if domain::labels(name.as_bytes()).is_err() {
            return;
        }
        if let Some(reason) = self.is_no_host(start, end) {
            self.left_out(Kind::DomainName, start..end, reason);
            return;
        }
        self.found(Kind::DomainName, start..end, name);
        self.schemeless(start, end);
    }

    /// A word with bytes outside ASCII: cut at everything that can be in no name.
    pub(super) fn unicode(&mut self, word: Word) -> usize {
        let Word { start, end, .. } = word;
        for chunk in self.bytes[start..end]
            .utf8_chunks()
            .scan(start, |at, chunk| {
                let from = *at;
                *at += chunk.valid().len() + chunk.invalid().len();
                Some((from, chunk.valid()))
            })
            .collect::<Vec<_>>()
        {
            let (from, text) = chunk;
            let mut piece: Option<usize> = None;
            for (i, c) in text.char_indices().chain([(text.len(), ' ')]) {
                let inside = matches!(c, '.' | '-' | '_') || is_name_char(c);
                match (inside, piece) {
                    (true, None) => piece = Some(i),
                    (false, Some(first)) => {
                        self.piece(from + first, from + i);
                        piece = None;
                    }
                    _ => {}
                }
            }
        }
        end
    }

    /// A word within a word.
    fn piece(&mut self, start: usize, end: usize) {
        let word = self.word_at(start);
        let mask = if word.end <= end {
            word.mask
        } else {
            self.bytes[start..end].iter().fold(0, |m, b| m | super::CLASS[usize::from(*b)])
        };
        if mask & HIGH == 0 {
            let word = Word { start, end, mask };
            if mask & DOT != 0 {
                self.dotted(word);
            } else if super::token::worth_a_look(self.bytes, word) {
                self.token(word);
            }
            return;
        }
        let text = self.text(start..end);
        let trimmed = text.trim_start_matches(['.', '-']);
        let start = end - trimmed.len();
        let text = trimmed.trim_end_matches(['.', '-']);
        if text.contains('.')
            && let Ok(name) = domain::canonical(text)
        {
            let end = start + text.len();
            if self.is_no_host(start, end).is_none() {
                self.found(Kind::DomainName, start..end, Cow::Owned(name.into_owned()));
            }
        }
    }

    /// A word before `@`.
    pub(super) fn email(&mut self, word: Word) -> Option<usize> {
        let at = word.end;
        let host = self.word_at(at + 1);
        if host.mask & (DOT | HIGH) == 0 && self.byte(at + 1) != b'[' {
            return None;
        }
        let mut start = word.start;
        let reach = self.floor().max(at.saturating_sub(email::MAX_LOCAL));
        while start > reach && (Self::is_word(self.bytes[start - 1]) || self.bytes[start - 1] == b'+') {
            start -= 1;
        }
        if let Some(gap) = ellipsis(&self.bytes[start..at]) {
            start += gap;
        }
        while start < at && matches!(self.bytes[start], b'.' | b'-' | b'+') {
            start += 1;
        }
        if self.byte(at + 1) == b'[' {
            let len = self.bytes[at + 1..].iter().take(48).position(|b| *b == b']')?;
            let end = at + 2 + len;
            let value = email::canonical(self.text(start..end)).ok()?;
            self.found(Kind::EmailAddr, start..end, value);
            return Some(at + 1);
        }
        // `v*****re@evil.com`: masked, so it is nobody's address.
        if self.before(start) == b'*' {
            self.left_out(Kind::EmailAddr, start..at + 1, Rejected::Malformed);
            return None;
        }
        let mut end = host.end;
        while end > at && matches!(self.bytes[end - 1], b'.' | b'-' | b'_') {
            end -= 1;
        }
        if host.mask & (ALPHA | HIGH) == 0 {
            if self.is_report()
                && ip::v4(&self.bytes[host.start..end.max(host.start)]).is_some()
                && start < at
            {
                let value = email::canonical(self.text(start..end)).ok()?;
                self.found(Kind::EmailAddr, start..end, value);
                return Some(at + 1);
            }
            return None;
        }
        if end <= at + 1 || start >= at {
            return None;
        }
        match email::canonical(self.text(start..end)) {
            Ok(value) => {
                let jabber =
                    self.is_report() && ["jabber", "xmpp"].iter().any(|s| value[at - start..].contains(s));
                let kind = if jabber { Kind::Xmpp } else { Kind::EmailAddr };
                self.found(kind, start..end, value);
                if self.is_report() {
                    self.wider_mailbox(start, end);
                }
                Some(host.end)
            }
            Err(_) => None,
        }
    }

    /// In reports: the address from `start` to `end` with a comment before it, or with all that may be in a local part.
    fn wider_mailbox(&mut self, start: usize, end: usize) {
        let from = start.saturating_sub(email::MAX_LOCAL);
        let before = &self.bytes[from..start];
        let wider = match before.last() {
            Some(b')') => before.iter().rposition(|b| *b == b'('),
            Some(b'=') => {
                let run = before.iter().rev().take_while(|b| Self::is_word(**b) || **b == b'=').count();
                (run > 1).then(|| before.len() - run)
            }
            _ => None,
        };
        if let Some(wider) = wider.map(|i| from + i)
            && let Ok(value) = email::canonical(self.text(wider..end))
        {
            self.found(Kind::EmailAddr, wider..end, value);
        }
    }

    /// `"john..doe"@evil.com`, `john(comment)@evil.com`; the `@` is at `at`.
    pub(super) fn quoted_mailbox(&mut self, at: usize) -> Option<usize> {
        if !self.is_report() {
            return None;
        }
        let (open, close) = match self.before(at) {
            b'"' => (b'"', at - 1),
            b')' => (b'(', at - 1),
            _ => return None,
        };
        let from = close.saturating_sub(email::MAX_LOCAL);
        let mut start = from + self.bytes[from..close].iter().rposition(|b| *b == open)?;
        if open == b'(' {
            start -= self.bytes[from..start].iter().rev().take_while(|b| Self::is_word(**b)).count();
        }
        let host = self.word_at(at + 1);
        let mut end = host.end;
        while end > at && matches!(self.bytes[end - 1], b'.' | b'-' | b'_') {
            end -= 1;
        }
        let value = email::canonical(self.text(start..end)).ok()?;
        self.found(Kind::EmailAddr, start..end, value);
        Some(host.end)
    }
}

/// What comes after the last two dots in a row: its offset.
fn ellipsis(text: &[u8]) -> Option<usize> {
    text.windows(2).rposition(|pair| pair == b"..").map(|i| i + 2)
}
