//! What pages load: in the program, named by content, kept by browsers for good.

use std::fmt;
use std::hash::Hasher;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use siphasher::sip::SipHasher13;

use crate::http::problem::{NotFound, Problem};

/// Where they are.
pub const ROUTE: &str = "/assets/{name}";

/// A file. It displays as its address.
#[derive(Debug)]
pub struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static [u8],
    path: LazyLock<String>,
}

macro_rules! assets {
    ($($(#[$doc:meta])* $id:ident = $name:literal, $media_type:literal;)*) => {
        $($(#[$doc])* pub static $id: Asset = Asset {
            name: $name,
            media_type: $media_type,
            content: include_bytes!(concat!("../../static/", $name)),
            path: LazyLock::new(|| path_of(&$id)),
        };)*
        static ALL: &[&Asset] = &[$(&$id),*];
    };
}

assets! {
    /// The one stylesheet.
    STYLE = "style.css", "text/css; charset=utf-8";
    /// Times in the viewer's zone.
    SITE = "site.js", "text/javascript; charset=utf-8";
    /// htmx 4 (0BSD), as npm has it.
    HTMX = "vendor/htmx.min.js", "text/javascript; charset=utf-8";
    /// Its extension for server-sent events.
    SSE = "vendor/hx-sse.min.js", "text/javascript; charset=utf-8";
    /// The mark in the browser's tab.
    ICON = "icon.svg", "image/svg+xml";
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
    Ok((head, asset.content).into_response())
}

fn path_of(asset: &Asset) -> String {
    let mut hasher = SipHasher13::new();
    hasher.write(asset.content);
    let name = asset.name.rsplit('/').next().unwrap_or(asset.name);
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    format!("/assets/{stem}.{:016x}.{extension}", hasher.finish())
}
