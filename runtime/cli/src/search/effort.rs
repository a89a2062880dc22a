//! What a search had to look at, in one line.

use catchwater_lake::search::Effort;
use indicatif::{HumanBytes, HumanCount};

/// What is left out of each count was ruled out before.
pub(super) fn told(effort: &Effort) -> String {
    let Effort { files, files_read, groups, groups_read, rows_read, payloads_read, payloads_decoded, bytes_read } =
        *effort;
    format!(
        "read {} of {} files, {} of their {} row groups with {} rows, {} payloads of which {} were decoded; {}",
        HumanCount(files_read),
        HumanCount(files),
        HumanCount(groups_read),
        HumanCount(groups),
        HumanCount(rows_read),
        HumanCount(payloads_read),
        HumanCount(payloads_decoded),
        HumanBytes(bytes_read)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_says_what_it_looked_at() {
        let effort = Effort {
            files: 29,
            files_read: 2,
            groups: 5,
            groups_read: 3,
            rows_read: 1_500_000,
            payloads_read: 1200,
            payloads_decoded: 7,
            bytes_read: 3 << 20,
        };
        let expected = "read 2 of 29 files, 3 of their 5 row groups with 1,500,000 rows, 1,200 payloads of which 7 were \
                        decoded; 3.00 MiB";
        assert_eq!(told(&effort), expected);
    }
}
