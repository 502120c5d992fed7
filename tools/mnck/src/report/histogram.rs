// SPDX-License-Identifier: GPL-2.0

//! Histograms of powers of two, as the module keeps them.

/// Returns a time, in ns, which at least `percent` of the calls did not exceed.
///
/// The histogram knows a time to within a factor of two: the result is the end of a bucket, but no
/// more than `longest`.  It is 0 if there were no calls.
pub fn percentile(histogram: &[u64], longest: u64, percent: u64) -> u64 {
    let calls = histogram
        .iter()
        .fold(0_u64, |sum, count| sum.saturating_add(*count));
    let wanted = (u128::from(calls) * u128::from(percent)).div_ceil(100);
    let mut seen = 0_u128;

    for (bucket, count) in histogram.iter().enumerate() {
        seen += u128::from(*count);
        if *count != 0 && seen >= wanted {
            let end = 1_u64.checked_shl(bucket as u32 + 1).unwrap_or(u64::MAX);
            return end.min(longest);
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn without_calls_it_is_0() {
        assert_eq!(0, percentile(&[0; 40], 0, 50));
    }

    #[test]
    fn it_is_the_end_of_a_bucket() {
        let mut histogram = [0; 40];
        histogram[3] = 98; // less than 16 ns
        histogram[10] = 2; // less than 2048 ns

        assert_eq!(16, percentile(&histogram, 1500, 50));
        assert_eq!(16, percentile(&histogram, 1500, 98));
        assert_eq!(1500, percentile(&histogram, 1500, 99));
        assert_eq!(2048, percentile(&histogram, 9000, 99));
    }
}
