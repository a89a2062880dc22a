//! The name that was meant.

/// The candidate nearest to `name`, if one is near enough to be meant: a slip for each three letters, at least one.
/// Earlier candidates win a tie.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let slips_max = (name.chars().count() / 3).max(1);
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_or_nothing() {
        assert_eq!(nearest("kafak", ["file", "kafka"]), Some("kafka"));
        assert_eq!(nearest("Topics", ["topics"]), Some("topics"));
        assert_eq!(nearest("topic", ["group", "start"]), None);
    }
}
