//! Addresses that carry a checksum: cryptocurrency wallets and onion services.

use std::borrow::Cow;

use super::{
    digest::{crc32, keccak256, sha3_256, sha256},
    lower,
};
use crate::{error::Rejected, ioc::Kind};

const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// The longest address of any of these: Cardano's.
pub(crate) const MAX_ADDRESS: usize = 128;

/// The value of each byte in an alphabet; 255 for bytes outside.
const fn values<const N: usize>(alphabet: &[u8; N]) -> [u8; 256] {
    let mut table = [255; 256];
    let mut i = 0;
    while i < N {
        table[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    table
}

static BITCOIN_VALUES: [u8; 256] = values(BITCOIN);
static RIPPLE_VALUES: [u8; 256] = values(RIPPLE);
static BECH32_VALUES: [u8; 256] = values(BECH32);

fn base58(text: &[u8], table: &[u8; 256]) -> Option<Vec<u8>> {
    if text.len() > MAX_ADDRESS {
        return None;
    }
    let mut out: Vec<u8> = Vec::with_capacity(text.len()); // little endian
    for b in text {
        let mut carry = u32::from(table[usize::from(*b)]);
        if carry == 255 {
            return None;
        }
        for byte in &mut out {
            carry += u32::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        while carry > 0 {
            out.push(carry as u8);
            carry >>= 8;
        }
    }
    let zeros = text.iter().take_while(|b| table[usize::from(**b)] == 0).count();
    out.extend(std::iter::repeat_n(0, zeros));
    out.reverse();
    Some(out)
}

/// The payload of a base58check string.
fn base58check(text: &[u8], table: &[u8; 256]) -> Option<Vec<u8>> {
    let mut bytes = base58(text, table)?;
    let split = bytes.len().checked_sub(4)?;
    let good = sha256(&sha256(&bytes[..split]))[..4] == bytes[split..];
    bytes.truncate(split);
    good.then_some(bytes)
}

/// The five-bit groups after the separator of a bech32 string, and the checksum's constant.
fn bech32(text: &str, prefix: &str) -> Option<(Vec<u8>, u32)> {
    let mixed = text.bytes().any(|b| b.is_ascii_lowercase()) && text.bytes().any(|b| b.is_ascii_uppercase());
    let text = text.to_ascii_lowercase();
    let data = text.strip_prefix(prefix)?.strip_prefix('1')?;
    let groups: Vec<u8> = data.bytes().map(|b| BECH32_VALUES[usize::from(b)]).collect();
    if mixed || groups.len() < 6 || groups.contains(&255) {
        return None;
    }
    let high = prefix.bytes().map(|b| b >> 5);
    let low = prefix.bytes().map(|b| b & 31);
    let mut check = 1u32;
    for value in high.chain([0]).chain(low).chain(groups.iter().copied()) {
        let top = check >> 25;
        check = (check & 0x01ff_ffff) << 5 ^ u32::from(value);
        for (i, generator) in
            [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3].iter().enumerate()
        {
            if top >> i & 1 == 1 {
                check ^= generator;
            }
        }
    }
    Some((groups, check))
}

/// A SegWit address: BIP 173 for version 0, BIP 350 for the later ones.
fn segwit(text: &str, prefix: &str) -> bool {
    let Some((groups, check)) = bech32(text, prefix) else { return false };
    let data = groups.len() - 6;
    let Some(version @ 0..=16) = groups.first().copied() else { return false };
    let program = (data - 1) * 5 / 8;
    match version {
        0 => check == 1 && (program == 20 || program == 32),
        _ => check == 0x2bc8_30a3 && (2..=40).contains(&program),
    }
}

/// CashAddr, with or without its prefix.
fn cash_address(text: &str) -> bool {
    let data = text.strip_prefix("bitcoincash:").unwrap_or(text);
    let mut check = 1u64;
    let prefix = b"bitcoincash".iter().map(|b| b & 31).chain([0]);
    for value in prefix.chain(data.bytes().map(|b| BECH32_VALUES[usize::from(b)])) {
        if value == 255 {
            return false;
        }
        let top = check >> 35;
        check = (check & 0x07_ffff_ffff) << 5 ^ u64::from(value);
        const GENERATOR: [u64; 5] =
            [0x98_f2bc_8e61, 0x79_b76d_99e2, 0xf3_3e5f_b3c4, 0xae_2eab_e2a8, 0x1e_4f43_e470];
        for (i, generator) in GENERATOR.iter().enumerate() {
            if top >> i & 1 == 1 {
                check ^= generator;
            }
        }
    }
    data.len() == 42 && check == 1
}

/// An address of 20 bytes with a two-sided checksum: hex digits are upper case where Keccak says so (ERC-55).
fn ethereum(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let digits = text.strip_prefix("0x").ok_or(Rejected::Malformed)?;
    if digits.len() != 40 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Rejected::Malformed);
    }
    let plain = digits.to_ascii_lowercase();
    if plain != digits && digits.bytes().any(|b| b.is_ascii_lowercase()) {
        let hash = keccak256(plain.as_bytes());
        let good = digits.bytes().enumerate().filter(|(_, b)| b.is_ascii_alphabetic()).all(|(i, b)| {
            let nibble = hash[i / 2] >> (4 * (1 - i % 2)) & 15;
            (nibble >= 8) == b.is_ascii_uppercase()
        });
        if !good {
            return Err(Rejected::Checksum);
        }
    }
    Ok(lower(text))
}

/// Monero's base58 works in blocks of eight bytes.
fn monero(text: &[u8]) -> bool {
    if text.len() != 95 && text.len() != 106 {
        return false;
    }
    let mut bytes = Vec::with_capacity(80);
    for block in text.chunks(11) {
        let mut value = 0u128;
        for b in block {
            let digit = BITCOIN_VALUES[usize::from(*b)];
            if digit == 255 {
                return false;
            }
            value = value * 58 + u128::from(digit);
        }
        let size = if block.len() == 11 { 8 } else { 5 };
        if value >> (8 * size) != 0 {
            return false;
        }
        bytes.extend_from_slice(&value.to_be_bytes()[16 - size..]);
    }
    let split = bytes.len() - 4;
    matches!(bytes[0], 18 | 19 | 42) && keccak256(&bytes[..split])[..4] == bytes[split..]
}

/// Cardano's older (Byron) form: base58 over CBOR, an array of the tagged payload and its CRC-32.
fn byron(text: &[u8]) -> bool {
    let Some(bytes) = base58(text, &BITCOIN_VALUES) else { return false };
    let [0x82, 0xd8, 0x18, 0x58, len, rest @ ..] = &bytes[..] else { return false };
    let Some((payload, [0x1a, crc @ ..])) = rest.split_at_checked(usize::from(*len)) else { return false };
    crc32(payload).to_be_bytes() == *crc
}

fn versioned(text: &str, versions: &[u8]) -> bool {
    (26..=35).contains(&text.len())
        && base58check(text.as_bytes(), &BITCOIN_VALUES)
            .is_some_and(|payload| payload.len() == 21 && versions.contains(&payload[0]))
}

/// The canonical form of a whole address: lower case where case carries nothing.
pub(crate) fn canonical(kind: Kind, text: &str) -> Result<Cow<'_, str>, Rejected> {
    if text.len() > MAX_ADDRESS || !text.is_ascii() {
        return Err(Rejected::Malformed);
    }
    let b = text.as_bytes();
    let (good, value) = match kind {
        Kind::Bitcoin if b.len() > 3 && b[..3].eq_ignore_ascii_case(b"bc1") => {
            (segwit(text, "bc"), lower(text))
        }
        Kind::Bitcoin => (versioned(text, &[0, 5]), Cow::Borrowed(text)),
        Kind::Litecoin if b.len() > 4 && b[..4].eq_ignore_ascii_case(b"ltc1") => {
            (segwit(text, "ltc"), lower(text))
        }
        Kind::Litecoin => (versioned(text, &[0x30, 0x32]), Cow::Borrowed(text)),
        Kind::Dogecoin => (versioned(text, &[0x1e, 0x16]), Cow::Borrowed(text)),
        Kind::Dash => (versioned(text, &[0x4c, 0x10]), Cow::Borrowed(text)),
        Kind::Tron => (versioned(text, &[0x41]), Cow::Borrowed(text)),
        Kind::BitcoinCash => {
            (cash_address(text), Cow::Borrowed(text.strip_prefix("bitcoincash:").unwrap_or(text)))
        }
        Kind::Ethereum => return ethereum(text),
        Kind::Monero => (monero(b), Cow::Borrowed(text)),
        Kind::Ripple => {
            let payload = base58check(b, &RIPPLE_VALUES);
            (payload.is_some_and(|p| p.len() == 21 && p[0] == 0), Cow::Borrowed(text))
        }
        Kind::Tezos => {
            let payload = base58check(b, &BITCOIN_VALUES);
            let known = |p: &Vec<u8>| {
                matches!(p.get(..3), Some([6, 161, 159 | 161 | 164] | [2, 90, 121])) && p.len() == 23
            };
            (payload.as_ref().is_some_and(known), Cow::Borrowed(text))
        }
        Kind::Cardano if text.starts_with("addr1") => (
            bech32(text, "addr").is_some_and(|(groups, check)| check == 1 && groups.len() >= 50),
            Cow::Borrowed(text),
        ),
        Kind::Cardano => (byron(b), Cow::Borrowed(text)),
        Kind::Solana => (base58(b, &BITCOIN_VALUES).is_some_and(|b| b.len() == 32), Cow::Borrowed(text)),
        _ => return Err(Rejected::Malformed),
    };
    if good { Ok(value) } else { Err(Rejected::Checksum) }
}

