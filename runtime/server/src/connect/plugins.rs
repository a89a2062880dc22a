//! The worker itself, and the connectors that it knows.

use axum::Json;
use axum::extract::RawQuery;
use catchwater_sdk::Registry;
use catchwater_sdk::config::{Catalog, Role};

use super::body::{Health, Plugin, Worker as WorkerBody};
use super::check::{Validated, check};
use super::class::{Class, VERSION};
use super::common::CONVERTERS;
use super::connectors::{refuse_too_many, with_secrets, world, wrong_name};
use super::definitions::{self, Definition};
use super::failure::Failure;
use super::flat::{Flat, Given};
use super::invalid::Invalid;
use super::request::{Body, Path};
use super::worker::Worker;
use super::{kept, settings};
use crate::http::parameters;

/// The version of Kafka Connect whose API this is: clients go by it.
const API: &str = "4.1.0";

pub(super) async fn root(worker: Worker) -> Json<WorkerBody> {
    let kafka_cluster_id = worker.cluster().await;
    Json(WorkerBody { version: API, commit: concat!("catchwater-", env!("CARGO_PKG_VERSION")), kafka_cluster_id })
}

pub(super) async fn health() -> Json<Health> {
    let message = "Worker has completed startup and is ready to handle requests.";
    Json(Health { status: "healthy", message })
}

/// The connectors; with `connectorsOnly=false` the steps and converters as well.
pub(super) async fn list(worker: Worker, RawQuery(query): RawQuery) -> Json<Vec<Plugin>> {
    let registry = worker.server.registry();
    let plugin = |class: Class| Plugin { class: class.name(), kind: class.kind(), version: VERSION };
    let mut plugins: Vec<_> = Class::all(&**registry).into_iter().map(plugin).collect();
    if parameters(query.as_deref()).any(|(name, text)| name == "connectorsOnly" && text == "false") {
        let transforms = registry.names(Role::Transform).into_iter();
        let plugin = |name: &str| Plugin { class: name.to_owned(), kind: "transformation", version: VERSION };
        plugins.extend(transforms.map(plugin));
        let converter = |&(class, kind): &(&str, _)| Plugin { class: class.to_owned(), kind, version: VERSION };
        plugins.extend(CONVERTERS.iter().map(converter));
    }
    Json(plugins)
}

pub(super) async fn definitions(worker: Worker, Path(name): Path<String>) -> Result<Json<Vec<Definition>>, Failure> {
    let registry = worker.server.registry();
    if let Some(class) = Class::find(&name, false, &**registry) {
        return Ok(Json(definitions::of_class(&class, registry)));
    }
    let transform =
        registry.schema(Role::Transform, &name).map(|schema| definitions::of_schema(Some(schema), "", None));
    let found = transform.or_else(|| definitions::of_converter(&name));
    found.map(Json).ok_or_else(|| Failure::not_found(format!("Unknown plugin {name}.")))
}

/// Says what is wrong with a configuration, and changes nothing.
pub(super) async fn validate(
    worker: Worker,
    Path(name): Path<String>,
    Body(given): Body<Given>,
) -> Result<Json<Validated>, Failure> {
    refuse_too_many(given.len())?;
    let registry = worker.server.registry();
    let flat = given.texts();
    let class = Class::of(&flat, &**registry)
        .map_err(|unknown| Failure::internal(no_class(unknown.as_deref(), &flat, registry).into_message()))?;
    if Class::find(&name, class.role == Role::Source, &**registry) != Some(class.clone()) {
        let included = flat.get("connector.class").unwrap_or_default();
        let message = format!("Included connector type {included} does not match request type {name}");
        return Err(Failure::bad_request(message));
    }
    let mut wrong = match flat.get("name") {
        None => vec![Invalid::missing("name")],
        Some(name) => wrong_name(name).into_iter().collect(),
    };
    let kafka = settings::kafka(worker.server.folder())?;
    // Without a name of its own it is checked under one that nothing is wrong with.
    let checked_as = flat.get("name").filter(|_| wrong.is_empty()).unwrap_or("validated");
    let world = world(&worker, kafka.as_ref());
    let (revealed, unknown) = with_secrets(&worker, checked_as, flat.clone(), &class, world)?;
    wrong.extend(unknown);
    wrong.extend(given.nulls().map(Invalid::null));
    wrong.extend(check(checked_as, &revealed, &class, world).err().into_iter().flatten());
    let shown = kept::hidden(&flat, &class, &**registry);
    Ok(Json(Validated::new(&shown, &class, &wrong, registry)))
}

/// What is said where there is no class of that name, or where none is named.
pub(super) fn no_class(name: Option<&str>, flat: &Flat, registry: &Registry) -> Failure {
    let Some(name) = name else {
        return Failure::bad_request(format!("Connector config {flat} contains no connector type"));
    };
    let classes: Vec<_> = Class::all(registry).iter().map(Class::name).collect();
    Failure::bad_request(format!(
        "Failed to find any class that implements Connector and which name matches {name}, available connectors are: {}",
        classes.join(", ")
    ))
}
