//! Images that are damaged, foreign, or lie under a correct checksum: refused with a code, or answered wrongly, but
//! never with a panic or a read outside the image and the keys.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Rng, key_sets, queries};
use varve_index::{Image, Index, Isa, Kind, Policy, StrIndex, StrIndexBuilder, build};

const KINDS: [Kind; 4] = [Kind::Affine, Kind::LineProbe { epsilon: 8 }, Kind::SplusTree, Kind::SparseFences];

/// Gives a forged image the checksum of an honest one.
fn reseal(image: &mut [u8]) {
    image[12..16].fill(0);
    let crc = crc32c::crc32c(image);
    image[12..16].copy_from_slice(&crc.to_le_bytes());
}

/// An aligned copy that can be forged.
fn forge(image: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Image {
    let mut bytes = image.to_vec();
    change(&mut bytes);
    Image::copy_of(&bytes)
}

fn numeric_images() -> Vec<(String, Vec<u64>, Vec<u8>)> {
    let mut images = Vec::new();
    for count in [1, 100, 3000] {
        for (name, keys) in key_sets(count) {
            for kind in KINDS {
                let built = build(&keys, &Policy::forced(kind)).unwrap();
                images.push((format!("{name} {count} {kind}"), keys.clone(), built.image.to_vec()));
            }
        }
    }
    // Segments enough for a table of them.
    for (name, keys) in key_sets(10_000) {
        let built = build(&keys, &Policy::forced(Kind::LineProbe { epsilon: 1 })).unwrap();
        images.push((format!("{name} with a table"), keys, built.image.to_vec()));
    }
    images
}

fn string_images() -> Vec<(String, Vec<u8>)> {
    let mut images = Vec::new();
    for (name, stem) in [("tenants", "tenant"), ("deep", "a/very/deep/directory/of/files/")] {
        let mut separators: Vec<String> =
            (0..900u32).map(|i| format!("{}{stem}{:07}", i % 3, i * i % 9973)).collect();
        separators.sort();
        separators.dedup();
        for kind in [Kind::LineProbe { epsilon: 4 }, Kind::SplusTree, Kind::SparseFences] {
            let mut builder = StrIndexBuilder::default();
            separators.iter().for_each(|separator| builder.push(separator.as_bytes()).unwrap());
            let (image, _) = builder.finish(&Policy::forced(kind)).unwrap();
            images.push((format!("{name} {kind}"), image.to_vec()));
        }
    }
    images
}

/// Looks up all there is; only the memory matters, not the answers.
fn exercise(image: &Image, keys: &[u64]) {
    let Ok(index) = Index::open(image, keys) else { return };
    let asked = queries(keys, 20);
    let mut found = vec![0; asked.len()];
    for isa in Isa::available() {
        let index = index.with_isa(isa).unwrap();
        index.lower_bound_batch(&asked, &mut found);
        for query in &asked {
            let answers = [index.lower_bound(*query), index.lower_bound_traced(*query).0];
            assert!(answers.iter().all(|at| *at <= keys.len()), "{query} {answers:?}");
        }
        assert!(found.iter().all(|at| *at <= keys.len()));
    }
}

fn exercise_strings(image: &Image) {
    let Ok(index) = StrIndex::open(image) else { return };
    let asked: Vec<Vec<u8>> = (0..60u8)
        .flat_map(|i| {
            [vec![i; i as usize], format!("{}tenant{:07}", i % 3, i).into_bytes(), vec![255; i as usize]]
        })
        .collect();
    let asked: Vec<&[u8]> = asked.iter().map(Vec::as_slice).collect();
    let mut found = vec![0; asked.len()];
    index.find_batch(&asked, &mut found);
    for key in asked {
        found.push(index.find(key));
        found.push(index.find_traced(key).0);
    }
    assert!(found.iter().all(|at| *at <= index.len()), "{found:?}");
    assert!((0..index.len() + 1).filter_map(|at| index.separator(at)).count() < index.len().max(1));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut rng = Rng(11);
    for (name, keys, image) in numeric_images() {
        for _ in 0..20 {
            let (at, bit) = (rng.below(image.len() as u64) as usize, rng.below(8));
            let forged = forge(&image, |bytes| bytes[at] ^= 1 << bit);
            let error = Index::open(&forged, &keys).map(|_| ()).unwrap_err();
            let code = error.code().as_str();
            assert!(matches!(code, "INDEX_DAMAGED" | "STORE_NEWER_FORMAT"), "{name} byte {at}: {code}");
        }
    }
    for (name, image) in string_images() {
        for _ in 0..200 {
            let at = rng.below(image.len() as u64) as usize;
            let forged = forge(&image, |bytes| bytes[at] ^= 1 << rng.below(8));
            assert!(StrIndex::open(&forged).is_err(), "{name} byte {at}");
        }
    }
}

#[test]
fn truncated_padded_and_foreign_images_are_refused() {
    for (name, keys, image) in numeric_images() {
        for cut in [0, 1, 8, 64, 127, image.len() - 64, image.len() - 1] {
            assert!(Index::open(&image[..cut.min(image.len() - 1)], &keys).is_err(), "{name} cut at {cut}");
        }
        let padded = forge(&image, |bytes| bytes.extend([0; 64]));
        assert!(Index::open(&padded, &keys).is_err(), "{name} padded");
        assert!(StrIndex::open(&Image::copy_of(&image)).is_err(), "{name} opened as strings");
        let mut fewer = keys.clone();
        fewer.pop();
        assert!(Index::open(&Image::copy_of(&image), &fewer).is_err(), "{name} over other keys");
    }
    assert!(Index::open(&[], &[]).is_err());
    assert!(Index::open(&[0; 4096], &[]).is_err());
}

#[test]
fn a_newer_format_says_so() {
    let built = build(&[1, 2, 3], &Policy::default()).unwrap();
    let newer = forge(&built.image, |bytes| {
        bytes[8] = 5;
        reseal(bytes);
    });
    assert_eq!(
        Index::open(&newer, &[1, 2, 3]).map(|_| ()).unwrap_err().code().as_str(),
        "STORE_NEWER_FORMAT"
    );
}

#[test]
fn images_that_lie_under_a_good_checksum_are_memory_safe() {
    let mut rng = Rng(13);
    for (_, keys, image) in numeric_images() {
        for round in 0..30 {
            let forged = forge(&image, |bytes| lie(bytes, round, &mut rng));
            exercise(&forged, &keys);
        }
    }
    for (_, image) in string_images() {
        for round in 0..300 {
            let forged = forge(&image, |bytes| lie(bytes, round, &mut rng));
            exercise_strings(&forged);
        }
    }
}

/// Overwrites words of the header or the sections with numbers that hurt, and signs the result.
fn lie(bytes: &mut [u8], round: u64, rng: &mut Rng) {
    for _ in 0..=round % 7 {
        let words = bytes.len() as u64 / 8;
        // Even rounds go for the header's counts, odd ones anywhere behind it.
        let word = if round.is_multiple_of(2) || words <= 16 {
            3 + rng.below(8)
        } else {
            16 + rng.below(words - 16)
        };
        let at = word as usize * 8;
        let old = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let lies = [
            0,
            1,
            old.wrapping_add(1),
            old.wrapping_sub(1),
            u64::MAX,
            u64::MAX >> 1,
            1 << 32,
            rng.next(),
            old ^ 1 << 63,
        ];
        let new = lies[rng.below(lies.len() as u64) as usize];
        bytes[at..at + 8].copy_from_slice(&new.to_le_bytes());
    }
    reseal(bytes);
}

#[test]
fn keys_that_are_not_those_of_the_image_are_memory_safe() {
    for (_, keys, image) in numeric_images() {
        let mut other = keys.clone();
        let inner = 1..other.len().saturating_sub(1).max(1);
        if let Some(inner) = other.get_mut(inner) {
            inner.reverse();
        }
        exercise(&Image::copy_of(&image), &other);
    }
}

/// Line probes were laid out otherwise before format 4; the other kinds were not.
#[test]
fn older_formats_are_read_but_for_their_line_probes() {
    let (_, keys) = key_sets(3000).swap_remove(0);
    for kind in [Kind::LineProbe { epsilon: 8 }, Kind::SplusTree, Kind::SparseFences] {
        let built = build(&keys, &Policy::forced(kind)).unwrap();
        for version in [1, 2, 3] {
            let older = forge(&built.image, |bytes| {
                bytes[8] = version;
                reseal(bytes);
            });
            let opened = Index::open(&older, &keys).map(|index| index.lower_bound(keys[1000]));
            match kind {
                Kind::LineProbe { .. } => assert_eq!(opened.unwrap_err().code().as_str(), "INDEX_DAMAGED"),
                _ => assert_eq!(opened.unwrap(), 1000, "{kind} of format {version}"),
            }
        }
    }
}
