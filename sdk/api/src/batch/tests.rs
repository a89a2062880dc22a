use super::*;
use crate::position::Partition;
use crate::record::{Field, Record};

fn partition() -> Arc<Partition> {
    Arc::new(Partition { source: "test".into(), stream: "orders".into(), incarnation: "1".into(), number: 0 })
}

fn three() -> Batch {
    let mut builder = BatchBuilder::new(Limit::default());
    let origin = builder.origin(&partition());
    let headers = [Field::text("a", "1"), Field::bytes("a", None)];
    builder.push(origin, 5, 6, Record { payload: Some(b"x"), key: Some(b""), headers: &headers, ..Record::default() });
    builder.push(origin, 6, 7, Record::default());
    builder.push(origin, 9, 10, Record { headers: &headers[..1], ..Record::payload(b"") });
    builder.finish()
}

#[test]
fn tells_absent_from_empty() {
    let batch = three();
    assert_eq!((batch.get(0).payload(), batch.get(0).key()), (Some(&b"x"[..]), Some(&b""[..])));
    assert_eq!((batch.get(1).payload(), batch.get(1).key()), (None, None));
    assert_eq!(batch.get(2).payload(), Some(&b""[..]));
}

#[test]
fn keeps_headers_in_order_with_duplicates_and_nulls() {
    let batch = three();
    let names: Vec<_> = batch.iter().map(|r| r.headers().map(|h| (h.name, h.value)).collect::<Vec<_>>()).collect();
    assert_eq!(names[0], [("a", Some(&b"1"[..])), ("a", None)]);
    assert!(names[1].is_empty());
    assert_eq!(names[2], [("a", Some(&b"1"[..]))]);
}

#[test]
fn a_filter_keeps_the_positions_of_what_it_takes_out() {
    let batch = three().filter(|record| record.position() == 6);
    assert_eq!(batch.len(), 1);
    assert_eq!(batch.positions().get(&partition()), Some(10));
}

#[test]
fn is_full_by_records_and_by_bytes() {
    let mut builder = BatchBuilder::new(Limit { records: 2, bytes: 1000 });
    let origin = builder.origin(&partition());
    builder.push(origin, 0, 1, Record::payload(&[0; 10]));
    assert!(!builder.is_full());
    builder.push(origin, 1, 2, Record::payload(&[0; 10]));
    assert!(builder.is_full());
    let mut builder = BatchBuilder::new(Limit { records: 100, bytes: 1000 });
    let origin = builder.origin(&partition());
    builder.push(origin, 0, 1, Record::payload(&[0; 1000]));
    assert!(builder.is_full());
}
