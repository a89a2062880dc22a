//! What a source answers: checked as a whole, then made a batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use catchwater_sdk::{Batch, BatchBuilder, Field, Limit, Partition, Positions, Record};

use crate::bindings::source::{Arrivals, Beginning, Place};
use crate::journal::plain;
use crate::rejections;

/// A plugin may have so many partitions. (Invariant 9)
const PARTITIONS_MAX: usize = 10_000;

/// The partitions of a source under the plugin's numbers, and where reading goes on in each.
#[derive(Debug, Default)]
pub(crate) struct Track {
    partitions: Vec<Arc<Partition>>,
    at: Vec<i64>,
}

// === impl Track ===

impl Track {
    /// What the plugin says that there is.
    pub(crate) fn new(found: Vec<Beginning>) -> Result<Track, String> {
        if found.len() > PARTITIONS_MAX {
            return Err(format!("{} partitions, and {PARTITIONS_MAX} may be", found.len()));
        }
        let mut track = Track::default();
        for Beginning { partition, position } in found {
            let partition = Arc::new(Partition {
                source: partition.source.into(),
                stream: partition.stream.into(),
                incarnation: partition.incarnation.into(),
                number: partition.number,
            });
            if position < 0 {
                return Err(format!("{} begins at {position}", name(&partition)));
            }
            track.partitions.push(partition);
            track.at.push(position);
        }
        let mut sorted: Vec<_> = track.partitions.iter().collect();
        sorted.sort();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(format!("{} is there twice", name(twice[0]))),
            None => Ok(track),
        }
    }

    /// Each partition with the place where reading goes on.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (Arc<Partition>, i64)> {
        self.partitions.iter().cloned().zip(self.at.iter().copied())
    }

    /// Reading goes on there; what is not named stays where it is.
    pub(crate) fn go_to(&mut self, positions: &Positions) {
        for (partition, at) in self.partitions.iter().zip(&mut self.at) {
            *at = positions.get(partition).unwrap_or(*at);
        }
    }

    /// Takes the places over from who had the same partitions, in whatever order.
    pub(crate) fn take_over(&mut self, before: &Track) -> Result<(), String> {
        let places: Positions = before.positions().collect();
        let is_same = |partition: &Arc<Partition>| places.get(partition).is_some();
        if places.len() != self.partitions.len() || !self.partitions.iter().all(is_same) {
            return Err("its partitions are others than before".into());
        }
        self.go_to(&places);
        Ok(())
    }

    /// As the plugin is told them.
    pub(crate) fn places(&self) -> Vec<Place> {
        (0..).zip(&self.at).map(|(partition, position)| Place { partition, position: *position }).collect()
    }

    /// The records, after which reading goes on behind them; nothing where there is nothing new. What is wrong with an answer
    /// leaves all as it was.
    pub(crate) fn take(&mut self, arrivals: &Arrivals, records_max: usize) -> Result<Option<Batch>, String> {
        let count = arrivals.count as usize;
        if count > records_max {
            return Err(format!("{count} records, and {records_max} were asked for"));
        }
        check_columns(arrivals, count)?;
        let at = self.moved(arrivals)?;
        let rejected = rejections::read(&arrivals.rejected, count)?;
        let is_new = count > 0 || at != self.at;
        let batch = is_new.then(|| self.batch(arrivals, &at, &rejected));
        self.at = at;
        Ok(batch)
    }

    /// Where reading goes on after these. Positions that do not ascend, or go back, are an error.
    fn moved(&self, arrivals: &Arrivals) -> Result<Vec<i64>, String> {
        let mut at = self.at.clone();
        for (partition, position) in arrivals.partition.iter().zip(&arrivals.position) {
            *self.next(&mut at, *partition, *position)? =
                position.checked_add(1).ok_or("a position behind which there is none")?;
        }
        for Place { partition, position } in &arrivals.after {
            *self.next(&mut at, *partition, *position)? = *position;
        }
        Ok(at)
    }

    fn next<'a>(&self, at: &'a mut [i64], partition: u32, position: i64) -> Result<&'a mut i64, String> {
        let partitions = at.len();
        let next = at.get_mut(partition as usize);
        let next = next.ok_or_else(|| format!("partition {partition}, and there are {partitions}"))?;
        match position < *next {
            true => Err(format!("{} goes back to {position} from {next}", name(&self.partitions[partition as usize]))),
            false => Ok(next),
        }
    }

    fn batch(&self, arrivals: &Arrivals, at: &[i64], rejected: &BTreeMap<usize, String>) -> Batch {
        let mut batch = BatchBuilder::new(Limit { records: usize::MAX, bytes: usize::MAX });
        let moved = (0..at.len()).filter(|number| at[*number] != self.at[*number]);
        let origins: BTreeMap<u32, u32> =
            moved.map(|number| (number as u32, batch.origin(&self.partitions[number]))).collect();
        for row in 0..arrivals.count as usize {
            let (origin, position) = (origins[&arrivals.partition[row]], arrivals.position[row]);
            let headers: Vec<Field<'_>> = arrivals.headers.get(row).collect();
            let properties: Vec<Field<'_>> = arrivals.properties.get(row).collect();
            let record = Record {
                payload: arrivals.payload.get(row),
                key: arrivals.key.get(row),
                headers: &headers,
                properties: &properties,
                timestamp: arrivals.time.get(row),
                redelivered: false,
            };
            match rejected.get(&row) {
                Some(reason) => batch.reject(origin, position, position + 1, record, reason.clone()),
                None => batch.push(origin, position, position + 1, record),
            }
        }
        origins.iter().for_each(|(number, origin)| batch.advance(*origin, at[*number as usize]));
        batch.finish()
    }
}

