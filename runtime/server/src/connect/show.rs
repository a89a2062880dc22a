//! A pipeline that was not made over Kafka Connect's API, in its form: every pipeline is a connector, whoever made it.
//!
//! What reads Kafka is a sink connector; what writes to Kafka alone, from elsewhere, a source connector. Settings that have no
//! place in that form stand behind `source.`, `sinks.NAME.` and `dead_letters.`, or as they do in a file: they are shown, and
//! cannot be set. What is as it is without a word of it is not shown.

use catchwater_engine::plan::Planned;
use catchwater_engine::spec::{Component, OnError, Pipeline, Settings, Sink, Unmatched, When};
use catchwater_sdk::Registry;
use catchwater_sdk::config::{Catalog, Kind, Node, Role};

use super::class::Class;
use super::flat::Flat;
use super::keys::flattened;

/// The connector on Kafka's side.
const KAFKA: &str = "kafka";

/// What a pipeline is as a connector.
pub(crate) fn class(pipeline: &Pipeline) -> Class {
    let writes_kafka_alone = pipeline.sinks.iter().all(|sink| sink.component.type_name == KAFKA);
    match pipeline.source.type_name != KAFKA && writes_kafka_alone {
        true => Class::new(Role::Source, &pipeline.source.type_name),
        false => Class::new(Role::Sink, &pipeline.sinks[0].component.type_name),
    }
}

/// Its configuration.
pub(crate) fn shown(planned: &Planned, registry: &Registry) -> Flat {
    let class = class(&planned.spec);
    let mut shown = Shown { flat: Flat::default(), registry, on_error: on_error(&planned.spec) };
    shown.flat.set("name", &planned.spec.name);
    shown.flat.set("connector.class", class.name());
    shown.flat.set("tasks.max", planned.tasks.to_string());
    match class.role {
        Role::Source => shown.source_connector(&planned.spec),
        _ => shown.sink_connector(&planned.spec),
    }
    shown.transforms("", &planned.spec.transforms);
    shown.errors(&planned.spec);
    shown.treatment(&planned.spec);
    shown.flat
}

struct Shown<'a> {
    flat: Flat,
    registry: &'a Registry,
    /// What becomes of a record that cannot be processed or stored, by `errors.tolerance` and the dead letter queue.
    on_error: OnError,
}

// === impl Shown ===

