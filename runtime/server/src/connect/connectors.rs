//! `/connectors`: what there is, made, shown, changed and deleted.

use axum::Json;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use super::body::{Create, Info};
use super::check::check;
use super::class::Class;
use super::document::World;
use super::failure::Failure;
use super::flat::{Flat, Given, KEYS_MAX};
use super::invalid::Invalid;
use super::keys::HIDDEN;
use super::request::{Body, Path};
use super::worker::Worker;
use super::{kept, plugins, settings};
use crate::http::parameters;
use crate::server::{Described, Origin, Wanted};
use crate::wrong::Wrong;

type Answer<T> = Result<T, Failure>;

/// Their names, or with `expand` what is asked for of each.
pub(super) async fn list(worker: Worker, RawQuery(query): RawQuery) -> Response {
    let expanded: Vec<_> =
        parameters(query.as_deref()).filter(|(name, _)| name == "expand").map(|(_, what)| what).collect();
    let shows = |part: &str| expanded.iter().any(|what| what == part);
    let pipelines = worker.server.list();
    if expanded.is_empty() {
        return Json(pipelines.iter().map(|pipeline| pipeline.name().to_owned()).collect::<Vec<_>>()).into_response();
    }
    let of = |pipeline: &Described| Expanded {
        status: shows("status").then(|| worker.status(pipeline)),
        info: shows("info").then(|| worker.info(pipeline)),
    };
    Json(
        pipelines
            .iter()
            .map(|pipeline| (pipeline.name().to_owned(), of(pipeline)))
            .collect::<std::collections::BTreeMap<_, _>>(),
    )
    .into_response()
}

#[derive(Serialize)]
struct Expanded {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<super::body::Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<Info>,
}

pub(super) async fn create(worker: Worker, Body(asked): Body<Create>) -> Answer<Response> {
    let name = asked.name.unwrap_or_default().trim().to_owned();
    let wanted = match asked.initial_state.as_deref().map(str::to_uppercase).as_deref() {
        None | Some("RUNNING") => Wanted::Running,
        Some("PAUSED") => Wanted::Paused,
        Some("STOPPED") => Wanted::Stopped,
        Some(other) => {
            let message = format!("read initial_state: there is no {other}, there are RUNNING, PAUSED and STOPPED");
            return Err(Failure::internal(message));
        }
    };
    let text = sound_text(&worker, &name, named(&name, asked.config)?)?;
    let made = worker.server.create(text, wanted).await?;
    Ok(created(&worker, &made))
}

pub(super) async fn show(worker: Worker, Path(name): Path<String>) -> Answer<Json<Info>> {
    Ok(Json(worker.info(&worker.get(&name)?)))
}

pub(super) async fn config(worker: Worker, Path(name): Path<String>) -> Answer<Json<Flat>> {
    Ok(Json(worker.config(&worker.get(&name)?)))
}

pub(super) async fn put(worker: Worker, Path(name): Path<String>, Body(given): Body<Given>) -> Answer<Response> {
    let flat = named(&name, given)?;
    set(&worker, &name, flat).await
}

pub(super) async fn patch(worker: Worker, Path(name): Path<String>, Body(patch): Body<Given>) -> Answer<Response> {
    let before = worker.config(&worker.get(&name)?);
    refuse_too_many(patch.len())?;
    let mut flat = before.patched(patch);
    refuse_too_many(flat.len())?;
    // No patch takes a connector's name away, nor makes it another: what it says is shown, as it is there.
    if flat.get("name").is_none() {
        flat.set("name", &name);
    }
    set(&worker, &name, flat).await
}

