//! Routes and the document that describes them, from one statement of each.

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::answer::Refusal;
use crate::server::Server;

/// Collects routes.
pub(super) struct Api {
    router: Router<Server>,
    paths: Map<String, Value>,
    generator: SchemaGenerator,
}

/// What a route does, for people.
pub(super) struct Operation<'a> {
    api: &'a mut SchemaGenerator,
    described: Value,
}

impl Api {
    pub(super) fn new() -> Api {
        let generator = SchemaSettings::openapi3().into_generator();
        Api { router: Router::new(), paths: Map::new(), generator }
    }

    /// Adds a route. Its path's `{name}` is described as a pipeline's.
    pub(super) fn add<H, T>(
        mut self,
        method: Method,
        path: &str,
        summary: &str,
        handler: H,
        describe: impl FnOnce(Operation<'_>) -> Operation<'_>,
    ) -> Api
    where
        H: axum::handler::Handler<T, Server>,
        T: 'static,
    {
        let key = method.as_str().to_lowercase();
        let operation = Operation::new(&mut self.generator, summary, path);
        let described = describe(operation).described;
        let operations = self.paths.entry(path).or_insert_with(|| json!({}));
        operations[key] = described;
        let filter = MethodFilter::try_from(method).expect("a method that routes can have");
        let route: MethodRouter<Server> = on(filter, handler);
        Api { router: self.router.route(path, route), ..self }
    }

    /// The routes, and the OpenAPI document of them.
    pub(super) fn into_parts(mut self, title: &str, description: &str) -> (Router<Server>, Value) {
        let document = json!({
            "openapi": "3.0.3",
            "info": { "title": title, "description": description, "version": "1" },
            "paths": self.paths,
            "components": { "schemas": self.generator.take_definitions(true) },
        });
        (self.router, document)
    }
}

impl<'a> Operation<'a> {
    fn new(api: &'a mut SchemaGenerator, summary: &str, path: &str) -> Operation<'a> {
        let described = json!({ "summary": summary, "parameters": [], "responses": {} });
        let operation = Operation { api, described }
            .refuses(401, "a token is needed: as a bearer's, or as the password of any user")
            .refuses(403, "a page of another site asks")
            .refuses(500, "it was tried and failed");
        if path.contains("{name}") { operation.names_pipeline() } else { operation }
    }

    fn names_pipeline(mut self) -> Self {
        let name = json!({ "name": "name", "in": "path", "required": true, "schema": { "type": "string" } });
        self.described["parameters"] = json!([name]);
        self.refuses(400, "the name is no text")
    }

    /// A parameter of the query.
    pub(super) fn asks(mut self, name: &str, description: &str, is_required: bool) -> Self {
        let parameters = self.described["parameters"].as_array_mut().expect("a list");
        let schema = json!({ "type": "string" });
        parameters.push(json!({
            "name": name, "in": "query", "required": is_required, "description": description, "schema": schema,
        }));
        self
    }

    /// It takes a pipeline's document, and says what is wrong with it.
    pub(super) fn takes_document(mut self) -> Self {
        let schema = json!({ "schema": { "type": "string" } });
        self.described["requestBody"] =
            json!({ "required": true, "content": { "application/yaml": schema, "application/json": {} } });
        self.refuses(400, "the document is no text, not the only one, or another pipeline's; or a parameter is wrong")
            .refuses(413, "the document is larger than a request may be")
            .refuses(422, "the document has mistakes")
    }

    /// It takes this.
    pub(super) fn takes<T: JsonSchema>(mut self) -> Self {
        self.described["requestBody"] = json!({ "required": true, "content": self.content::<T>() });
        self.refuses(400, "the body is no JSON, or what it or a parameter says makes no sense")
            .refuses(413, "the body is larger than a request may be")
            .refuses(415, "the body is not said to be `application/json`")
            .refuses(422, "the body has another form, or a document in it has mistakes")
    }

    /// It answers this.
    pub(super) fn answers<T: JsonSchema>(mut self, status: u16, description: &str) -> Self {
        let content = self.content::<T>();
        self.described["responses"][status.to_string()] = json!({ "description": description, "content": content });
        self
    }

    /// It answers nothing but that it is done.
    pub(super) fn answers_nothing(mut self, status: u16, description: &str) -> Self {
        self.described["responses"][status.to_string()] = json!({ "description": description });
        self
    }

    /// It refuses.
    pub(super) fn refuses(self, status: u16, description: &str) -> Self {
        self.answers::<Refusal>(status, description)
    }

    fn content<T: JsonSchema>(&mut self) -> Value {
        json!({ "application/json": { "schema": self.api.subschema_for::<T>() } })
    }
}