/// The kind that a string of this shape may be, before any checksum.
pub(crate) fn shape(text: &[u8]) -> Option<Kind> {
    let starts =
        |prefix: &[u8]| text.len() > prefix.len() && text[..prefix.len()].eq_ignore_ascii_case(prefix);
    match (text.len(), *text.first()?) {
        (42, b'0') if text[1] == b'x' => Some(Kind::Ethereum),
        (42, b'q' | b'p') => Some(Kind::BitcoinCash),
        (95 | 106, b'4' | b'8') => Some(Kind::Monero),
        (14..=74, b'b' | b'B') if starts(b"bc1") => Some(Kind::Bitcoin),
        (26..=35, b'1' | b'3') => Some(Kind::Bitcoin),
        (14..=74, b'l' | b'L') if starts(b"ltc1") => Some(Kind::Litecoin),
        (26..=35, b'L' | b'M') => Some(Kind::Litecoin),
        (34, b'D' | b'A' | b'9') => Some(Kind::Dogecoin),
        (34, b'X' | b'7') => Some(Kind::Dash),
        (34, b'T') => Some(Kind::Tron),
        (25..=35, b'r') => Some(Kind::Ripple),
        (36, b't' | b'K') if starts(b"tz") || starts(b"KT1") => Some(Kind::Tezos),
        (50..=128, b'a') if starts(b"addr1") => Some(Kind::Cardano),
        (56..=128, b'A' | b'D') if starts(b"Ae2") || starts(b"DdzFF") => Some(Kind::Cardano),
        _ => None,
    }
}

