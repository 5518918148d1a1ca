//! Receives a file as the body of a request.

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::body::{Received, receive};
use super::extract::{KEY_FIELD, caller, content_type, is_encoded};
use super::invalid::invalid;
use super::keys::{SentKey, with_key};
use super::limits::MAX_FILE;
use super::problem::{Problem, UnsupportedMediaType};
use crate::registrar::Caller;
use crate::shares::QuotaGuard;

/// The media types of files, and the matching endings of names.
const MEDIA_TYPES: [(&str, &str); 6] = [
    ("text/csv", "csv"),
    ("text/tab-separated-values", "tsv"),
    ("text/plain", "txt"),
    ("application/zip", "zip"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/octet-stream", "file"),
];

/// The body of a request as a file of at most 32 MiB, and its sender.
#[derive(Debug)]
pub struct FileBody {
    /// The bytes of the file.
    pub bytes: Bytes,
    /// The ending of a file name that matches the media type.
    pub ending: &'static str,
    /// The `charset` of the media type (RFC 7111 for CSV).
    pub charset: Option<String>,
    /// The sender.
    pub caller: Caller,
    /// The part of the memory for bodies.
    pub memory: Option<QuotaGuard>,
}

/// The schema of a file that is not a text.
#[derive(Debug)]
pub enum FileBytes {}

impl ToSchema for FileBytes {}

impl PartialSchema for FileBytes {
    fn schema() -> RefOr<Schema> {
        let format = Some(SchemaFormat::KnownFormat(KnownFormat::Binary));
        ObjectBuilder::new().schema_type(Type::String).format(format).into()
    }
}

impl<S: Send + Sync> FromRequest<S> for FileBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (ending, charset) = media_type(request.headers())?;
        let sender = caller(request.extensions());
        let sent_key = SentKey::of_request(request.method(), request.headers(), request.uri());
        let Received { bytes, memory } = receive(request, MAX_FILE).await?;
        let caller = match sent_key {
            Some(key) => key.of(sender, &bytes)?,
            None => sender,
        };
        Ok(Self { bytes, ending, charset, caller, memory })
    }
}

/// The files of a form (`multipart/form-data`, RFC 7578) of at most 32 MiB, its other fields, and its sender. The field
/// `idempotency_key` stands for the header.
#[derive(Debug)]
pub struct UploadForm {
    /// Names and contents of the chosen files.
    pub files: Vec<(String, Bytes)>,
    /// Names and values of the other fields.
    pub fields: Vec<(String, String)>,
    /// The sender.
    pub caller: Caller,
    /// The part of the memory for bodies.
    pub memory: Option<QuotaGuard>,
}

impl<S: Send + Sync> FromRequest<S> for UploadForm {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (sender, uri) = (caller(request.extensions()), request.uri().to_string());
        let mut form = Request::new(Body::empty());
        *form.headers_mut() = request.headers().clone();
        // The limit of the route.
        *form.extensions_mut() = request.extensions().clone();
        let Received { bytes, memory } = receive(request, MAX_FILE).await?;
        *form.body_mut() = Body::from(bytes.clone());
        let unreadable = |()| {
            let detail = "must be a complete form with files (`multipart/form-data`)";
            invalid(vec![json!({"pointer": "", "detail": detail})])
        };
        let mut parts = Multipart::from_request(form, state).await.map_err(|_| unreadable(()))?;
        let mut read = Self { files: Vec::new(), fields: Vec::new(), caller: sender, memory };
        while let Some(part) = parts.next_field().await.map_err(|_| unreadable(()))? {
            let name = part.name().unwrap_or_default().to_owned();
            match part.file_name().map(str::to_owned) {
                Some(file) => {
                    let content = part.bytes().await.map_err(|_| unreadable(()))?;
                    // If no file was chosen, browsers send an empty file without a name.
                    if !file.is_empty() || !content.is_empty() {
                        read.files.push((file, content));
                    }
                }
                None => read.fields.push((name, part.text().await.map_err(|_| unreadable(()))?)),
            }
        }
        if let Some((_, key)) = read.fields.iter().find(|(name, _)| name == KEY_FIELD) {
            read.caller = with_key(read.caller, &Method::POST, &uri, Some(key), &bytes)?;
        }
        Ok(read)
    }
}

/// The ending and the charset of the media type.
fn media_type(headers: &HeaderMap) -> Result<(&'static str, Option<String>), Problem> {
    let unsupported = || {
        let known: Vec<_> = MEDIA_TYPES.map(|(name, _)| format!("`{name}`")).into();
        let detail = format!(
            "Send the file as the body, without `Content-Encoding`, with one of these as `Content-Type`: {}.",
            known.join(", ")
        );
        Problem::new::<UnsupportedMediaType>(detail)
    };
    if is_encoded(headers) {
        return Err(unsupported());
    }
    let (named, charset) = content_type(headers).ok_or_else(unsupported)?;
    let known = MEDIA_TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(named));
    let (_, ending) = known.ok_or_else(unsupported)?;
    Ok((ending, charset.map(str::to_owned)))
}
