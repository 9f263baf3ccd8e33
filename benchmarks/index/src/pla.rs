//! Hardness: the least number of line segments that predict every position within `epsilon`.
//!
//! The optimal one-pass algorithm over two convex hulls, not the greedy cone that the index trains with, because the
//! published figures are of this one. Exact in integers. Cost: 20-40 ns per key.
//!
//! Source: J. O'Rourke, "An on-line algorithm for fitting straight lines between data ranges" (1981), as in the
//! PGM-index; C. Wongkham et al., "Are updatable learned indexes ready?" (GRE, 2022), section 4, uses it as hardness.

/// The number of segments for ascending `keys`; a key counts once, at its first position.
pub fn segment_count(keys: &[u64], epsilon: u64) -> usize {
    let mut hull = Hull { epsilon: epsilon as i128, ..Hull::default() };
    let mut segments = usize::from(!keys.is_empty());
    for (at, key) in keys.iter().enumerate() {
        if at > 0 && keys[at - 1] == *key {
            continue;
        }
        if !hull.admit(i128::from(*key), at as i128) {
            segments += 1;
            hull.points = 0;
            hull.admit(i128::from(*key), at as i128);
        }
    }
    segments
}

#[derive(Clone, Copy, Default)]
struct Point {
    x: i128,
    y: i128,
}

impl Point {
    /// The sign of the slope from `self` to `to` less that from `a` to `b`; both run to the right.
    fn slope_above(self, to: Self, a: Self, b: Self) -> i128 {
        (to.y - self.y) * (b.x - a.x) - (b.y - a.y) * (to.x - self.x)
    }
}

/// All lines that pass within `epsilon` of the points so far.
#[derive(Default)]
struct Hull {
    epsilon: i128,
    points: usize,
    /// Lower hull of the points moved up, and upper hull of the points moved down, each from its first live one.
    upper: Vec<Point>,
    lower: Vec<Point>,
    upper_start: usize,
    lower_start: usize,
    /// The line of least slope runs from 0 to 2, that of most slope from 1 to 3.
    corners: [Point; 4],
}

impl Hull {
    fn admit(&mut self, x: i128, y: i128) -> bool {
        let (above, below) = (Point { x, y: y + self.epsilon }, Point { x, y: y - self.epsilon });
        match self.points {
            0 => {
                (self.corners[0], self.corners[1]) = (above, below);
                (self.upper, self.lower) = (vec![above], vec![below]);
                (self.upper_start, self.lower_start) = (0, 0);
            }
            1 => {
                (self.corners[2], self.corners[3]) = (below, above);
                self.upper.push(above);
                self.lower.push(below);
            }
            _ => return self.admit_next(above, below),
        }
        self.points += 1;
        true
    }

    fn admit_next(&mut self, above: Point, below: Point) -> bool {
        let [c0, c1, c2, c3] = self.corners;
        if c2.slope_above(above, c0, c2) < 0 || c3.slope_above(below, c1, c3) > 0 {
            return false;
        }
        if c1.slope_above(above, c1, c3) < 0 {
            let mut at = self.lower_start;
            while at + 1 < self.lower.len()
                && self.lower[at + 1].slope_above(above, self.lower[at], above) <= 0
            {
                at += 1;
            }
            (self.corners[1], self.corners[3], self.lower_start) = (self.lower[at], above, at);
            while self.upper.len() >= self.upper_start + 2 {
                let [.., a, b] = self.upper[..] else { break };
                if a.slope_above(above, a, b) > 0 {
                    break;
                }
                self.upper.pop();
            }
            self.upper.push(above);
        }
        if c0.slope_above(below, c0, c2) > 0 {
            let mut at = self.upper_start;
            while at + 1 < self.upper.len()
                && self.upper[at + 1].slope_above(below, self.upper[at], below) >= 0
            {
                at += 1;
            }
            (self.corners[0], self.corners[2], self.upper_start) = (self.upper[at], below, at);
            while self.lower.len() >= self.lower_start + 2 {
                let [.., a, b] = self.lower[..] else { break };
                if a.slope_above(below, a, b) < 0 {
                    break;
                }
                self.lower.pop();
            }
            self.lower.push(below);
        }
        self.points += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::segment_count;

    /// Whether some line is within `epsilon` of all points: brute force over pairs of shifted points.
    fn fits(points: &[(i128, i128)], epsilon: i128) -> bool {
        let (mut low, mut high) = ((i128::MIN >> 64, 1), (i128::MAX >> 64, 1));
        for (i, (x1, y1)) in points.iter().enumerate() {
            for (x2, y2) in &points[i + 1..] {
                let dx = x2 - x1;
                let (least, most) = (y2 - y1 - 2 * epsilon, y2 - y1 + 2 * epsilon);
                if least * low.1 > low.0 * dx {
                    low = (least, dx);
                }
                if most * high.1 < high.0 * dx {
                    high = (most, dx);
                }
            }
        }
        low.0 * high.1 <= high.0 * low.1
    }

    #[test]
    fn it_is_the_greedy_optimum() {
        let mut state = 9u64;
        for _ in 0..60 {
            let mut key = 0u64;
            let keys: Vec<u64> = (0..120)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    key += 1 + ((state >> 33) % 50) * u64::from((state >> 60) > 9);
                    key
                })
                .collect();
            for epsilon in [1, 2, 5] {
                let (mut expected, mut from) = (0, 0);
                while from < keys.len() {
                    let points: Vec<(i128, i128)> = keys
                        .iter()
                        .enumerate()
                        .skip(from)
                        .map(|(y, x)| (i128::from(*x), y as i128))
                        .collect();
                    let taken =
                        (1..=points.len()).take_while(|n| fits(&points[..*n], i128::from(epsilon))).count();
                    from += taken;
                    expected += 1;
                }
                assert_eq!(segment_count(&keys, epsilon as u64), expected, "epsilon {epsilon} keys {keys:?}");
            }
        }
    }
}
