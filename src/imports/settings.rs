//! Converts the settings of an import to options for reading and planning.

use super::plan::{MakeOptions, Mode};
use super::staging::Settings;
use crate::files::reading::{Encoding, Kind, Meaning, Options};

/// The options for planning.
#[must_use]
pub fn make_options(settings: &Settings) -> MakeOptions {
    let is_full = settings.mode.as_deref() == Some("full");
    MakeOptions { mode: if is_full { Mode::Full } else { Mode::Add } }
}

/// The options for reading files.
#[must_use]
pub fn options(settings: &Settings) -> Options {
    let kind = settings.kind.as_deref().and_then(|kind| match kind {
        "students" => Some(Kind::Students),
        "courses" => Some(Kind::Courses),
        "enrollments" => Some(Kind::Enrollments),
        _ => None,
    });
    let columns = settings.columns.iter();
    Options {
        kind,
        encoding: settings.encoding.as_deref().and_then(Encoding::from_label),
        columns: columns.map(|(heading, slug)| (heading.clone(), Meaning::from_slug(slug))).collect(),
    }
}