pub(super) async fn delete(worker: Worker, Path(name): Path<String>) -> Answer<StatusCode> {
    worker.server.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts a configuration in the place of another, or makes the connector.
async fn set(worker: &Worker, name: &str, flat: Flat) -> Answer<Response> {
    let before = worker.find(name);
    if let Some(Origin::File(file)) = before.as_ref().map(|pipeline| &pipeline.origin) {
        return Err(Wrong::FromFile { name: name.to_owned(), file: file.clone() }.into());
    }
    let text = sound_text(worker, name, flat)?;
    let made = worker.server.replace(name, text).await?;
    Ok(match before {
        Some(_) => Json(worker.info(&made)).into_response(),
        None => created(worker, &made),
    })
}

/// A connector that was made is shown before it has tasks.
fn created(worker: &Worker, made: &Described) -> Response {
    let location = format!("http://{}{}", worker.id, path_of(made.name()));
    let info = Info { tasks: Vec::new(), ..worker.info(made) };
    (StatusCode::CREATED, [(LOCATION, location)], Json(info)).into_response()
}

fn path_of(name: &str) -> String {
    let mut url = url::Url::parse("http://localhost/connectors").expect("it is one");
    url.path_segments_mut().expect("it has a path").push(name);
    url.path().to_owned()
}

/// What a client that was shown no secret sends back unchanged is meant to stay. Also tells what cannot.
pub(super) fn with_secrets(
    worker: &Worker,
    name: &str,
    flat: Flat,
    class: &Class,
    world: World<'_>,
) -> Answer<(Flat, Vec<Invalid>)> {
    if !flat.iter().any(|(_, text)| text == HIDDEN) {
        return Ok((flat, Vec::new()));
    }
    let shown = worker.find(name).and_then(|pipeline| worker.kept(&pipeline));
    let text = worker.server.kept(name).map_err(|error| Failure::internal(error.chain()))?;
    let before = shown.zip(text.and_then(|text| kept::document_in(&text)));
    Ok(kept::revealed(flat, class, before.as_ref(), world))
}

/// The configuration with its name in it, where the request has another place for that.
fn named(name: &str, given: Given) -> Answer<Flat> {
    refuse_too_many(given.len())?;
    let said = given.texts().get("name").map(str::to_owned);
    if said.as_deref().is_some_and(|said| said.trim() != name) {
        let said = said.unwrap_or_default();
        let message = format!("Connector name configuration ({said}) doesn't match connector name in the URL ({name})");
        return Err(Failure::bad_request(message));
    }
    let nulls: Vec<_> = given.nulls().map(Invalid::null).collect();
    let mut flat = given.without_nulls().ok_or_else(|| Failure::invalid(&nulls))?;
    flat.set("name", name);
    Ok(flat)
}

pub(super) fn refuse_too_many(keys: usize) -> Answer<()> {
    if keys > KEYS_MAX { Err(Failure::too_many_keys()) } else { Ok(()) }
}

/// The text to keep, where the configuration can become a pipeline.
fn sound_text(worker: &Worker, name: &str, flat: Flat) -> Answer<String> {
    let registry = worker.server.registry();
    let class =
        Class::of(&flat, &**registry).map_err(|unknown| plugins::no_class(unknown.as_deref(), &flat, registry))?;
    if let Some(wrong) = wrong_name(flat.get("name").unwrap_or_default()) {
        return Err(Failure::invalid(&[wrong]));
    }
    let kafka = settings::kafka(worker.server.folder())?;
    let world = world(worker, kafka.as_ref());
    let (flat, wrong) = with_secrets(worker, name, flat, &class, world)?;
    if !wrong.is_empty() {
        return Err(Failure::invalid(&wrong));
    }
    match check(name, &flat, &class, world) {
        Ok(sound) => Ok(kept::text(&kept::hidden(&flat, &class, &**registry), &sound)),
        Err(wrong) => Err(Failure::invalid(&wrong)),
    }
}

pub(super) fn world<'a>(worker: &'a Worker, kafka: Option<&'a Map<String, Value>>) -> World<'a> {
    World { registry: worker.server.registry(), kafka }
}

/// What Kafka Connect says of names itself.
pub(super) fn wrong_name(name: &str) -> Option<Invalid> {
    let controls: Vec<_> = name.chars().filter(|c| c.is_control()).map(|c| u32::from(c).to_string()).collect();
    match (name.is_empty(), controls.is_empty()) {
        (true, _) => Some(Invalid::value("name", "", "String may not be empty")),
        (false, true) => None,
        (false, false) => {
            let why = format!(
                "String may not contain control sequences but had the following ASCII chars: {}",
                controls.join(", ")
            );
            Some(Invalid::value("name", name, &why))
        }
    }
}
