//! Who may use each operation, in the OpenAPI document.

use axum::http::Method;
use serde_json::json;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};

use super::routes::{Allow, Policy};
use crate::registrar::Right;

/// Documents who may use each operation: with a token that has one of the scopes, or all of them. They are in the
/// description and in an extension: programs that check documents refuse scopes outside of OAuth.
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
        let is_public = matches!(rule.allow, Allow::Anyone | Allow::Visitors);
        let token = (!is_public).then(|| SecurityRequirement::new(TOKEN, [""; 0]));
        operation.security = Some(token.into_iter().collect());
        let (rights, joined) = match rule.allow {
            Allow::AllOf(rights) => (rights, " and "),
            Allow::AnyOf(rights) => (rights, " or "),
            Allow::Anyone | Allow::Visitors | Allow::SignedIn => continue,
        };
        let names: Vec<_> = rights.iter().map(|right| format!("`{}`", right.as_str())).collect();
        let sentence = match names.as_slice() {
            [one] => format!("Needs the scope {one}."),
            several => format!("Needs the scopes {}.", several.join(joined)),
        };
        let description = operation.description.take().unwrap_or_default();
        operation.description = Some(format!("{description}\n\n{sentence}").trim().to_owned());
        let scopes: Vec<_> = rights.iter().map(Right::as_str).collect();
        let quantity = if matches!(rule.allow, Allow::AllOf(_)) { "all_of" } else { "any_of" };
        let extensions = operation.extensions.get_or_insert_default();
        extensions.insert("x-scopes".to_owned(), json!({ quantity: scopes }));
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
