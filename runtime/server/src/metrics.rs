//! The numbers of all pipelines, as Prometheus reads them.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::server::{Described, Server};

pub(crate) const CONTENT_TYPE_TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All numbers as text.
pub(crate) fn encoded(server: &Server) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("catchwater");
    registry.register_collector(Box::new(Numbers(server.clone())));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

/// Read when they are asked for: pipelines count on their own.
struct Numbers(Server);

/// Name, what it says, and the number of one pipeline.
type Count = (&'static str, &'static str, fn(&Described) -> u64);

const COUNTS: &[Count] = &[
    ("pipeline_records", "Records read from the source", |pipeline| pipeline.status.read.load(Relaxed)),
    ("pipeline_bytes", "Bytes of keys and payloads read", |pipeline| pipeline.status.read_bytes.load(Relaxed)),
    ("pipeline_dropped_records", "Records dropped on purpose", |pipeline| pipeline.status.dropped.load(Relaxed)),
    ("pipeline_dead_lettered_records", "Records that became dead letters", |pipeline| {
        pipeline.status.dead_lettered.load(Relaxed)
    }),
    ("pipeline_retries", "Calls that failed because another system was away", |pipeline| {
        pipeline.status.retries.load(Relaxed)
    }),
];

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Numbers")
    }
}

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let pipelines = self.0.list();
        for (name, help, count) in COUNTS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for pipeline in &pipelines {
                let labels = [("pipeline", label(pipeline.name()))];
                ConstCounter::new(count(pipeline)).encode(family.encode_family(&labels)?)?;
            }
        }
        gauge(
            &mut encoder,
            "pipeline_lag",
            "Records behind the end of the source, where known",
            &pipelines,
            |pipeline| pipeline.status.lag().map(|lag| lag as f64),
        )?;
        gauge(
            &mut encoder,
            "pipeline_committed_timestamp_seconds",
            "When positions were last committed",
            &pipelines,
            |p| {
                Some(p.status.committed_micros.load(Relaxed))
                    .filter(|micros| *micros > 0)
                    .map(|micros| micros as f64 / 1e6)
            },
        )?;
        gauge(&mut encoder, "pipeline_attempts", "How often in a row it failed", &pipelines, |pipeline| {
            Some(f64::from(pipeline.condition.attempts))
        })?;
        counters(&mut encoder, &pipelines)?;
        self.states(&mut encoder, &pipelines)?;
        self.reloads(&mut encoder)
    }
}

impl Numbers {
    /// 1 for the state that it is in.
    fn states(&self, encoder: &mut DescriptorEncoder<'_>, pipelines: &[Described]) -> fmt::Result {
        let help = "1 for the state that the pipeline is in";
        let mut family = encoder.encode_descriptor("pipeline_state", help, None, MetricType::Gauge)?;
        for pipeline in pipelines {
            let labels = [("pipeline", label(pipeline.name())), ("state", pipeline.state().into())];
            ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn reloads(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (generation, has_mistakes, outcomes) = {
            let view = self.0.view();
            (view.last.generation, view.last.error.is_some(), view.outcomes.clone())
        };
        let help = "Changes of what runs since the server started";
        let family = encoder.encode_descriptor("config_generation", help, None, MetricType::Gauge)?;
        ConstGauge::new(generation as i64).encode(family)?;
        let help = "1 as long as files, or the settings of the server, have mistakes";
        let family = encoder.encode_descriptor("config_has_mistakes", help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::from(has_mistakes)).encode(family)?;
        let help = "Reloads by how they ended: done, refused for a mistake, put back because it did not run";
        let mut family = encoder.encode_descriptor("config_reloads", help, None, MetricType::Counter)?;
        for outcome in ["done", "refused", "put_back"] {
            let count = outcomes.get(outcome).copied().unwrap_or_default();
            ConstCounter::new(count).encode(family.encode_family(&[("outcome", outcome)])?)?;
        }
        Ok(())
    }
}

fn counters(encoder: &mut DescriptorEncoder<'_>, pipelines: &[Described]) -> fmt::Result {
    let help = "What components count themselves, such as plugins";
    let mut family = encoder.encode_descriptor("component_count", help, None, MetricType::Counter)?;
    for pipeline in pipelines {
        for (component, name, count) in pipeline.status.counters.all() {
            let labels = [("pipeline", pipeline.name()), ("component", &component), ("counter", &name)];
            let labels = labels.map(|(name, text)| (name, label(text)));
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    pipelines: &[Described],
    number: fn(&Described) -> Option<f64>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for pipeline in pipelines {
        if let Some(number) = number(pipeline) {
            ConstGauge::new(number).encode(family.encode_family(&[("pipeline", label(pipeline.name()))])?)?;
        }
    }
    Ok(())
}

/// The library writes a label's value as it stands, and a quote in it would make all numbers unreadable.
fn label(text: &str) -> Cow<'_, str> {
    match text.contains(['\\', '"', '\n']) {
        true => text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").into(),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_ends_where_its_value_does() {
        assert_eq!(label("my sink"), "my sink");
        assert_eq!(label("a{b=\"c\"}\\\n"), r#"a{b=\"c\"}\\\n"#);
    }
}
