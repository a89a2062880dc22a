//! The file or object that a record goes to.

use std::fmt::Write;

use catchwater_sdk::RecordRef;
use catchwater_sdk::config::{Part, Template};

/// Writes the path for this record. What the record brings in is made harmless, so that no record can choose a folder.
pub(crate) fn render(template: &Template, record: RecordRef<'_>, path: &mut String) -> Result<(), String> {
    path.clear();
    let mut value = Vec::new();
    for part in template.parts() {
        match part {
            Part::Text(text) => path.push_str(text),
            part => {
                value.clear();
                part.render(record, &mut value)?;
                push_harmless(&value, path);
            }
        }
    }
    if path.is_empty() || path.ends_with('/') {
        return Err("the name of the file would be empty".into());
    }
    Ok(())
}

/// A value that begins with a dot could be `..` or hide a file.
fn push_harmless(value: &[u8], path: &mut String) {
    for (i, byte) in value.iter().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || (*byte == b'.' && i > 0);
        match plain {
            true => path.push(char::from(*byte)),
            false => write!(path, "%{byte:02X}").expect("memory can be written"),
        }
    }
}
