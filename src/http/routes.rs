//! Registration of routes. A route and who may use it are registered together: [`Routes`] is the only way to add one,
//! and a request to a route that is not in the [`Policy`] is refused.

use std::collections::HashMap;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::PathItem;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::registrar::{Right, Rights};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allow {
    /// Everybody, and nobody asks who it is: nothing there is about a person.
    Anyone,
    /// The same, for pages that look different to somebody who has signed in.
    Visitors,
    /// Everybody who has signed in, whatever their rights.
    SignedIn,
    /// Callers with all of these rights.
    AllOf(Rights),
    /// Callers with at least one of these rights. What they see and change there is judged again.
    AnyOf(Rights),
}

/// Callers with one of these rights.
#[must_use]
pub const fn any_of(rights: &[Right]) -> Allow {
    Allow::AnyOf(Rights::of(rights))
}

/// Callers with this right.
#[must_use]
pub const fn only(right: Right) -> Allow {
    any_of(&[right])
}

/// A method and a path, and who may use them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The method; `HEAD` goes with `GET`.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: String,
    /// Who may use it.
    pub allow: Allow,
}

/// Routes with their rules.
pub struct Routes<S> {
    api: OpenApiRouter<S>,
    pages: Router<S>,
    rules: Vec<Rule>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes; `document` is the start of the document of the API.
    #[must_use]
    pub fn with_document(document: OpenApi) -> Self {
        Self { api: OpenApiRouter::with_openapi(document), pages: Router::new(), rules: Vec::new() }
    }

    /// No routes.
    #[must_use]
    pub fn new() -> Self {
        Self { api: OpenApiRouter::new(), pages: Router::new(), rules: Vec::new() }
    }

    /// Adds operations of the API: `routes!(handler)`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that adds routes")]
    pub fn api(mut self, allow: Allow, operations: UtoipaMethodRouter<S>) -> Self {
        for (path, item) in &operations.1.paths {
            let rule = |method| Rule { method, path: path.clone(), allow };
            self.rules.extend(methods(item).map(rule));
        }
        self.api = self.api.routes(operations);
        self
    }

    /// Adds a page, or anything else that is not in the document of the API.
    ///
    /// # Panics
    /// For a method that axum does not know.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that adds routes")]
    pub fn page<H, T>(mut self, method: &Method, path: &str, allow: Allow, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        #[expect(
            clippy::expect_used,
            reason = "the methods of all routes are constants, and a test builds the router"
        )]
        let filter = MethodFilter::try_from(method.clone()).expect("a method that axum knows");
        let route: MethodRouter<S> = on(filter, handler);
        self.pages = self.pages.route(path, route);
        self.rules.push(Rule { method: method.clone(), path: path.to_owned(), allow });
        self
    }

    /// Adds a page to read.
    #[must_use]
    pub fn get<H: Handler<T, S>, T: 'static>(self, path: &str, allow: Allow, handler: H) -> Self {
        self.page(&Method::GET, path, allow, handler)
    }

    /// Adds the target of a form.
    #[must_use]
    pub fn post<H: Handler<T, S>, T: 'static>(self, path: &str, allow: Allow, handler: H) -> Self {
        self.page(&Method::POST, path, allow, handler)
    }

    /// Adds other routes.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let rules = self.rules.into_iter().chain(other.rules).collect();
        Self { api: self.api.merge(other.api), pages: self.pages.merge(other.pages), rules }
    }

    /// Applies layers to the operations of the API.
    #[must_use]
    pub fn layer_api(self, layers: impl FnOnce(OpenApiRouter<S>) -> OpenApiRouter<S>) -> Self {
        Self { api: layers(self.api), ..self }
    }

    /// Applies layers to the pages.
    #[must_use]
    pub fn layer_pages(self, layers: impl FnOnce(Router<S>) -> Router<S>) -> Self {
        Self { pages: layers(self.pages), ..self }
    }

    /// All routes, the document of the API, and the policy.
    pub fn into_parts(self) -> (Router<S>, OpenApi, Policy) {
        let (api, document) = self.api.split_for_parts();
        (api.merge(self.pages), document, Policy::new(self.rules))
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

fn methods(item: &PathItem) -> impl Iterator<Item = Method> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let methods = [
        (get, Method::GET),
        (put, Method::PUT),
        (post, Method::POST),
        (delete, Method::DELETE),
        (patch, Method::PATCH),
    ];
    methods.into_iter().filter_map(|(operation, method)| operation.is_some().then_some(method))
}

/// Who may use which route.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    rules: HashMap<String, Vec<Rule>>,
}

/// What the policy says about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These may use the route.
    Allow(Allow),
    /// The path has no such method; it has these.
    OtherMethods(Vec<Method>),
    /// The policy does not know the path: nobody may use it.
    Unknown,
}

impl Policy {
    fn new(rules: Vec<Rule>) -> Self {
        let mut by_path: HashMap<String, Vec<Rule>> = HashMap::new();
        for rule in rules {
            by_path.entry(rule.path.clone()).or_default().push(rule);
        }
        Self { rules: by_path }
    }

    /// Who may use this method of the path, which is that of a route.
    #[must_use]
    pub fn verdict(&self, method: &Method, path: &str) -> Verdict {
        let Some(rules) = self.rules.get(path) else { return Verdict::Unknown };
        let method = if method == Method::HEAD { &Method::GET } else { method };
        match rules.iter().find(|rule| rule.method == *method) {
            Some(rule) => Verdict::Allow(rule.allow),
            None => Verdict::OtherMethods(rules.iter().map(|rule| rule.method.clone()).collect()),
        }
    }

    /// Whether a route has this path.
    #[must_use]
    pub fn has_path(&self, path: &str) -> bool {
        let fits = |known: &str| {
            let (known, given) = (known.split('/'), path.split('/'));
            known.clone().count() == given.clone().count()
                && known.zip(given).all(|(known, given)| {
                    if known.starts_with('{') { !given.is_empty() } else { known == given }
                })
        };
        self.rules.keys().any(|known| fits(known))
    }

    /// All rules, in the order of their paths.
    #[must_use]
    pub fn rules(&self) -> Vec<&Rule> {
        let mut rules: Vec<_> = self.rules.values().flatten().collect();
        rules.sort_by(|one, other| {
            (one.path.as_str(), one.method.as_str()).cmp(&(other.path.as_str(), other.method.as_str()))
        });
        rules
    }
}
