//! Extractors: the body, the ids in the path, the query.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, MatchedPath, RawPathParams, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method};
use percent_encoding::{percent_decode, percent_decode_str};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::body::{Received, receive};
use super::echo::excerpt;
use super::fields::{self, Draft, UnwritableFields, list, nearest};
use super::invalid::invalid;
use super::keys::{SentKey, with_key};
use super::limits::{MAX_BODY, MAX_LARGE_BODY};
use super::observe::RequestId;
use super::problem::{Problem, UnsupportedMediaType};
pub use super::query_texts::{bool_from_text, from_text};
use crate::registrar::{Caller, Identity, LogPosition};
use crate::traces::Trace;

/// Objects in a body that is an array.
pub(super) const MAX_OBJECTS: usize = 10_000;

/// A JSON body, read into a draft, and its sender. Checks the media type, then the size, the JSON and the fields.
#[derive(Debug)]
pub struct Json<T>(pub T, pub Caller);

impl<T: Draft, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (draft, caller) = read_body(request, MAX_BODY, fields::read).await?;
        Ok(Self(draft, caller))
    }
}

/// A JSON body that is an array of 1 to 10,000 drafts, up to 8 MiB; otherwise like [`Json`].
#[derive(Debug)]
pub struct JsonArray<T>(pub Vec<T>, pub Caller);

impl<T: Draft, S: Send + Sync> FromRequest<S> for JsonArray<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (drafts, caller) =
            read_body(request, MAX_LARGE_BODY, |body, _| fields::read_many(body, MAX_OBJECTS)).await?;
        Ok(Self(drafts, caller))
    }
}

/// The fields of an HTML form, in order, its sender, and the fields that cannot be written. The field `idempotency_key` stands for the header.
#[derive(Debug)]
pub struct FormFields(pub Vec<(String, String)>, pub Caller, pub UnwritableFields);

impl<S: Send + Sync> FromRequest<S> for FormFields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_content_type(request.headers(), "application/x-www-form-urlencoded", "form")?;
        let uri = request.uri().to_string();
        let (mut caller, unwritable) =
            (caller(request.extensions()), unwritable_fields(request.extensions()));
        let Received { bytes: body, memory: _memory } = receive(request, MAX_BODY).await?;
        if percent_decode(&body).decode_utf8().is_err() {
            let detail = "must be UTF-8 after percent-decoding";
            return Err(invalid(vec![json!({"pointer": "", "detail": detail})]));
        }
        let fields: Vec<_> = form_urlencoded::parse(&body).into_owned().take(MAX_FORM_FIELDS + 1).collect();
        if fields.len() > MAX_FORM_FIELDS {
            let detail = format!("must have at most {MAX_FORM_FIELDS} fields");
            return Err(invalid(vec![json!({"pointer": "", "detail": detail})]));
        }
        if let Some((_, name)) = fields.iter().find(|(field, _)| field == KEY_FIELD) {
            caller = with_key(caller, &Method::POST, &uri, Some(name), &body)?;
        }
        Ok(Self(fields.into_iter().filter(|(field, _)| field != KEY_FIELD).collect(), caller, unwritable))
    }
}

/// Fields of a form; no form of these pages has as many.
const MAX_FORM_FIELDS: usize = 100;

/// The form field that stands for the `Idempotency-Key` header.
pub const KEY_FIELD: &str = "idempotency_key";

async fn read_body<T>(
    request: Request,
    max: usize,
    read: impl FnOnce(&[u8], &UnwritableFields) -> Result<T, Problem>,
) -> Result<(T, Caller), Problem> {
    check_content_type(request.headers(), "application/json", "body")?;
    let (mut caller, unwritable) = (caller(request.extensions()), unwritable_fields(request.extensions()));
    let sent_key = SentKey::of_request(request.method(), request.headers(), request.uri());
    // `_memory` is held until the body has been parsed.
    let Received { bytes: body, memory: _memory } = receive(request, max).await?;
    let draft = read(&body, &unwritable)?;
    if let Some(key) = sent_key {
        caller = key.of(caller, &body)?;
    }
    Ok((draft, caller))
}

/// The sender of a request without a body.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(caller(&parts.extensions))
    }
}

/// The sender of a write without a body, with its key. An empty object, or null, counts as none.
#[derive(Debug)]
pub struct Bodiless(pub Caller);

