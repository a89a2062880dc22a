//! Reads what an HTTP API lists, by numbers that ascend: a source that polls.

use std::time::Duration;

use catchwater_plugin::{Arrivals, Failure, Mistake, Next, Opening, Partition, Request, Source, Want, count};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// What is asked, and how the answer is read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The address, with `{from}` in place of the first number that is wanted, or `{after}` in place of the last one that was
    /// read: `https://api.example.com/orders?after={after}`. The answer lists what comes next, in the order of its numbers.
    url: String,
    /// The field of the answer that holds the list, such as `data.items`; without it, the answer is the list.
    items: Option<String>,
    /// The field of an item that holds its number.
    #[serde(default = "number")]
    number: String,
    /// So many seconds after an empty answer it asks again.
    #[serde(default = "every")]
    every: u32,
    /// The end is an empty answer.
    #[serde(default)]
    until_empty: bool,
}

fn number() -> String {
    "id".into()
}

fn every() -> u32 {
    10
}

/// The plugin.
pub struct Poll {
    config: Config,
    from: i64,
}

impl Source for Poll {
    type Config = Config;
    const WANTS: &'static [Want] = &[Want::Egress];

    fn check(config: &Config) -> Result<(), Mistake> {
        if !config.url.contains("{from}") && !config.url.contains("{after}") {
            return Err(Mistake::new("url", "has neither `{from}` nor `{after}`: it would list the same each time"));
        }
        Ok(())
    }

    fn open(config: Config, _: &Opening) -> Result<Poll, Failure> {
        Ok(Poll { config, from: 0 })
    }

    fn partitions(&mut self) -> Result<Vec<Partition>, Failure> {
        let (host, path) = split(&self.config.url);
        Ok(vec![Partition::new(host, path)])
    }

    fn start(&mut self, _: usize, position: i64) -> Result<(), Failure> {
        self.from = position;
        Ok(())
    }

    fn read(&mut self, out: &mut Arrivals) -> Result<Next, Failure> {
        let answer = Request::get(self.url()).header("accept", "application/json").send()?.ok()?;
        count("polls", 1);
        let items = self.config.items(&answer.body)?;
        for item in &items {
            if out.is_full() {
                break; // the answer to the next request begins with the rest
            }
            self.take(item, out)?;
        }
        Ok(match out.is_empty() {
            false => Next::Now,
            true if self.config.until_empty => Next::End,
            true => Next::Wait(Duration::from_secs(self.config.every.into())),
        })
    }
}

impl Poll {
    fn url(&self) -> String {
        let after = (self.from - 1).to_string();
        self.config.url.replace("{from}", &self.from.to_string()).replace("{after}", &after)
    }

    /// Puts out an item that was not read yet: some APIs begin their answer with the last one.
    fn take(&mut self, item: &Value, out: &mut Arrivals) -> Result<(), Failure> {
        let number = at(item, &self.config.number).and_then(Value::as_i64);
        let number = number.filter(|number| (0..i64::MAX).contains(number));
        let Some(number) = number else {
            let text: String = item.to_string().chars().take(200).collect();
            return Err(Failure::Refused(format!("`{}` is no number of the item {text}", self.config.number)));
        };
        if number >= self.from {
            out.push_payload(0, number, item.to_string().as_bytes());
            self.from = number + 1;
        }
        Ok(())
    }
}

impl Config {
    fn items(&self, answer: &[u8]) -> Result<Vec<Value>, Failure> {
        let answer: Value = serde_json::from_slice(answer)
            .map_err(|error| Failure::Unavailable(format!("the answer is not JSON: {error}")))?;
        let list = match &self.items {
            Some(path) => at(&answer, path),
            None => Some(&answer),
        };
        list.and_then(Value::as_array)
            .cloned()
            .ok_or_else(|| Failure::Refused(format!("there is no list at `{}`", self.items.as_deref().unwrap_or(""))))
    }
}

/// The host of an address, and its path without what is asked there.
fn split(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    (host, path.split('?').next().unwrap_or_default())
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| value.get(part))
}

catchwater_plugin::source!(Poll);

#[cfg(test)]
mod tests {
    use super::*;

    fn poll() -> Poll {
        let url = "https://api.example.com/v1/orders?after={after}&from={from}".into();
        let config = Config { url, items: Some("data.items".into()), number: number(), every: 1, until_empty: false };
        Poll::open(config, &Opening::default()).expect("it opens")
    }

    #[test]
    fn the_next_number_is_asked_for() {
        let mut poll = poll();
        poll.start(0, 7).expect("it starts");
        assert_eq!(poll.url(), "https://api.example.com/v1/orders?after=6&from=7");
        assert_eq!(poll.partitions().expect("there is one"), [Partition::new("api.example.com", "v1/orders")]);
    }

    #[test]
    fn what_was_read_is_not_read_again_and_what_has_no_number_is_no_item() {
        let (mut poll, mut out) = (poll(), Arrivals::new(10, 1000));
        for item in [r#"{"id":3}"#, r#"{"id":3}"#, r#"{"id":5}"#] {
            poll.take(&serde_json::from_str(item).expect("JSON"), &mut out).expect("it has a number");
        }
        assert_eq!((out.len(), poll.from), (2, 6));
        for item in [r#"{"id":"5"}"#, "{}", r#"{"id":-1}"#, "1"] {
            poll.take(&serde_json::from_str(item).expect("JSON"), &mut out).expect_err("it has none");
        }
    }

    #[test]
    fn the_list_is_found_in_the_answer() {
        let config = poll().config;
        assert_eq!(config.items(br#"{"data":{"items":[1]}}"#).expect("it is there"), [1]);
        assert!(matches!(config.items(b"{}"), Err(Failure::Refused(_))));
        assert!(matches!(config.items(b"<html>"), Err(Failure::Unavailable(_))));
    }
}
