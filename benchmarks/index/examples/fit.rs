//! Fits the spreads of `data.rs` to the published hardness: `cargo run --release --example fit -- NAME COUNT ROUNDS`.
//!
//! The spread at stretches of `m` keys decides how many segments are about `m` keys long; each round scales every spread
//! by the error of the counts nearest to it.

use varve_index_bench::data::{EPSILONS, TWINS};
use varve_index_bench::pla::segment_count;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (count, rounds): (usize, usize) = (args[2].parse().expect("count"), args[3].parse().expect("rounds"));
    let mut twin = *TWINS.iter().find(|twin| twin.name == args[1]).expect("a twin");
    for round in 0..rounds {
        let keys = twin.keys(count, 42 + round as u64);
        let ratios: Vec<f64> = EPSILONS
            .iter()
            .zip(twin.segments)
            .map(|(epsilon, segments)| {
                segment_count(&keys, *epsilon) as f64 / (segments as f64 * count as f64 / 200e6)
            })
            .collect();
        let repeats = keys.windows(2).filter(|pair| pair[0] == pair[1]).count();
        println!(
            "{} {ratios:.2?} repeats {:.3} {:.4?}",
            twin.name,
            repeats as f64 / count as f64,
            twin.spread()
        );
        let mut spread = twin.spread();
        for (at, spread) in spread.iter_mut().enumerate() {
            let scale = at as f64 + 1.0; // log4 of the stretch
            let (mut error, mut weight) = (0.0, 0.0);
            for (segments, ratio) in twin.segments.iter().zip(&ratios) {
                let own = (200e6 / *segments as f64).log2() / 2.0;
                let near = (-(scale - own).powi(2) / 0.5).exp();
                error += near * ratio.max(0.05).ln();
                weight += near;
            }
            *spread *= (-0.5 * error / (weight + 0.05)).exp();
        }
        twin = twin.with_spread(spread);
    }
}
