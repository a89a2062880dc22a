//! Text from elsewhere, for a terminal or a log.

/// What a terminal would obey is written as an escape: a text from elsewhere must not move the cursor, nor begin a line.
pub fn plain(text: impl IntoIterator<Item = char>) -> String {
    let mut plain = String::new();
    for character in text {
        match character.is_control() {
            true => plain.extend(character.escape_default()),
            false => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_does_not_command_the_terminal() {
        assert_eq!(plain("a\x1b[31m\nb".chars()), "a\\u{1b}[31m\\nb");
    }
}
