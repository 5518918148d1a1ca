//! What goes to a provider and comes back: requests, and the claims in its answers.

use std::collections::HashMap;
use std::pin::Pin;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AsyncHttpClient, Client, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, IdTokenClaims, IdTokenFields, StandardErrorResponse,
    StandardTokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// How large an answer may be, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// The HTTPS client, with a limit for the size of answers.
#[derive(Clone, Debug)]
pub(super) struct Http(pub(super) openidconnect::reqwest::Client);

#[derive(Debug, Error)]
pub(super) enum HttpError {
    #[error(transparent)]
    Request(#[from] openidconnect::reqwest::Error),
    #[error("the answer has more than {MAX_ANSWER} bytes")]
    TooLarge,
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let mut response = self.0.execute(request.try_into()?).await?;
            let mut answer = openidconnect::http::Response::new(Vec::new());
            *answer.status_mut() = response.status();
            *answer.headers_mut() = response.headers().clone();
            while let Some(chunk) = response.chunk().await? {
                if answer.body().len() + chunk.len() > MAX_ANSWER {
                    return Err(HttpError::TooLarge);
                }
                answer.body_mut().extend_from_slice(&chunk);
            }
            Ok(answer)
        })
    }
}

/// Claims that the standard does not name.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Extra(pub(super) HashMap<String, Value>);

impl AdditionalClaims for Extra {}

pub(super) type Claims = IdTokenClaims<Extra, CoreGenderClaim>;
pub(super) type UserInfo = UserInfoClaims<Extra, CoreGenderClaim>;
pub(super) type Tokens = StandardTokenResponse<
    IdTokenFields<
        Extra,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
pub(super) type OidcClient = Client<
    Extra,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The text of a claim; a number counts as its digits.
pub(super) fn text(claim: &Value) -> Option<String> {
    match claim {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(one) if one.len() == 1 => text(one.first()?),
        _ => None,
    }
}

/// The texts of a claim with one or several.
pub(super) fn texts(claim: &Value) -> Vec<String> {
    match claim {
        Value::Array(several) => several.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    }
}

/// The start of a text of the provider’s, which may be long.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(100).collect()
}

/// The error with its causes, which the library does not print.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
