//! Medians, spreads and ratios.

/// What several samples come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The middle one, or the mean of the middle two.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Summary {
    /// Of `samples` in any order; nothing without any.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&least, &most) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Some(Self { median, least, most })
    }
}

/// `value` in terms of `yardstick`; nothing of a yardstick that is zero.
pub fn ratio(value: f64, yardstick: f64) -> Option<f64> {
    (yardstick > 0.0).then(|| value / yardstick)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(Summary::of(&[9.0, 1.0, 2.0]), Some(Summary { median: 2.0, least: 1.0, most: 9.0 }));
        assert_eq!(Summary::of(&[9.0, 4.0, 1.0, 2.0]).unwrap().median, 3.0);
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn one_outlier_does_not_move_the_median() {
        assert_eq!(Summary::of(&[10.0, 11.0, 10.5, 9000.0, 10.2]).unwrap().median, 10.5);
    }

    #[test]
    fn a_ratio_needs_a_yardstick() {
        assert_eq!((ratio(3.0, 2.0), ratio(3.0, 0.0)), (Some(1.5), None));
    }
}