impl Shown<'_> {
    fn sink_connector(&mut self, pipeline: &Pipeline) {
        match pipeline.source.type_name == KAFKA {
            true => self.topics(&pipeline.source),
            false => self.component(&pipeline.source, "source."),
        }
        self.records(&pipeline.source, "source.");
        let Some((first, others)) = pipeline.sinks.split_first() else { return };
        self.settings(&first.component, "");
        self.records(&first.component, "");
        self.transforms("sink.", &first.transforms);
        others.iter().for_each(|sink| self.beside(sink));
    }

    fn source_connector(&mut self, pipeline: &Pipeline) {
        self.settings(&pipeline.source, "");
        self.records(&pipeline.source, "");
        let Some((first, others)) = pipeline.sinks.split_first() else { return };
        for (key, text) in self.flattened(&first.component) {
            let key = match key.strip_prefix("librdkafka.") {
                Some(property) => format!("producer.override.{property}"),
                None if key == "topic" => key,
                None => format!("sink.{key}"),
            };
            self.flat.set(&key, text);
        }
        self.records(&first.component, "sink.");
        self.transforms("sink.", &first.transforms);
        others.iter().for_each(|sink| self.beside(sink));
    }

    fn topics(&mut self, source: &Component) {
        for (key, text) in self.flattened(source) {
            let key = match key.as_str() {
                "topics" if is_pattern(&source.node) => "topics.regex".to_owned(),
                "topics" => key,
                "group" => "consumer.override.group.id".to_owned(),
                "start" => "consumer.override.auto.offset.reset".to_owned(),
                _ => match key.strip_prefix("librdkafka.") {
                    Some(property) => format!("consumer.override.{property}"),
                    None => format!("source.{key}"),
                },
            };
            self.flat.set(&key, text);
        }
    }

    /// A sink beside the one that the connector is.
    fn beside(&mut self, sink: &Sink) {
        let prefix = format!("sinks.{}.", sink.component.name);
        self.component(&sink.component, &prefix);
        self.records(&sink.component, &prefix);
        self.transforms(&prefix, &sink.transforms);
    }

    fn component(&mut self, component: &Component, prefix: &str) {
        self.flat.set(&format!("{prefix}type"), &component.type_name);
        self.settings(component, prefix);
    }

    fn settings(&mut self, component: &Component, prefix: &str) {
        for (key, text) in self.flattened(component) {
            self.flat.set(&format!("{prefix}{key}"), text);
        }
    }

    fn flattened(&self, component: &Component) -> Vec<(String, String)> {
        let schema = self.registry.schema(component.role, &component.type_name).cloned().unwrap_or_default();
        flattened(&component.node, &schema, "")
    }

    /// Which records concern a component, and what becomes of those that it can do nothing with.
    fn records(&mut self, component: &Component, prefix: &str) {
        match &component.when {
            When::Always => {}
            When::Matching(query) => self.flat.set(&format!("{prefix}when"), query.to_string()),
            When::Otherwise => self.flat.set(&format!("{prefix}when"), "otherwise"),
        }
        if component.on_error != self.on_error {
            self.flat.set(&format!("{prefix}on_error"), word(component.on_error));
        }
    }

    fn transforms(&mut self, prefix: &str, transforms: &[Component]) {
        if transforms.is_empty() {
            return;
        }
        let aliases: Vec<_> = transforms.iter().map(|transform| transform.name.as_str()).collect();
        self.flat.set(&format!("{prefix}transforms"), aliases.join(","));
        for transform in transforms {
            let prefix = format!("{prefix}transforms.{}.", transform.name);
            self.component(transform, &prefix);
            self.records(transform, &prefix);
        }
    }

    fn errors(&mut self, pipeline: &Pipeline) {
        self.flat.set("errors.tolerance", if self.on_error == OnError::Fail { "none" } else { "all" });
        let Some(letters) = &pipeline.dead_letters else { return };
        if letters.type_name != KAFKA {
            return self.component(letters, "dead_letters.");
        }
        for (key, text) in self.flattened(letters) {
            match key.as_str() {
                "topic" => self.flat.set("errors.deadletterqueue.topic.name", text),
                _ => self.flat.set(&format!("dead_letters.{key}"), text),
            }
        }
    }

    /// How the engine treats the pipeline, where that is not as it is with any.
    fn treatment(&mut self, pipeline: &Pipeline) {
        let (settings, usual) = (&pipeline.settings, Settings::default());
        let (retry, usual_retry) = (&settings.retry, &usual.retry);
        for (key, is, usually) in [
            ("checkpoint_interval", settings.checkpoint_interval, usual.checkpoint_interval),
            ("idle", settings.idle, usual.idle),
            ("drain_timeout", settings.drain_timeout, usual.drain_timeout),
            ("retry.initial", retry.initial, usual_retry.initial),
            ("retry.max", retry.max, usual_retry.max),
        ] {
            if is != usually {
                self.flat.set(key, is.to_string());
            }
        }
        if let Some(attempts) = retry.attempts {
            self.flat.set("retry.attempts", attempts.to_string());
        }
        match pipeline.unmatched {
            Some(Unmatched::DeadLetter) => self.flat.set("unmatched", "dead_letter"),
            // The `when` of a connector says so.
            Some(Unmatched::Drop) if pipeline.sinks.len() > 1 => self.flat.set("unmatched", "drop"),
            Some(Unmatched::Drop) | None => {}
        }
    }
}

/// What becomes of a record of a component that says nothing else, in the form's few words.
fn on_error(pipeline: &Pipeline) -> OnError {
    let drops = |sink: &Sink| sink.component.on_error == OnError::Drop;
    match (&pipeline.dead_letters, pipeline.sinks.iter().any(drops)) {
        (Some(_), _) => OnError::DeadLetter,
        (None, true) => OnError::Drop,
        (None, false) => OnError::Fail,
    }
}

fn word(on_error: OnError) -> &'static str {
    match on_error {
        OnError::DeadLetter => "dead_letter",
        OnError::Fail => "fail",
        OnError::Drop => "drop",
    }
}

/// Whether the topics of a source are one pattern.
fn is_pattern(source: &Node) -> bool {
    match source.get("topics").map(|topics| &topics.kind) {
        Some(Kind::Seq(topics, _)) => {
            matches!(topics.as_slice(), [only] if only.as_text().is_some_and(|topic| topic.starts_with('^')))
        }
        _ => false,
    }
}
