//! What strangers' bytes may cost: memory in proportion to them.

use beamlink::term::decode;
use bytes::Bytes;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const PER_BYTE: usize = 64;
/// What a decoder takes for itself, and the harness meanwhile.
const CONSTANT: usize = 4096;

/// The most that is held while `bytes` are decoded, beside themselves.
fn peak(bytes: Vec<u8>) -> usize {
    let bytes = Bytes::from(bytes);
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let term = decode(bytes);
    let peak = MEMORY.peak_usage() - before;
    drop(term);
    peak
}

/// `pattern` again and again, up to `size` bytes, with the version byte before.
fn repeated(pattern: &[u8], size: usize) -> Vec<u8> {
    std::iter::once(131)
        .chain(pattern.iter().copied().cycle().take(size))
        .collect()
}

fn patterns() -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<(&'static str, Vec<u8>)> = vec![
        ("tuples", vec![104, 1]),
        ("wide tuples", vec![104, 255]),
        ("wider tuples", vec![105, 0, 0, 255, 255]),
        ("lists", vec![108, 0, 0, 0, 1]),
        ("wide lists", vec![108, 0, 0, 16, 0]),
        ("tails", vec![108, 0, 0, 0, 1, 97, 1]),
        ("tails without elements", vec![108, 0, 0, 0, 0]),
        ("maps", vec![116, 0, 0, 0, 1]),
        ("map values", vec![116, 0, 0, 0, 1, 106]),
        ("strings", vec![107, 0, 1, 1]),
        ("integers", vec![110, 9, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        ("bits", vec![77, 0, 0, 0, 1, 1, 255]),
        ("exports", vec![113, 119, 0, 119, 0, 97, 1]),
        ("references", vec![90, 0, 1, 119, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
        ("pids", vec![88, 119, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]),
        ("nils", vec![106]),
        ("empty tuples", vec![104, 0]),
        (
            "funs",
            [&[112, 0, 0, 0, 60][..], &[0; 21], &[0, 0, 0, 9]].concat(),
        ),
    ];
    // Not 80: zlib takes some 80 KiB whatever comes, and expands up to its own bound.
    for tag in (0..=255u8).filter(|tag| *tag != 80) {
        for length in [&[0u8, 0, 0, 9][..], &[255; 8], &[0, 0, 255, 255], &[1]] {
            all.push(("any tag", [&[tag], length].concat()));
        }
    }
    all
}

#[test]
fn what_is_held_is_in_proportion_to_what_was_received() {
    let _ = decode(Bytes::from_static(&[131, 119, 1, b'a']));
    let mut faults = Vec::new();
    let mut check = |name: &str, bytes: Vec<u8>| {
        let received = bytes.len();
        let held = peak(bytes);
        if held > PER_BYTE * received + CONSTANT {
            faults.push(format!(
                "{name}: {held} for {received}, {} a byte",
                held / received
            ));
        }
    };
    for (name, pattern) in patterns() {
        for size in [1, 10, 100, 5_000, 100_000, 1_000_000] {
            if name != "any tag" || size <= 5_000 {
                check(name, repeated(&pattern, size));
                // The same within a list or a tuple that can hold it all.
                let parts = (size / pattern.len()) as u32;
                for tag in [108, 105] {
                    let mut bytes = vec![131, tag];
                    bytes.extend(parts.to_be_bytes());
                    bytes.extend(&repeated(&pattern, size)[1..]);
                    check(name, bytes.clone());
                    bytes.push(106);
                    check(name, bytes);
                }
            }
        }
    }
    // Promises without bytes.
    for tag in [105, 108, 109, 111, 112, 116, 77, 67, 107, 118] {
        for length in [u32::MAX, u32::MAX / 2, 1 << 20] {
            let bytes = [&[131, tag][..], &length.to_be_bytes()].concat();
            assert!(decode(bytes.clone().into()).is_err(), "{bytes:?}");
            check("promise", bytes);
        }
    }
    // Distinct atoms of two and three letters.
    let mut atoms = vec![131, 108, 0, 0, 0x80, 0];
    for number in 0..0x8000u32 {
        let text = format!("{number:x}");
        atoms.extend([119, text.len() as u8]);
        atoms.extend(text.bytes());
    }
    atoms.push(106);
    check("atoms", atoms);
    // Elements, then a text as the tail.
    for elements in [1u32, 1000, 60_000] {
        let mut bytes = vec![131, 108];
        bytes.extend(elements.to_be_bytes());
        (0..elements).for_each(|_| bytes.extend([97, 1]));
        bytes.extend([107, 255, 255]);
        bytes.extend([7; 65535]);
        check("text as a tail", bytes);
    }
    // A vector that grows is counted twice here while it moves (2.5 times 40 bytes); realloc moves large ones without a copy.
    let chain = repeated(&[&[108, 0, 0, 0, 50][..], &[106; 50]].concat(), 1_000_000);
    assert!(peak(chain) < 100 * 1_000_000);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
