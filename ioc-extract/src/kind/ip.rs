//! IPv4 and IPv6 addresses, networks, MAC addresses.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::displayed;
use crate::{error::Rejected, ioc::Kind};

/// Reads `d.d.d.d` at the start of `bytes`; returns the address and the number of bytes read.
///
/// Numbers with a leading zero are refused where they can be read as octal and differ then: they name two hosts.
pub(crate) fn v4_prefix(bytes: &[u8]) -> Option<(Ipv4Addr, usize)> {
    let mut octets = [0u8; 4];
    let mut at = 0;
    for (i, octet) in octets.iter_mut().enumerate() {
        if i > 0 {
            if *bytes.get(at)? != b'.' {
                return None;
            }
            at += 1;
        }
        let start = at;
        let mut value = 0u16;
        while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
            if at - start == 3 {
                return None;
            }
            value = value * 10 + u16::from(digit - b'0');
            at += 1;
        }
        if at == start
            || (bytes[start] == b'0'
                && at - start > 1
                && value > 7
                && bytes[start..at].iter().all(|b| *b < b'8'))
        {
            return None;
        }
        *octet = u8::try_from(value).ok()?;
    }
    Some((Ipv4Addr::from(octets), at))
}

/// The whole of `bytes` as an IPv4 address.
pub(crate) fn v4(bytes: &[u8]) -> Option<Ipv4Addr> {
    v4_prefix(bytes).and_then(|(ip, len)| (len == bytes.len()).then_some(ip))
}

/// The text of an address, borrowed from how it was written where that is the same.
pub(crate) fn v4_text(ip: Ipv4Addr, written: &str) -> Cow<'_, str> {
    let digits: usize =
        ip.octets().iter().map(|octet| 1 + usize::from(*octet >= 10) + usize::from(*octet >= 100)).sum();
    if written.len() == digits + 3 { Cow::Borrowed(written) } else { Cow::Owned(ip.to_string()) }
}

/// The address of a URL's host in one of the forms that `inet_aton` reads: `0x2d3d0c09`, `759000073`, `45.61.3081`,
/// `0x2d.075.12.9`. A plain dotted quad is none of them.
pub(crate) fn v4_integer(host: &[u8]) -> Option<Ipv4Addr> {
    if !host.first().is_some_and(u8::is_ascii_digit) || host.len() > 48 || v4(host).is_some() {
        return None;
    }
    let mut parts = [0u64; 4];
    let mut count = 0;
    for part in host.split(|b| *b == b'.') {
        let slot = parts.get_mut(count)?;
        let (digits, radix) = match part {
            [b'0', b'x' | b'X', rest @ ..] => (rest, 16),
            [b'0', rest @ ..] if !rest.is_empty() => (rest, 8),
            _ => (part, 10),
        };
        let digits = std::str::from_utf8(digits).ok()?;
        if !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        *slot = u64::from_str_radix(digits, radix).ok()?;
        count += 1;
    }
    let (last, leading) = parts[..count].split_last()?;
    let room = 8 * (4 - leading.len() as u32);
    if leading.iter().any(|part| *part > 255) || *last >= 1 << room {
        return None;
    }
    let high = leading.iter().enumerate().fold(0u32, |sum, (i, part)| sum | (*part as u32) << (24 - 8 * i));
    // A lone small number is a port, a count or an id, not an address somebody hides.
    (count > 1 || *last > 0x00ff_ffff).then(|| Ipv4Addr::from_bits(high | *last as u32))
}

/// Text of an address: an IPv4-mapped one is written, and kinded, as the IPv4 address it carries. Borrowed from how it
/// was written where that is the same.
pub(crate) fn kinded(ip: Ipv6Addr, written: &str) -> (Kind, Cow<'_, str>) {
    match ip.to_ipv4_mapped() {
        Some(ip) => (Kind::Ipv4Addr, displayed(ip, written)),
        None => (Kind::Ipv6Addr, displayed(ip, written)),
    }
}

/// The whole of `text` as an IPv6 address, without brackets and zone.
pub(crate) fn v6(text: &[u8]) -> Option<Ipv6Addr> {
    if text.len() > 45 {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

pub(crate) fn canonical(kind: Kind, text: &str) -> Result<(Kind, Cow<'_, str>), Rejected> {
    let (inner, bracketed) = match text.strip_prefix('[') {
        Some(rest) => (rest.split(']').next().unwrap_or(rest), true),
        None => (text, false),
    };
    let port = |text: &str| text.parse::<u16>().is_ok();
    let host = inner.split_once(':').filter(|(_, p)| port(p)).map_or(inner, |(host, _)| host);
    if !bracketed && let Some(ip) = v4(host.as_bytes()) {
        return Ok((Kind::Ipv4Addr, v4_text(ip, host)));
    }
    if kind == Kind::Ipv4Addr && !inner.contains(':') {
        return Err(Rejected::Malformed);
    }
    let address = inner.split('%').next().unwrap_or(inner);
    let ip = v6(address.as_bytes()).ok_or(Rejected::Malformed)?;
    let (found, value) = kinded(ip, inner);
    if kind == Kind::Ipv4Addr && found == Kind::Ipv6Addr {
        return Err(Rejected::Malformed);
    }
    Ok((found, value))
}

pub(crate) fn canonical_cidr(text: &str) -> Result<(Kind, Cow<'_, str>), Rejected> {
    let Some((address, length)) = text.split_once('/') else {
        return canonical(Kind::Ipv6Addr, text);
    };
    if length.is_empty() || length.len() > 3 || !length.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Rejected::Malformed);
    }
    let mut length: u8 = length.parse().map_err(|_| Rejected::Malformed)?;
    let (address, max) = if let Some(ip) = v4(address.as_bytes()) {
        (IpAddr::V4(ip), 32)
    } else {
        let ip = v6(address.as_bytes()).ok_or(Rejected::Malformed)?;
        match ip.to_ipv4_mapped() {
            Some(ip) if (96..=128).contains(&length) => {
                length -= 96;
                (IpAddr::V4(ip), 32)
            }
            Some(_) => return Err(Rejected::Malformed),
            None => (IpAddr::V6(ip), 128),
        }
    };
    if length > max {
        return Err(Rejected::Malformed);
    }
    Ok((Kind::Cidr, displayed(format_args!("{address}/{length}"), text)))
}

/// `aa:bb:…`, `aa-bb-…`, `aabb.ccdd.eeff` and the bare twelve digits, as six pairs joined by colons.
pub(crate) fn mac(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let bytes = text.as_bytes();
    let group = match bytes.len() {
        17 => 2,
        14 => 4,
        12 => 12,
        _ => return Err(Rejected::Malformed),
    };
    let separator = *bytes.get(group).unwrap_or(&0);
    let allowed: &[u8] = if group == 2 { b":-" } else { b"." };
    if group < 12 && !allowed.contains(&separator) {
        return Err(Rejected::Malformed);
    }
    let mut digits = [0u8; 12];
    let mut count = 0;
    for (i, b) in bytes.iter().enumerate() {
        let separates = group < 12 && i % (group + 1) == group;
        if separates != (*b == separator) || (!separates && !b.is_ascii_hexdigit()) {
            return Err(Rejected::Malformed);
        }
        if !separates {
            digits[count] = b.to_ascii_lowercase();
            count += 1;
        }
    }
    if separator == b':' && !text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(17);
    for (i, digit) in digits.iter().enumerate() {
        if i > 0 && i % 2 == 0 {
            out.push(':');
        }
        out.push(char::from(*digit));
    }
    Ok(if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) })
}