/// `xyz.onion`, or the 56 letters alone, whose checksum tells them (version 3). Names below an onion name that service.
pub(crate) fn onion(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let suffixed = text.len() > 6 && text.as_bytes()[text.len() - 6..].eq_ignore_ascii_case(b".onion");
    let name = if suffixed { &text[..text.len() - 6] } else { text };
    let service = name.rsplit('.').next().unwrap_or(name);
    let base32 = service.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'2'..=b'7'));
    let known = match service.len() {
        16 => suffixed && base32,
        56 => base32 && onion_v3(service.as_bytes()),
        _ => false,
    };
    if !known {
        return Err(if service.len() == 56 && base32 { Rejected::Checksum } else { Rejected::Malformed });
    }
    if suffixed && service.len() == name.len() {
        return Ok(lower(text));
    }
    Ok(Cow::Owned(format!("{}.onion", service.to_ascii_lowercase())))
}

fn onion_v3(service: &[u8]) -> bool {
    let mut bytes = [0u8; 35];
    let (mut bits, mut count, mut at) = (0u32, 0, 0);
    for b in service {
        let value = match b {
            b'2'..=b'7' => b - b'2' + 26,
            b => b.to_ascii_lowercase() - b'a',
        };
        bits = bits << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes[at] = (bits >> count) as u8;
            at += 1;
        }
    }
    let mut message = b".onion checksum".to_vec();
    message.extend_from_slice(&bytes[..32]);
    message.push(3);
    bytes[34] == 3 && sha3_256(&message)[..2] == bytes[32..34]
}
