//! Writes the committed seed inputs again: `cargo run --bin make_seeds` in this folder.
//!
//! Every seed is a valid image or file, small, and made without a clock or a random source, so that the
//! same code always writes the same bytes.

use std::fs;
use std::io;
use std::path::Path;

use varve_index::{Kind, Policy, StrIndexBuilder, build};
use varve_kv::simulate::hostile;
use varve_tiny::{Limits, Model};

const BYTE_STRINGS: u8 = 1;
const MENDED: u8 = 2;

fn main() -> io::Result<()> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    index_images(&seeds.join("index_image"))?;
    index_builds(&seeds.join("index_build"))?;
    models(&seeds)?;
    store_files(&seeds)
}

/// The same bytes as they are and with mended checksums.
fn store_files(seeds: &Path) -> io::Result<()> {
    let fail = |error: varve_types::VarveError| io::Error::other(error.to_string());
    let (segment, log) = (hostile::sound_segment().map_err(fail)?, hostile::sound_log().map_err(fail)?);
    for (flags, name) in [(0u8, "plain"), (1, "mended")] {
        write(&seeds.join("segment"), name, &[&[flags], segment.as_slice()].concat())?;
        write(&seeds.join("log_record"), name, &[&[flags], log.as_slice()].concat())?;
    }
    Ok(())
}

fn kinds() -> [(&'static str, Policy); 3] {
    [
        ("line", Policy::forced(Kind::LineProbe { epsilon: 15 })),
        ("tree", Policy::forced(Kind::SplusTree)),
        ("fences", Policy::forced(Kind::SparseFences)),
    ]
}

fn index_images(dir: &Path) -> io::Result<()> {
    let curve: Vec<u64> = (0..300u64).map(|at| at * at * 17).collect();
    let stride: Vec<u64> = (0..40u64).map(|at| 5 + 9 * at).collect();
    let fail = |error: varve_types::VarveError| io::Error::other(error.to_string());
    for (name, policy) in kinds() {
        let built = build(&curve, &policy).map_err(fail)?;
        write(dir, &format!("numbers-{name}"), &image_input(MENDED, &built.image))?;
        let mut builder = StrIndexBuilder::default();
        for at in 0..120u32 {
            let tail = if at % 3 == 0 { "" } else { "/a-longer-tail-of-the-key" };
            builder.push(format!("airport/{:05}{tail}", at * at).as_bytes()).map_err(fail)?;
        }
        let (image, _) = builder.finish(&policy).map_err(fail)?;
        write(dir, &format!("strings-{name}"), &image_input(MENDED | BYTE_STRINGS, &image))?;
    }
    // Segments enough for a table of them.
    let long: Vec<u64> = (0..4000u64).map(|at| at * at * 17).collect();
    let built = build(&long, &Policy::forced(Kind::LineProbe { epsilon: 1 })).map_err(fail)?;
    write(dir, "numbers-table", &image_input(MENDED, &built.image))?;
    let built = build(&stride, &Policy::counted()).map_err(fail)?;
    write(dir, "numbers-affine", &image_input(0, &built.image))?;
    // Long runs of one head make child nodes.
    let mut builder = StrIndexBuilder::default();
    for at in 0..64u32 {
        builder.push(format!("same-head-same-head-{at:03}").as_bytes()).map_err(fail)?;
    }
    builder.push(b"zebra").map_err(fail)?;
    let (image, _) = builder.finish(&Policy::counted()).map_err(fail)?;
    write(dir, "strings-children", &image_input(MENDED | BYTE_STRINGS, &image))
}

fn image_input(flags: u8, image: &[u8]) -> Vec<u8> {
    let mut input = vec![flags];
    input.extend((0..64u8).map(|at| at.wrapping_mul(37)));
    input.extend_from_slice(image);
    input
}

fn index_builds(dir: &Path) -> io::Result<()> {
    for kind in 0..4u8 {
        let gaps: Vec<u8> = (0..60u8).flat_map(|at| [at % 20 | (at % 4) << 6, at]).collect();
        write(dir, &format!("numbers-{kind}"), &[&[kind << 1], gaps.as_slice()].concat())?;
        let separators: Vec<u8> = (0..40u8).flat_map(|at| [at % 9, 3, b'a' + at % 26, at, b'z']).collect();
        write(
            dir,
            &format!("strings-{kind}"),
            &[&[kind << 1 | BYTE_STRINGS], separators.as_slice()].concat(),
        )?;
    }
    Ok(())
}

/// The small fixtures of varve_tiny: as ONNX, and as files in f32 and int8.
fn models(seeds: &Path) -> io::Result<()> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/varve_tiny/fixtures");
    let fail = |error: varve_types::VarveError| io::Error::other(error.to_string());
    let features: Vec<u8> = (0..8).flat_map(|at| (at as f32 - 3.5).to_le_bytes()).collect();
    for name in [
        "label_encoder",
        "lgb_stump",
        "logistic_multi",
        "mlp_multi",
        "net_activations",
        "net_skip",
        "pipe_columns",
        "pipe_impute_scale",
        "tree_ensemble_v5",
    ] {
        let onnx = fs::read(fixtures.join(format!("{name}.onnx")))?;
        write(&seeds.join("onnx_import"), name, &[&features[..], &onnx].concat())?;
        let model = Model::from_onnx(&onnx, &Limits::default()).map_err(fail)?;
        let dir = seeds.join("model_file");
        write(&dir, name, &[&[1], &features[..], &model.to_bytes()].concat())?;
        if ["mlp_multi", "net_skip"].contains(&name) {
            let int8 = model.quantised().to_bytes();
            write(&dir, &format!("{name}-int8"), &[&[0], &features[..], &int8].concat())?;
        }
    }
    Ok(())
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join(name), bytes)
}
