//! Reading requests: the body, the ids in the path, the query.

use std::convert::Infallible;
use std::hash::Hasher;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, MatchedPath, RawPathParams, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, Method};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::body::{Received, receive};
use super::echo::excerpt;
use super::fields::{self, Draft, list, nearest};
use super::invalid::invalid;
use super::limits::{BODY, LARGE_BODY};
use super::observe::RequestId;
use super::problem::{Problem, UnsupportedMediaType};
use crate::registrar::{Caller, IdempotencyKey, MAX_ID};

/// Objects that a body may have, where it may have many.
pub(super) const MANY: usize = 10_000;

/// A JSON body, read into a draft, and who sent it. Refuses in the order media type, size, JSON, fields.
#[derive(Debug)]
pub struct Json<T>(pub T, pub Caller);

impl<T: Draft, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (draft, caller) = read_body(request, BODY, fields::read).await?;
        Ok(Self(draft, caller))
    }
}

/// A JSON body that is an array of drafts, of one at least; as [`Json`] otherwise, but larger.
#[derive(Debug)]
pub struct JsonArray<T>(pub Vec<T>, pub Caller);

impl<T: Draft, S: Send + Sync> FromRequest<S> for JsonArray<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (drafts, caller) = read_body(request, LARGE_BODY, |body| fields::read_many(body, MANY)).await?;
        Ok(Self(drafts, caller))
    }
}

/// The fields of an HTML form, in their order, and who sent it. One of them, `idempotency_key`, names the request as the header does.
#[derive(Debug)]
pub struct FormFields(pub Vec<(String, String)>, pub Caller);

impl<S: Send + Sync> FromRequest<S> for FormFields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_kind(request.headers(), "application/x-www-form-urlencoded", "form")?;
        let asked = request.uri().to_string();
        let mut caller = caller(request.extensions());
        let Received { bytes: body, memory: _memory } = receive(request, BODY).await?;
        let fields: Vec<_> = form_urlencoded::parse(&body).into_owned().take(FORM_FIELDS + 1).collect();
        if fields.len() > FORM_FIELDS {
            let detail = format!("must have {FORM_FIELDS} fields at most");
            return Err(invalid(vec![json!({"pointer": "", "detail": detail})]));
        }
        if let Some((_, name)) = fields.iter().find(|(field, _)| field == KEY_FIELD) {
            caller.key = Some(key(&asked, Some(name), &body)?);
        }
        Ok(Self(fields.into_iter().filter(|(field, _)| field != KEY_FIELD).collect(), caller))
    }
}

/// Fields that a form may have; no form has as many.
const FORM_FIELDS: usize = 100;

/// The field of a form that does what `Idempotency-Key` does.
pub const KEY_FIELD: &str = "idempotency_key";

async fn read_body<T>(
    request: Request,
    most: usize,
    read: impl FnOnce(&[u8]) -> Result<T, Problem>,
) -> Result<(T, Caller), Problem> {
    check_kind(request.headers(), "application/json", "body")?;
    let mut caller = caller(request.extensions());
    let sent_key = (request.method() == Method::POST && request.headers().contains_key(&IDEMPOTENCY_KEY))
        .then(|| {
            let lines = request.headers().get_all(&IDEMPOTENCY_KEY).into_iter().cloned();
            (request.uri().to_string(), lines.collect::<Vec<_>>())
        });
    // The memory is given back once the body has been read into what it asks for.
    let Received { bytes: body, memory: _memory } = receive(request, most).await?;
    let draft = read(&body)?;
    if let Some((asked, lines)) = sent_key {
        let name = if let [line] = lines.as_slice() { line.to_str().ok() } else { None };
        caller.key = Some(key(&asked, name, &body)?);
    }
    Ok((draft, caller))
}

/// The header by which a client names a request that it may send again.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The request's key, with the fingerprint of what was asked.
fn key(asked: &str, name: Option<&str>, body: &[u8]) -> Result<IdempotencyKey, Problem> {
    let is_key =
        |name: &&str| (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    let name = name.filter(is_key).ok_or_else(|| {
        let detail = "must be one text of 1 to 255 visible ASCII characters";
        invalid(vec![json!({"parameter": "Idempotency-Key", "detail": detail})])
    })?;
    let mut hasher = SipHasher13::new();
    hasher.write(asked.as_bytes());
    hasher.write_u8(0xff);
    hasher.write(body);
    let print = hasher.finish128();
    Ok(IdempotencyKey::new(name.to_owned(), format!("{:016x}{:016x}", print.h1, print.h2)))
}

/// Who sent a request without a body.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(caller(&parts.extensions))
    }
}

fn caller(extensions: &Extensions) -> Caller {
    let request_id = extensions.get::<RequestId>().map(|id| Arc::clone(&id.0));
    Caller { request_id, ..Caller::default() }
}