fn name(partition: &Partition) -> String {
    plain(&partition.to_string())
}

fn check_columns(arrivals: &Arrivals, count: usize) -> Result<(), String> {
    let of = |name: &'static str| move |what: String| format!("{what} ({name})");
    arrivals.payload.check(count).map_err(of("payload"))?;
    arrivals.key.check(count).map_err(of("key"))?;
    arrivals.headers.check(count).map_err(of("headers"))?;
    arrivals.properties.check(count).map_err(of("properties"))?;
    arrivals.time.check(count).map_err(of("time"))?;
    match (arrivals.partition.len(), arrivals.position.len()) {
        (partitions, positions) if partitions != count || positions != count => {
            Err(format!("{partitions} partitions and {positions} positions for {count} records"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::source;

    fn beginning(stream: &str, position: i64) -> Beginning {
        let (source, incarnation) = ("system".into(), "1".into());
        let partition = source::Partition { source, stream: stream.into(), incarnation, number: 0 };
        Beginning { partition, position }
    }

    fn track(streams: &[&str]) -> Track {
        Track::new(streams.iter().map(|stream| beginning(stream, 0)).collect()).expect("they are sound")
    }

    #[test]
    fn partitions_that_cannot_be_are_refused() {
        let refused = |found| Track::new(found).expect_err("it is wrong");
        assert_eq!(refused(vec![beginning("a", 0), beginning("b", 0), beginning("a", 1)]), "a[0] is there twice");
        assert_eq!(refused(vec![beginning("a", -1)]), "a[0] begins at -1");
        let many = (0..=PARTITIONS_MAX).map(|number| beginning(&number.to_string(), 0)).collect();
        assert_eq!(refused(many), "10001 partitions, and 10000 may be");
    }

    #[test]
    fn a_new_instance_gets_the_places_under_its_own_numbers() {
        let mut before = track(&["a", "b"]);
        before.at = vec![3, 5];
        let mut after = track(&["b", "a"]);
        after.take_over(&before).expect("they are the same");
        assert_eq!(after.at, [5, 3]);
        track(&["a"]).take_over(&before).expect_err("one is missing");
        track(&["a", "c"]).take_over(&before).expect_err("one is another");
    }
}
