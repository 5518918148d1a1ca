//! What pages load: in the program, named by content, kept by browsers for good.

use std::fmt;
use std::hash::Hasher;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use siphasher::sip::SipHasher13;

use crate::http::problem::{NotFound, Problem};

/// Where they are.
pub const ROUTE: &str = "/assets/{name}";

/// A file, perhaps of several. It displays as its address.
#[derive(Debug)]
pub struct Asset {
    media_type: &'static str,
    content: LazyLock<Bytes>,
    path: LazyLock<String>,
}

macro_rules! assets {
    ($($(#[$doc:meta])* $id:ident = $stem:literal . $extension:literal, $media_type:literal, [$($file:literal),+];)*) => {
        $($(#[$doc])* pub static $id: Asset = Asset {
            media_type: $media_type,
            content: LazyLock::new(|| joined(&[$(include_bytes!(concat!("../../../static/", $file)).as_slice()),+])),
            path: LazyLock::new(|| path_of($stem, &$id.content, $extension)),
        };)*
        static ALL: &[&Asset] = &[$(&$id),*];
    };
}

assets! {
    /// The one stylesheet.
    STYLE = "style"."css", "text/css; charset=utf-8", ["style.css"];
    /// Times in the viewer's zone.
    SITE = "site"."js", "text/javascript; charset=utf-8", ["site.js"];
    /// htmx 4 and its extension for server-sent events (0BSD), as npm has them. In one file: htmx begins a moment after it is
    /// loaded, and takes no notice of what an extension that comes later would have had to say.
    HTMX = "htmx"."js", "text/javascript; charset=utf-8", ["vendor/htmx.min.js", "vendor/hx-sse.min.js"];
    /// The mark in the browser's tab.
    ICON = "icon"."svg", "image/svg+xml", ["icon.svg"];
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// The file of this name.
///
/// # Errors
/// `not-found`, also for a file as it was in another version of the program.
pub async fn get(Path(name): Path<String>) -> Result<Response, Problem> {
    let asset = ALL.iter().find(|asset| asset.path.strip_prefix("/assets/") == Some(&*name));
    let asset = asset.ok_or_else(|| Problem::new::<NotFound>("The pages have no such part."))?;
    let head = [(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((head, asset.content.clone()).into_response())
}

fn joined(files: &[&[u8]]) -> Bytes {
    files.join(b"\n".as_slice()).into()
}

fn path_of(stem: &str, content: &[u8], extension: &str) -> String {
    let mut hasher = SipHasher13::new();
    hasher.write(content);
    format!("/assets/{stem}.{:016x}.{extension}", hasher.finish())
}