/// Refuses a body of another media type, and one that would have to be unpacked: a few bytes can unpack to any size.
fn check_kind(headers: &HeaderMap, media_type: &str, what: &str) -> Result<(), Problem> {
    if !is_of(headers, media_type) {
        let detail = format!("Send the {what} as `Content-Type: {media_type}`.");
        return Err(Problem::new::<UnsupportedMediaType>(detail));
    }
    let plain = |coding: &axum::http::HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).into_iter().all(plain) {
        let detail =
            format!("Send the {what} as it is, without `Content-Encoding`: it is not unpacked here.");
        return Err(Problem::new::<UnsupportedMediaType>(detail));
    }
    Ok(())
}

/// Whether the body says that it is of a media type. Nothing but UTF-8 is JSON (RFC 8259), nor a form (WHATWG URL, 5).
fn is_of(headers: &HeaderMap, media_type: &str) -> bool {
    let mut lines = headers.get_all(CONTENT_TYPE).into_iter();
    let (Some(Ok(line)), None) = (lines.next().map(|line| line.to_str()), lines.next()) else {
        return false;
    };
    let mut parts = line.split(';').map(str::trim);
    let is_named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(media_type));
    is_named
        && parts.all(|parameter| {
            let charset = parameter.to_ascii_lowercase();
            charset.strip_prefix("charset=").is_none_or(|name| name.trim_matches('"') == "utf-8")
        })
}

/// What the path names. Whether it can exist is asked with [`Named::found`], after the body has been read: of two
/// things that are wrong, the body is told first.
#[derive(Debug)]
pub struct Named<T>(Result<T, Problem>);

impl<T> Named<T> {
    /// The id, or the 404 for a text that is nobody's id.
    ///
    /// # Errors
    /// The problem that says what there is not.
    pub fn found(self) -> Result<T, Problem> {
        self.0
    }
}

/// What can be named by a path.
pub trait InPath: Sized {
    /// Reads it from the path, whose parameters `given` tells by name.
    ///
    /// # Errors
    /// The 404 that it is.
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem>;
}

/// An id as a path has it.
///
/// # Errors
/// The text, cut off where it is long, if it is nobody's id.
pub fn id(text: &str) -> Result<i64, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let id = digits.then(|| text.parse().ok()).flatten().filter(|id| (1..=MAX_ID).contains(id));
    id.ok_or_else(|| excerpt(text).into_owned())
}

impl<T: InPath, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let decoded = RawPathParams::from_request_parts(parts, state).await;
        let given = |name: &str| match &decoded {
            Ok(parameters) => {
                parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
            }
            // One of them is no UTF-8 once decoded: they are told as they were sent.
            Err(_) => parts.extensions.get::<MatchedPath>().and_then(|pattern| {
                let mut segments = pattern.as_str().split('/').zip(parts.uri.path().split('/'));
                segments.find(|(known, _)| *known == format!("{{{name}}}")).map(|(_, sent)| sent.to_owned())
            }),
        };
        #[expect(
            clippy::expect_used,
            reason = "a handler asks only for what is in the path of its own route"
        )]
        let given = |name: &str| given(name).expect("the route has a parameter of this name");
        Ok(Self(T::read(&given)))
    }
}

/// No parameters: any is refused.
#[derive(Debug)]
pub struct NoQuery;

#[derive(Deserialize)]
struct Nothing {}

impl Parameters for Nothing {
    const KNOWN: &'static [&'static str] = &[];
}

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::<Nothing>::from_request_parts(parts, state).await.map(|_| Self)
    }
}

/// The query, read into `T`, whose fields are all optional. Unknown and repeated parameters are refused, all at once.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// What a query may say.
pub trait Parameters: DeserializeOwned {
    /// The names of all its parameters.
    const KNOWN: &'static [&'static str];
}

impl<T: Parameters, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut given = Map::new();
        let mut errors = Vec::new();
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            if !T::KNOWN.contains(&name.as_ref()) {
                let hint = match nearest(&name, T::KNOWN) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None if T::KNOWN.is_empty() => "there are none here".to_owned(),
                    None => format!("known are {}", list(T::KNOWN)),
                };
                errors
                    .push(json!({"parameter": name, "detail": format!("is not a known parameter; {hint}")}));
            } else if given.insert(name.to_string(), Value::String(value.into_owned())).is_some() {
                errors.push(json!({"parameter": name, "detail": "is there more than once"}));
            } else if let Err(error) = T::deserialize(json!({ name.as_ref(): given[name.as_ref()] })) {
                // What is wrong with a long value is told with the beginning of it.
                #[expect(clippy::expect_used, reason = "it was inserted as a string above")]
                let value = given[name.as_ref()].as_str().expect("a parameter is a string");
                let detail = error.to_string().replace(value, &excerpt(value));
                errors.push(json!({"parameter": name, "detail": detail}));
            }
        }
        if !errors.is_empty() {
            return Err(invalid(errors));
        }
        // Each parameter was accepted alone, so all of them together are.
        T::deserialize(Value::Object(given))
            .map(Self)
            .map_err(|error| invalid(vec![json!({"parameter": "", "detail": error.to_string()})]))
    }
}

/// Deserializes a query parameter from its text, with `FromStr` and its error.
///
/// # Errors
/// What `FromStr` says.
pub fn from_text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: FromStr<Err: std::fmt::Display>,
{
    let text = <String as Deserialize>::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}
