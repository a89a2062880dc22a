//! The server's own API. The table of routes is also its OpenAPI document; the shapes in it are those of the types.

mod answer;
mod api;
mod offsets;
mod pipelines;
mod plan;
mod reload;
mod request;
mod shapes;

use axum::http::Method;
use axum::routing::{any, get};
use axum::{Json, Router};

use self::answer::Unreadable;
use self::api::{Api, Operation};
use self::offsets::{Place, Places};
use self::shapes::{Health, Overview, Whole};
use crate::http::parameters;
use crate::server::{Outlook, Reloaded, Server, Wish};

const UNKNOWN: &str = "there is no such pipeline";
const MISTAKES: &str = "a document has mistakes";
const IN_A_FILE: &str = "it stands in a file of the server";
const UNSOUND: &str = "it cannot be planned";

/// Everything under `/v1`.
pub(crate) fn router(server: Server) -> Router {
    let description = "Pipelines of a Catchwater server: made, changed, paused, watched.";
    let (router, document) = routes().into_parts("Catchwater", description);
    let router = router.route("/v1/openapi.json", get(move || async move { Json(document) }));
    let unknown = || any(Unreadable::path);
    let router = router.route("/v1", unknown()).route("/v1/", unknown()).route("/v1/{*rest}", unknown());
    router.method_not_allowed_fallback(Unreadable::method).with_state(server)
}

fn routes() -> Api {
    lifecycle(documents(Api::new()))
        .add(Method::GET, "/v1/reload", "How the last reload went", reload::last, |api| {
            api.answers::<Reloaded>(200, "what was done, or why nothing was")
        })
        .add(Method::POST, "/v1/reload", "Read the folder again, and change what has to", reload::reload, |api| {
            api.answers::<Reloaded>(200, "what was done").refuses(422, MISTAKES)
        })
        .add(Method::POST, "/v1/plan", "What would change if these were the server's pipelines", plan::plan, |api| {
            api.takes::<Wish>().answers::<Outlook>(200, "what would change").refuses(409, IN_A_FILE)
        })
        .add(Method::POST, "/v1/apply", "Make what was planned so", plan::apply, |api| {
            let api = api.asks("hash", "what `/v1/plan` answered", true).takes::<Wish>();
            let api = api.answers::<Reloaded>(200, "what was done");
            api.refuses(409, "the server or the wish has moved on since")
        })
}

fn documents(api: Api) -> Api {
    const ALL: &str = "/v1/pipelines";
    const ONE: &str = "/v1/pipelines/{name}";
    api.add(Method::GET, ALL, "Every pipeline, by name", pipelines::list, |api| {
        api.answers::<Vec<Overview>>(200, "the pipelines")
    })
    .add(Method::POST, ALL, "Make a pipeline out of its document, and keep it", pipelines::create, |api| {
        let api = api.asks("wanted", "running, or paused or stopped until it is resumed", false).takes_document();
        let api = api.answers::<Whole>(201, "it is kept");
        api.refuses(409, "there is one of that name")
    })
    .add(Method::GET, ONE, "One pipeline with its document", pipelines::show, |api| {
        api.answers::<Whole>(200, "the pipeline").refuses(404, UNKNOWN)
    })
    .add(Method::PUT, ONE, "Put another document in its place, or make it", pipelines::replace, |api| {
        api.takes_document().answers::<Whole>(200, "it is kept").refuses(409, IN_A_FILE)
    })
    .add(Method::DELETE, ONE, "Stop it and forget it; what was committed stays so", pipelines::delete, |api| {
        api.answers_nothing(204, "it is gone").refuses(404, UNKNOWN).refuses(409, IN_A_FILE)
    })
}

fn lifecycle(api: Api) -> Api {
    api.add(Method::GET, "/v1/pipelines/{name}/status", "How it does, in numbers and words", pipelines::status, told)
        .add(Method::POST, "/v1/pipelines/{name}/pause", "Drain and stop it for now", pipelines::pause, told)
        .add(Method::POST, "/v1/pipelines/{name}/resume", "Let it go on where it was", pipelines::resume, told)
        .add(Method::POST, "/v1/pipelines/{name}/stop", "Drain and stop it until it is resumed", pipelines::stop, told)
        .add(Method::POST, "/v1/pipelines/{name}/restart", "Drain it and start it again", pipelines::restart, |api| {
            told(api).refuses(409, "it is paused or stopped")
        })
        .add(Method::GET, "/v1/pipelines/{name}/offsets", "Where it goes on", offsets::show, |api| {
            let api = api.answers::<Vec<Place>>(200, "by partition").refuses(404, UNKNOWN);
            api.refuses(409, UNSOUND)
        })
        .add(Method::PATCH, "/v1/pipelines/{name}/offsets", "Move it, once it is stopped", offsets::change, |api| {
            let api = api.takes::<Places>().answers::<Vec<Place>>(200, "where it goes on then");
            let conflict = "it is not stopped, cannot be planned, or a sink keeps positions of its own";
            api.refuses(404, UNKNOWN).refuses(409, conflict)
        })
}

fn told(api: Operation<'_>) -> Operation<'_> {
    api.answers::<Health>(200, "how it is then").refuses(404, UNKNOWN)
}

/// A parameter of a query, if it is there.
fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    parameters(query).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
