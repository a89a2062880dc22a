//! Queries over lakes that Catchwater's own sink would make are in `tests/cases/test_sql.py`; here is what needs no lake.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field};
use datafusion::physical_plan::memory::MemoryStream;

use super::*;
use crate::collections::Seen;

fn limits() -> Limits {
    Limits { memory_bytes: 64 << 20, spill: None, spill_bytes_max: 1 << 30 }
}

fn batch(rows: i64) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let payloads = (0..rows).map(|row| if row % 2 == 0 { &b"{\"a\":\n1}"[..] } else { &b"\xff\x00"[..] });
    let payloads: ArrayRef = Arc::new(BinaryArray::from_iter_values(payloads));
    let nested = StructArray::from(vec![(Arc::new(Field::new("x", DataType::Int64, true)), Arc::clone(&numbers))]);
    RecordBatch::try_from_iter([("n", numbers), ("p", payloads), ("s", Arc::new(nested) as _)]).expect("a batch")
}

async fn written(form: Form, batches: Vec<RecordBatch>) -> (Vec<u8>, Written) {
    let stream = MemoryStream::try_new(batches, batch(0).schema(), None).expect("a stream");
    let mut out = Vec::new();
    let written =
        form.write(&mut Answer::new(Box::pin(stream), Seen::default(), limits()), &mut out).await.expect("written");
    (out, written)
}

async fn check(form: Form, rows: i64, expected: &str) {
    let (out, _) = written(form, vec![batch(rows)]).await;
    assert_eq!(String::from_utf8(out).expect("text"), expected);
}

#[tokio::test]
async fn a_table_has_columns_one_line_for_a_row_and_bytes_as_text() {
    check(Form::Table, 2, "n  p         s\n0  {\"a\": 1}  {\"x\":0}\n1  \\xff00    {\"x\":1}\n").await;
}

#[tokio::test]
async fn a_table_shows_so_many_rows_and_says_that_there_are_more() {
    let (out, told) = written(Form::Table, vec![batch(999), batch(1)]).await;
    assert_eq!(
        (told, out.iter().filter(|&&byte| byte == b'\n').count()),
        (Written { rows: 1000, has_more: false }, 1001)
    );
    let (_, told) = written(Form::Table, vec![batch(999), batch(2), batch(5)]).await;
    assert_eq!(told, Written { rows: 1000, has_more: true });
}

#[tokio::test]
async fn json_is_an_object_on_each_line() {
    check(
        Form::Json,
        2,
        "{\"n\":0,\"p\":\"{\\\"a\\\":\\n1}\",\"s\":{\"x\":0}}\n{\"n\":1,\"p\":\"\\\\xff00\",\"s\":{\"x\":1}}\n",
    )
    .await;
    check(Form::Json, 0, "").await;
}

#[tokio::test]
async fn csv_has_one_header_and_json_for_values_within_values() {
    check(Form::Csv, 1, "n,p,s\n0,\"{\"\"a\"\":\n1}\",\"{\"\"x\"\":0}\"\n").await;
    check(Form::Csv, 0, "n,p,s\n").await;
}

#[tokio::test]
async fn parquet_keeps_types_and_bytes() {
    let (out, told) = written(Form::Parquet, vec![batch(3), batch(2)]).await;
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(bytes::Bytes::from(out), 100);
    let batches: Vec<_> = reader.expect("parquet").collect::<Result<_, _>>().expect("rows");
    assert_eq!(told.rows, 5);
    assert_eq!(batches[0].column(1).data_type(), &DataType::Binary);
    assert_eq!(batches[0].slice(0, 3), batch(3));
}