impl<S: Send + Sync> FromRequest<S> for Bodiless {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let sender = caller(request.extensions());
        let sent_key = SentKey::of_request(request.method(), request.headers(), request.uri());
        let Received { bytes, .. } = receive(request, MAX_BODY).await?;
        if !["", "{}", "null"].contains(&str::from_utf8(&bytes).unwrap_or("?").trim()) {
            return Err(invalid(vec![json!({"pointer": "", "detail": "must be empty"})]));
        }
        sent_key.map_or(Ok(sender.clone()), |key| key.of(sender, &[])).map(Self)
    }
}

/// A JSON body that may be left out, which is the same as an empty object; otherwise like [`Json`].
#[derive(Debug)]
pub struct OptionalJson<T>(pub T, pub Caller);

impl<T: Draft, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_json = check_content_type(request.headers(), "application/json", "body");
        let (caller, unwritable) = (caller(request.extensions()), unwritable_fields(request.extensions()));
        let sent_key = SentKey::of_request(request.method(), request.headers(), request.uri());
        let Received { bytes, memory: _memory } = receive(request, MAX_BODY).await?;
        let body: &[u8] = if bytes.is_empty() { b"{}" } else { is_json.map(|()| &*bytes)? };
        let draft = fields::read(body, &unwritable)?;
        let caller = sent_key.map_or(Ok(caller.clone()), |key| key.of(caller, &bytes))?;
        Ok(Self(draft, caller))
    }
}

/// The sender of a request.
pub(crate) fn caller(extensions: &Extensions) -> Caller {
    let request_id = extensions.get::<RequestId>().map(|id| Arc::clone(&id.0));
    let Identity { actor, grants, proof, .. } =
        extensions.get::<Identity>().cloned().unwrap_or(Identity::NOBODY);
    let (log_position, trace) =
        (extensions.get::<LogPosition>().cloned(), extensions.get::<Trace>().cloned());
    Caller { actor, grants, proof, request_id, key: None, log_position, trace }
}

fn unwritable_fields(extensions: &Extensions) -> UnwritableFields {
    #[expect(clippy::expect_used, reason = "the router adds them to every request")]
    extensions.get::<UnwritableFields>().cloned().expect("the fields that cannot be written")
}

/// Refuses a body of another media type, and a compressed one: a few compressed bytes can expand to any size.
fn check_content_type(headers: &HeaderMap, media_type: &str, noun: &str) -> Result<(), Problem> {
    if !has_media_type(headers, media_type) {
        let detail = format!("Send the {noun} as `Content-Type: {media_type}`.");
        return Err(Problem::new::<UnsupportedMediaType>(detail));
    }
    if is_encoded(headers) {
        let detail = format!("Send the {noun} uncompressed, without `Content-Encoding`.");
        return Err(Problem::new::<UnsupportedMediaType>(detail));
    }
    Ok(())
}

/// Whether the body is compressed, or encoded in another way.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    let is_plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    !headers.get_all(CONTENT_ENCODING).into_iter().all(is_plain)
}

/// The media type of the body, and its `charset`; `None` if there is not one media type, or more than one charset.
pub(super) fn content_type(headers: &HeaderMap) -> Option<(&str, Option<&str>)> {
    let mut lines = headers.get_all(CONTENT_TYPE).into_iter();
    let (Some(Ok(line)), None) = (lines.next().map(HeaderValue::to_str), lines.next()) else {
        return None;
    };
    let mut parts = line.split(';').map(str::trim);
    let name = parts.next()?;
    let mut charsets = parts.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.eq_ignore_ascii_case("charset").then(|| value.trim_matches('"'))
    });
    let charset = charsets.next();
    charsets.next().is_none().then_some((name, charset))
}

/// Whether `Content-Type` names a media type. The only charset is UTF-8, for JSON (RFC 8259) and for forms (WHATWG
/// URL, 5).
fn has_media_type(headers: &HeaderMap, media_type: &str) -> bool {
    content_type(headers).is_some_and(|(name, charset)| {
        name.eq_ignore_ascii_case(media_type)
            && charset.is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"))
    })
}

/// The ids in the path. An invalid id is an error only when a handler calls [`PathParams::into_result`], after the
/// body has been read: if both are wrong, the client learns about the body first.
#[derive(Debug)]
pub struct PathParams<T>(Result<T, Problem>);

impl<T> PathParams<T> {
    /// The parsed ids.
    ///
    /// # Errors
    /// A 404, if the text in the path cannot be an id.
    pub fn into_result(self) -> Result<T, Problem> {
        self.0
    }
}

