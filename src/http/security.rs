//! Who may use each operation, in the OpenAPI document.

use axum::http::Method;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};

use super::routes::{Allow, Policy};
use crate::registrar::Right;

/// Documents who may use each operation: with a token that has one of the scopes.
pub(super) fn add_security(document: &mut OpenApi, policy: &Policy) {
    let mut token = Http::new(HttpAuthScheme::Bearer);
    token.bearer_format = Some("mtr_...".to_owned());
    token.description = Some(
        "A token, created by an admin. While the school has no tokens and no accounts, it is open and needs none."
            .to_owned(),
    );
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(token));
    for rule in policy.rules() {
        let item = document.paths.paths.get_mut(&rule.path);
        let Some(operation) = item.and_then(|item| operation(item, &rule.method)) else { continue };
        operation.security = Some(match rule.allow {
            Allow::Anyone | Allow::Visitors => Vec::new(),
            Allow::SignedIn => vec![SecurityRequirement::new(TOKEN, [""; 0])],
            Allow::AllOf(rights) => {
                vec![SecurityRequirement::new(TOKEN, rights.iter().map(Right::as_str))]
            }
            Allow::AnyOf(rights) => {
                rights.iter().map(|right| SecurityRequirement::new(TOKEN, [right.as_str()])).collect()
            }
        });
    }
}

/// The name of the scheme for tokens.
const TOKEN: &str = "token";

fn operation<'i>(item: &'i mut PathItem, method: &Method) -> Option<&'i mut Operation> {
    match *method {
        Method::GET => item.get.as_mut(),
        Method::PUT => item.put.as_mut(),
        Method::POST => item.post.as_mut(),
        Method::DELETE => item.delete.as_mut(),
        Method::PATCH => item.patch.as_mut(),
        _ => None,
    }
}
