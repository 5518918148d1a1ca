//! Static files that pages load. They are compiled into the program and named by a hash of their content, so that
//! browsers can cache them forever.

use std::fmt;
use std::hash::Hasher;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use siphasher::sip::SipHasher13;

use crate::http::problem::{NotFound, Problem};

/// The route of all assets.
pub const ROUTE: &str = "/assets/{name}";

/// A static file, possibly joined from several. `Display` writes its URL path.
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
            content: LazyLock::new(|| content($media_type, &[$(include_bytes!(concat!("../../../static/", $file)).as_slice()),+])),
            path: LazyLock::new(|| asset_path($stem, &$id.content, $extension)),
        };)*
        static ALL: &[&Asset] = &[$(&$id),*];
    };
}

assets! {
    /// The one stylesheet.
    STYLE = "style"."css", "text/css; charset=utf-8", ["style.css"];
    /// The API reference in the look of the pages.
    REFERENCE = "reference"."css", "text/css; charset=utf-8", ["reference.css"];
    /// Starts Swagger UI for the API reference, so that everybody can use it.
    REFERENCE_START = "reference"."js", "text/javascript; charset=utf-8", ["reference.js"];
    /// Shows times in the viewer's time zone, and finds students and courses.
    SITE = "site"."js", "text/javascript; charset=utf-8", ["site.js", "find.js"];
    /// htmx 4 and its extension for server-sent events (0BSD), as published on npm. One file: htmx starts right after
    /// it is loaded and ignores extensions that are registered later.
    HTMX = "htmx"."js", "text/javascript; charset=utf-8", ["vendor/htmx.min.js", "vendor/hx-sse.min.js"];
    /// The icon in the browser's tab.
    ICON = "icon"."svg", "image/svg+xml", ["icon.svg"];
    /// Inter (OFL), weights 400 to 700: the letters of English and most Western languages.
    LATIN = "latin"."woff2", "font/woff2", ["fonts/inter-latin.woff2"];
    /// The same for Latin Extended-A, such as Polish, Czech and Turkish.
    LATIN_EXTENDED = "latin-ext"."woff2", "font/woff2", ["fonts/inter-latin-ext.woff2"];
    /// The same for Vietnamese.
    VIETNAMESE = "vietnamese"."woff2", "font/woff2", ["fonts/inter-vietnamese.woff2"];
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// Serves an asset by name.
///
/// # Errors
/// `not-found`, also for an asset of another version of the program.
pub async fn get(Path(name): Path<String>) -> Result<Response, Problem> {
    let asset = ALL.iter().find(|asset| asset.path.strip_prefix("/assets/") == Some(&*name));
    let asset = asset.ok_or_else(|| Problem::new::<NotFound>("There is no such file."))?;
    let head = [(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((head, asset.content.clone()).into_response())
}

/// The content of an asset. In stylesheets, the names of fonts become the paths at which they are served.
fn content(media_type: &str, files: &[&[u8]]) -> Bytes {
    let content = files.join(b"\n".as_slice());
    if !media_type.starts_with("text/css") {
        return content.into();
    }
    let fonts = [
        ("fonts/inter-latin.woff2", &LATIN),
        ("fonts/inter-latin-ext.woff2", &LATIN_EXTENDED),
        ("fonts/inter-vietnamese.woff2", &VIETNAMESE),
    ];
    let style = String::from_utf8_lossy(&content).into_owned();
    fonts.iter().fold(style, |style, (name, font)| style.replace(name, &font.path)).into()
}

fn asset_path(stem: &str, content: &[u8], extension: &str) -> String {
    let mut hasher = SipHasher13::new();
    hasher.write(content);
    format!("/assets/{stem}.{:016x}.{extension}", hasher.finish())
}