/// A type that can be read from the parameters of a path.
pub trait FromPath: Sized {
    /// Reads it from the path; `param` returns a parameter of the path by its name.
    ///
    /// # Errors
    /// A 404, if the text in the path cannot be an id.
    fn read(param: &dyn Fn(&str) -> String) -> Result<Self, Problem>;
}

impl<T: FromPath, S: Send + Sync> FromRequestParts<S> for PathParams<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let decoded = RawPathParams::from_request_parts(parts, state).await;
        let find = |name: &str| match &decoded {
            Ok(parameters) => {
                parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
            }
            // A parameter is not UTF-8 when decoded, so the raw text is used.
            Err(_) => parts.extensions.get::<MatchedPath>().and_then(|pattern| {
                let mut segments = pattern.as_str().split('/').zip(parts.uri.path().split('/'));
                segments.find(|(known, _)| *known == format!("{{{name}}}")).map(|(_, sent)| sent.to_owned())
            }),
        };
        #[expect(clippy::expect_used, reason = "a handler reads only parameters of its own route")]
        let param = |name: &str| find(name).expect("the route has a parameter of this name");
        Ok(Self(T::read(&param)))
    }
}

/// An empty query: any parameter is refused.
#[derive(Debug)]
pub struct NoQuery;

#[derive(Deserialize)]
struct NoParameters {}

impl Parameters for NoParameters {
    const KNOWN: &'static [&'static str] = &[];
}

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::<NoParameters>::from_request_parts(parts, state).await.map(|_| Self)
    }
}

/// The query, read into `T`, whose fields are all optional. All unknown, repeated and invalid parameters are reported
/// together.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// The parameters of a query.
pub trait Parameters: DeserializeOwned {
    /// The names of all its parameters.
    const KNOWN: &'static [&'static str];
    /// The names of those that may be given more than once; they are read from a list of texts.
    const REPEATED: &'static [&'static str] = &[];
}

impl<T: Parameters, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut given = Map::new();
        let mut errors = Vec::new();
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            #[expect(clippy::expect_used, reason = "it is not empty, and was split at every &")]
            let (name, value) = form_urlencoded::parse(pair.as_bytes()).next().expect("one pair");
            if percent_decode_str(pair).decode_utf8().is_err() {
                errors.push(json!({"parameter": name, "detail": "is not UTF-8 after percent-decoding"}));
                continue;
            }
            if !T::KNOWN.contains(&name.as_ref()) {
                let hint = match nearest(&name, T::KNOWN) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None if T::KNOWN.is_empty() => "this address takes none".to_owned(),
                    None => format!("the known ones are {}", list(T::KNOWN)),
                };
                errors
                    .push(json!({"parameter": name, "detail": format!("is not a known parameter; {hint}")}));
                continue;
            }
            let value = value.into_owned();
            let is_repeated = T::REPEATED.contains(&name.as_ref());
            let text = Value::String(value.clone());
            let alone = if is_repeated { json!([text]) } else { text };
            match given.get_mut(name.as_ref()) {
                None => _ = given.insert(name.to_string(), alone.clone()),
                Some(Value::Array(values)) => values.push(json!(value)),
                Some(_) => {
                    errors.push(json!({"parameter": name, "detail": "is given more than once"}));
                    continue;
                }
            }
            if let Err(error) = T::deserialize(json!({ name.as_ref(): alone })) {
                let with_plus = value.replace(' ', "+");
                let lost_plus =
                    pair.contains('+') && T::deserialize(json!({ name.as_ref(): with_plus })).is_ok();
                // A message may repeat the value; a long one is shortened.
                let detail = reworded(&error.to_string()).replace(&value, &excerpt(&value));
                let hint =
                    if lost_plus { "; in an address, a `+` is a blank: write `%2B` for it" } else { "" };
                errors.push(json!({"parameter": name, "detail": format!("{detail}{hint}")}));
            }
        }
        if !errors.is_empty() {
            return Err(invalid(errors));
        }
        // Each parameter was accepted by itself, so this does not fail.
        T::deserialize(Value::Object(given))
            .map(Self)
            .map_err(|error| invalid(vec![json!({"parameter": "", "detail": error.to_string()})]))
    }
}

/// serde's "unknown variant `up`, expected `asc` or `desc`" in the words of the other messages.
fn reworded(message: &str) -> String {
    match message.rsplit_once(", expected ") {
        Some((unknown, names)) if unknown.starts_with("unknown variant ") => format!("must be {names}"),
        _ => message.to_owned(),
    }
}
