//! Answers written: as a table to look at, or as JSON, CSV or Parquet to go on with.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::csv::Writer as CsvWriter;
use arrow::json::LineDelimitedWriter;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use catchwater_sdk::{Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::answer::Answer;
use crate::text::{flat, readable};

/// A table is for eyes: more rows than this are not shown.
const TABLE_ROWS_MAX: usize = 1000;

/// A longer value is cut in a table.
const TABLE_CHARS_MAX: usize = 80;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Columns under each other, the first 1,000 rows; long values are cut.
    Table,
    /// A JSON object on each line.
    Json,
    /// RFC 4180 with a header; values within values as JSON.
    Csv,
    /// A Parquet file, with the types as they are.
    Parquet,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// How many rows.
    pub rows: u64,
    /// Whether there are more, which a table does not show.
    pub has_more: bool,
}

impl Form {
    /// Writes a whole answer. `Ended` when whoever reads it has gone away.
    pub async fn write(self, answer: &mut Answer, out: impl Write + Send) -> Result<Written> {
        match self {
            Form::Table => write_table(answer, out).await,
            Form::Json => write_lines(answer, LineDelimitedWriter::new(out)).await,
            Form::Csv => write_csv(answer, out).await,
            Form::Parquet => write_parquet(answer, out).await,
        }
    }
}

async fn write_lines<W: Write + Send>(answer: &mut Answer, mut writer: LineDelimitedWriter<W>) -> Result<Written> {
    let mut rows = 0;
    while let Some(batch) = answer.next().await? {
        rows += batch.num_rows() as u64;
        readable(&batch).and_then(|batch| writer.write(&batch)).map_err(not_written)?;
    }
    writer.finish().map_err(not_written)?;
    writer.into_inner().flush().map_err(not_written)?;
    Ok(Written { rows, has_more: false })
}

async fn write_csv(answer: &mut Answer, out: impl Write + Send) -> Result<Written> {
    let mut writer = CsvWriter::new(out);
    let mut rows = 0;
    // Of an answer without rows there is the header.
    let none = RecordBatch::new_empty(answer.schema());
    write_csv_rows(&mut writer, &none)?;
    while let Some(batch) = answer.next().await? {
        rows += batch.num_rows() as u64;
        write_csv_rows(&mut writer, &batch)?;
    }
    writer.into_inner().flush().map_err(not_written)?;
    Ok(Written { rows, has_more: false })
}

fn write_csv_rows<W: Write>(writer: &mut CsvWriter<W>, batch: &RecordBatch) -> Result<()> {
    let written = readable(batch).and_then(|batch| flat(&batch)).and_then(|batch| writer.write(&batch));
    written.map_err(not_written)
}

async fn write_parquet(answer: &mut Answer, out: impl Write + Send) -> Result<Written> {
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(out, answer.schema(), Some(properties)).map_err(not_written)?;
    let mut rows = 0;
    while let Some(batch) = answer.next().await? {
        rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(not_written)?;
        if writer.in_progress_size() > ROW_GROUP_BYTES {
            writer.flush().map_err(not_written)?;
        }
    }
    let mut out = writer.into_inner().map_err(not_written)?;
    out.flush().map_err(not_written)?;
    Ok(Written { rows, has_more: false })
}

/// What the Parquet writer holds at most before it writes a row group.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Reads no further than what it shows.
async fn write_table(answer: &mut Answer, mut out: impl Write + Send) -> Result<Written> {
    let mut lines = vec![answer.schema().fields().iter().map(|field| cut(field.name())).collect::<Vec<_>>()];
    let mut has_more = false;
    while let Some(batch) = answer.next().await? {
        let room = TABLE_ROWS_MAX + 1 - lines.len();
        has_more = batch.num_rows() > room;
        let shown = batch.slice(0, batch.num_rows().min(room));
        lines.extend(cells(&shown).map_err(not_written)?);
        if has_more {
            break;
        }
    }
    out.write_all(aligned(&lines).as_bytes()).and_then(|()| out.flush()).map_err(not_written)?;
    Ok(Written { rows: lines.len() as u64 - 1, has_more })
}

/// The values of each row.
fn cells(batch: &RecordBatch) -> Result<Vec<Vec<String>>, arrow::error::ArrowError> {
    let batch = flat(&readable(batch)?)?;
    let options = FormatOptions::new().with_null("null");
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options)).collect::<Result<_, _>>()?;
    let row = |row| columns.iter().map(|column| column.value(row).try_to_string().map(|text| cut(&text))).collect();
    (0..batch.num_rows()).map(row).collect()
}

/// One line, not too long.
fn cut(text: &str) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut cut: String = chars.by_ref().take(TABLE_CHARS_MAX).collect();
    if chars.next().is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}

fn aligned(lines: &[Vec<String>]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The end of a pipe is no mistake: `head` has seen enough.
fn not_written(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(at) = cause {
        let kind = at.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if kind == Some(std::io::ErrorKind::BrokenPipe) || at.to_string().contains("Broken pipe") {
            return Error::ended("write the answer: nobody reads it any more");
        }
        cause = at.source();
    }
    Error::refused("write the answer").because(error)
}
