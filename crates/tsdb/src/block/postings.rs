//! Postings: for each tag the series that have it, as rising indexes into the series table.
//!
//! A list is written as the shorter of two: differences, bit-packed in runs of [`RUN`] (neighbours
//! differ by one and cost nothing), or a bitmap between its first and its last series.

use super::GROUP;
use super::bytes::{Cursor, put_varint};

/// So many differences share one width.
const RUN: usize = 128;
const PACKED: u8 = 0;
const BITMAP: u8 = 1;

/// Writes all lists, and where each group of [`GROUP`] begins.
pub(super) fn encode<'l>(lists: impl Iterator<Item = &'l [u32]>) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut groups) = (Vec::new(), Vec::new());
    for (at, list) in lists.enumerate() {
        if at % GROUP == 0 {
            groups.push(bytes.len());
        }
        encode_list(list, &mut bytes);
    }
    (bytes, groups)
}

fn encode_list(list: &[u32], bytes: &mut Vec<u8>) {
    let (first, rest) = list.split_first().expect("a tag is there because a series has it");
    put_varint(bytes, list.len() as u64);
    if rest.is_empty() {
        put_varint(bytes, u64::from(*first));
        return;
    }
    let mut packed = pack(list);
    let last = rest.last().expect("it is not empty");
    let bitmap_bytes = (last / 8 - first / 8) as usize + 1;
    if bitmap_bytes + 5 < packed.len() {
        packed = bitmap(list, bitmap_bytes);
    }
    put_varint(bytes, packed.len() as u64);
    bytes.extend_from_slice(&packed);
}

fn pack(list: &[u32]) -> Vec<u8> {
    let mut bytes = vec![PACKED];
    put_varint(&mut bytes, u64::from(list[0]));
    let gaps: Vec<u32> = list.windows(2).map(|pair| pair[1] - pair[0] - 1).collect();
    for run in gaps.chunks(RUN) {
        let width = 32 - run.iter().fold(0, |bits, gap| bits | gap).leading_zeros();
        bytes.push(width as u8);
        pack_run(run, width, &mut bytes);
    }
    bytes
}

fn pack_run(run: &[u32], width: u32, bytes: &mut Vec<u8>) {
    let (mut held, mut n_held) = (0_u64, 0);
    for gap in run {
        held |= u64::from(*gap) << n_held;
        n_held += width;
        while n_held >= 8 {
            bytes.push(held as u8);
            held >>= 8;
            n_held -= 8;
        }
    }
    if n_held > 0 {
        bytes.push(held as u8);
    }
}

fn bitmap(list: &[u32], n_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![BITMAP];
    let first = list[0] / 8;
    put_varint(&mut bytes, u64::from(first));
    let at = bytes.len();
    bytes.resize(at + n_bytes, 0);
    for index in list {
        bytes[at + (index / 8 - first) as usize] |= 1 << (index % 8);
    }
    bytes
}

/// The list at this place of a group; all of its indexes are below `n_series`.
pub(super) fn decode(group: &[u8], at: usize, n_series: u32) -> Option<Vec<u32>> {
    let mut cursor = Cursor::new(group);
    for _ in 0..at {
        let n = cursor.varint()?;
        let n_bytes = cursor.at_most(if n == 1 { usize::MAX } else { cursor.len() })?;
        if n != 1 {
            cursor.take(n_bytes)?;
        }
    }
    let n = cursor.at_most(n_series as usize)?;
    if n == 1 {
        let index = cursor.varint_u32()?;
        return (index < n_series).then(|| vec![index]);
    }
    let n_bytes = cursor.at_most(cursor.len())?;
    let list = decode_list(Cursor::new(cursor.take(n_bytes)?), n)?;
    let is_below = list.last().is_some_and(|last| *last < n_series);
    is_below.then_some(list)
}

fn decode_list(mut cursor: Cursor<'_>, n: usize) -> Option<Vec<u32>> {
    let form = cursor.byte()?;
    let first = cursor.varint_u32()?;
    let list = match form {
        PACKED => unpack(cursor, first, n)?,
        BITMAP => from_bitmap(cursor, first, n)?,
        _ => return None,
    };
    (list.len() == n).then_some(list)
}

fn unpack(mut cursor: Cursor<'_>, first: u32, n: usize) -> Option<Vec<u32>> {
    let mut list = Vec::with_capacity(n);
    list.push(first);
    let mut index = first;
    while list.len() < n {
        let n_run = (n - list.len()).min(RUN);
        let width = cursor.byte()?;
        if width > 32 {
            return None;
        }
        let bytes = cursor.take((n_run * usize::from(width)).div_ceil(8))?;
        let (mut held, mut n_held) = (0_u64, 0);
        let mut bytes = bytes.iter();
        for _ in 0..n_run {
            while n_held < width {
                held |= u64::from(*bytes.next()?) << n_held;
                n_held += 8;
            }
            let gap = (held & ((1_u64 << width) - 1)) as u32;
            held >>= width;
            n_held -= width;
            index = index.checked_add(gap)?.checked_add(1)?;
            list.push(index);
        }
    }
    (cursor.len() == 0).then_some(list)
}

fn from_bitmap(mut cursor: Cursor<'_>, first: u32, n: usize) -> Option<Vec<u32>> {
    let mut list = Vec::with_capacity(n);
    for at in 0..cursor.len() as u32 {
        let mut bits = cursor.byte()?;
        let base = first.checked_add(at)?.checked_mul(8)?;
        while bits != 0 {
            if list.len() == n {
                return None;
            }
            list.push(base + bits.trailing_zeros());
            bits &= bits - 1;
        }
    }
    Some(list)
}

/// The indexes that are in both lists.
pub(super) fn intersect(short: &[u32], long: &[u32]) -> Vec<u32> {
    let mut rest = long;
    let mut both = Vec::with_capacity(short.len().min(long.len()));
    for index in short {
        // Gallop: the next one is near, unless the lists differ much in length.
        let mut step = 1;
        while rest.get(step).is_some_and(|far| far < index) {
            step *= 2;
        }
        let n_before = rest[..rest.len().min(step + 1)].partition_point(|known| known < index);
        rest = &rest[n_before..];
        if rest.first() == Some(index) {
            both.push(*index);
        }
    }
    both
}
