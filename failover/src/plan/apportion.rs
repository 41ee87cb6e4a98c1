//! A total in whole parts, in proportion to weights.

/// Splits `total` in proportion to `weights` so that the parts sum to it exactly, by largest remainder; between equal
/// remainders the first goes first. All zeros where the weights are.
pub(super) fn apportion(total: u64, weights: &[u64]) -> Vec<u64> {
    // A single weight, the everyday case, is the whole.
    if let [weight] = weights {
        return vec![if *weight > 0 { total } else { 0 }];
    }
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: u64| u128::from(total) * u128::from(weight);
    let mut parts: Vec<u64> = weights
        .iter()
        .map(|weight| u64::try_from(exact(*weight) / sum).unwrap_or(u64::MAX))
        .collect();
    let given: u64 = parts.iter().fold(0, |sum, part| sum.saturating_add(*part));
    let missing = usize::try_from(total.saturating_sub(given)).unwrap_or(usize::MAX);
    let mut order: Vec<(u128, usize)> = weights
        .iter()
        .enumerate()
        .map(|(at, weight)| (exact(*weight) % sum, at))
        .collect();
    order.sort_by_key(|(remainder, at)| (std::cmp::Reverse(*remainder), *at));
    for (_, at) in order.into_iter().take(missing) {
        if let Some(part) = parts.get_mut(at) {
            *part += 1;
        }
    }
    parts
}

/// As [`apportion`], but nobody with a weight gets nothing: a share that a mesh does not know of cannot be used.
pub(super) fn apportion_all(total: u64, weights: &[u64]) -> Vec<u64> {
    let mut parts = apportion(total, weights);
    for at in 0..parts.len() {
        let starved =
            weights.get(at).is_some_and(|weight| *weight > 0) && parts.get(at) == Some(&0);
        let most = parts.iter().max().copied().unwrap_or(0);
        if !starved || most < 2 {
            continue;
        }
        if let Some(giver) = parts.iter_mut().find(|part| **part == most) {
            *giver -= 1;
        }
        if let Some(part) = parts.get_mut(at) {
            *part = 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_sum_to_the_whole() {
        assert_eq!(apportion(10_000, &[1, 1, 1]), [3334, 3333, 3333]);
        assert_eq!(apportion(1, &[1, 2]), [0, 1]);
        assert_eq!(apportion(7, &[0, 0]), [0, 0]);
        assert_eq!(
            apportion(u64::MAX, &[u64::MAX, u64::MAX])
                .iter()
                .map(|p| u128::from(*p))
                .sum::<u128>(),
            u128::from(u64::MAX)
        );
    }

    #[test]
    fn a_tiny_weight_still_gets_a_part() {
        assert_eq!(apportion_all(10_000, &[1_000_000_000, 1, 0]), [9_999, 1, 0]);
        assert_eq!(apportion_all(2, &[1_000, 1]), [1, 1]);
        // Nobody gives the last part away.
        assert_eq!(apportion_all(1, &[1_000, 1]), [1, 0]);
    }
}
