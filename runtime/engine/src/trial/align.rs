//! Two lists side by side, so that one record too many does not make all behind it wrong.

/// A pair of what was expected and what came, or one of them alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// These fit.
    Fitting,
    /// In the place of the one came the other.
    Differing(usize, usize),
    /// This did not come.
    Missing(usize),
    /// This was not expected.
    Unexpected(usize),
}

/// The longest run of fitting pairs in order, and between them what is left, paired in order too.
pub(super) fn align(expected: usize, found: usize, fits: impl Fn(usize, usize) -> bool) -> Vec<Pair> {
    let fitting: Vec<Vec<bool>> = (0..expected).map(|i| (0..found).map(|j| fits(i, j)).collect()).collect();
    let lengths = lengths(&fitting, found);
    let (mut pairs, mut gap, mut i, mut j) = (Vec::new(), (0, 0), 0, 0);
    while i < expected && j < found {
        if fitting[i][j] && lengths[i][j] == lengths[i + 1][j + 1] + 1 {
            close(&mut pairs, gap.0..i, gap.1..j);
            pairs.push(Pair::Fitting);
            (i, j) = (i + 1, j + 1);
            gap = (i, j);
        } else if lengths[i + 1][j] >= lengths[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    close(&mut pairs, gap.0..expected, gap.1..found);
    pairs
}

/// At `[i][j]` the length of the longest run from there on.
fn lengths(fitting: &[Vec<bool>], found: usize) -> Vec<Vec<usize>> {
    let mut lengths = vec![vec![0; found + 1]; fitting.len() + 1];
    for i in (0..fitting.len()).rev() {
        for j in (0..found).rev() {
            let without = lengths[i + 1][j].max(lengths[i][j + 1]);
            let with = if fitting[i][j] { lengths[i + 1][j + 1] + 1 } else { 0 };
            lengths[i][j] = without.max(with);
        }
    }
    lengths
}

fn close(pairs: &mut Vec<Pair>, mut expected: std::ops::Range<usize>, mut found: std::ops::Range<usize>) {
    loop {
        pairs.push(match (expected.next(), found.next()) {
            (Some(i), Some(j)) => Pair::Differing(i, j),
            (Some(i), None) => Pair::Missing(i),
            (None, Some(j)) => Pair::Unexpected(j),
            (None, None) => return,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Pair::{Differing, Fitting, Missing, Unexpected};
    use super::*;

    fn check(expected: &str, found: &str, pairs: &[Pair]) {
        let (one, other) = (expected.as_bytes(), found.as_bytes());
        assert_eq!(align(one.len(), other.len(), |i, j| one[i] == other[j]), pairs, "{expected} {found}");
    }

    #[test]
    fn what_is_missing_or_too_much_moves_nothing_else() {
        check("abc", "abc", &[Fitting, Fitting, Fitting]);
        check("abc", "ac", &[Fitting, Missing(1), Fitting]);
        check("ac", "abc", &[Fitting, Unexpected(1), Fitting]);
        check("abc", "axc", &[Fitting, Differing(1, 1), Fitting]);
        check("", "ab", &[Unexpected(0), Unexpected(1)]);
        check("ab", "", &[Missing(0), Missing(1)]);
        check("ab", "ba", &[Missing(0), Fitting, Unexpected(1)]);
        check("abcd", "xbyzd", &[Differing(0, 0), Fitting, Differing(2, 2), Unexpected(3), Fitting]);
    }
}
