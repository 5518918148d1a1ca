//! Which schools a server serves: a file that lists them, or a folder with a file for each.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use thiserror::Error;

use crate::config::PublicUrl;
use crate::db::Location;
use crate::http::host::{canonical, host_of};
use crate::redact::without_passwords;

/// The settings of one school.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchoolSettings {
    /// Its name in log output and metrics.
    pub name: Arc<str>,
    /// The address at which people reach it. Requests for its host are for this school.
    pub public_url: PublicUrl,
    /// The [`canonical`] host of this address.
    pub host: String,
    /// Its database.
    pub database: Location,
    /// The file that lists its providers of single sign-on.
    pub sign_on: Option<PathBuf>,
    /// Whether missing tables of students and courses are created, empty, in a database that has other tables.
    pub new_school: bool,
}

impl SchoolSettings {
    /// The same for two names of one database file.
    fn database_identity(&self) -> (Location, Option<(u64, u64)>) {
        match &self.database {
            Location::File(file) => match std::fs::metadata(file) {
                Ok(found) => (Location::File(PathBuf::new()), Some((found.dev(), found.ino()))),
                Err(_) => (Location::File(file.components().collect()), None),
            },
            server @ Location::Server(_) => (server.clone(), None),
        }
    }

    /// Whether two schools cannot be served at the same time.
    #[must_use]
    pub fn conflicts_with(&self, other: &Self) -> bool {
        self.host == other.host || self.database_identity() == other.database_identity()
    }
}

/// The schools that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundSchools {
    /// By name.
    pub schools: BTreeMap<Arc<str>, SchoolSettings>,
    /// What is wrong with the others, by name.
    pub broken: BTreeMap<Arc<str>, BadSchool>,
}

/// Why the list of schools cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}: {why}", .path.display())]
pub struct SchoolsError {
    path: PathBuf,
    why: String,
}

/// What is wrong with the settings of one school.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct BadSchool(String);

/// The settings of a school, as a file has them: with the names of the flags of `serve`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileSchool {
    public_url: String,
    database: String,
    sign_on: Option<PathBuf>,
    #[serde(default)]
    new_school: bool,
}

/// Reads a file with a table for each school, or all files of a folder that end in `.toml` with the settings of one school
/// each. A mistake in one school leaves out that school.
///
/// # Errors
/// If nothing can be read, the file is no TOML, or there is no school at all.
pub fn read(path: &Path) -> Result<FoundSchools, SchoolsError> {
    let unreadable = |why: std::io::Error| SchoolsError { path: path.to_owned(), why: why.to_string() };
    let mut listed: BTreeMap<Arc<str>, Result<SchoolSettings, BadSchool>> = BTreeMap::new();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            let Some(name) = name_of(&file) else { continue };
            let read = std::fs::read_to_string(&file).map_err(|why| BadSchool(why.to_string()));
            let table = read.and_then(|text| toml::from_str(&text).map_err(|why| bad(&why)));
            listed.insert(Arc::clone(&name), table.and_then(|table| settings(name, table, path)));
        }
    } else {
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let malformed = |why: toml::de::Error| SchoolsError { path: path.to_owned(), why: bad(&why).0 };
        let tables: BTreeMap<String, toml::Value> = toml::from_str(&text).map_err(malformed)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for (name, table) in tables {
            let name = Arc::<str>::from(name);
            let school = settings(Arc::clone(&name), table, folder);
            listed.insert(name, school);
        }
    }
    // A folder can be empty because it is not mounted: the schools that are served stay.
    if listed.is_empty() {
        return Err(SchoolsError { path: path.to_owned(), why: "lists no school".to_owned() });
    }
    Ok(without_conflicts(listed))
}

/// The name of the school of a file in a folder. Other files, like those that editors leave, are no schools.
fn name_of(file: &Path) -> Option<Arc<str>> {
    let is_settings = file.extension().is_some_and(|ending| ending == "toml");
    let is_settings = is_settings && file.metadata().is_ok_and(|about| about.is_file());
    let name = file.file_stem()?.to_str().filter(|name| is_settings && !name.starts_with('.'))?;
    Some(name.into())
}

/// Checks the settings of a school. Names of files are relative to `folder`.
fn settings(name: Arc<str>, table: toml::Value, folder: &Path) -> Result<SchoolSettings, BadSchool> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        let why =
            "the name of a school has 1 to 64 letters without accents, digits, hyphens, dots and underscores";
        return Err(BadSchool(why.to_owned()));
    }
    let school: FileSchool = table.try_into().map_err(|why: toml::de::Error| bad(&why))?;
    let of = |key: &str, why: &dyn fmt::Display| BadSchool(format!("{key}: {why}"));
    let public_url: PublicUrl = school.public_url.parse().map_err(|why| of("public-url", &why))?;
    let host = host_of(public_url.authority().as_bytes()).map(canonical);
    let host = host.ok_or_else(|| of("public-url", &"its host is not valid"))?;
    if public_url.as_str() != public_url.origin() {
        return Err(of("public-url", &"a school is known by its host, so its address has no path"));
    }
    let database = match Location::parse(school.database.as_ref()).map_err(|why| of("database", &why))? {
        Location::File(file) => Location::File(folder.join(file)),
        server @ Location::Server(_) => server,
    };
    let sign_on = school.sign_on.map(|file| folder.join(file));
    Ok(SchoolSettings { name, public_url, host, database, sign_on, new_school: school.new_school })
}

/// What TOML says about a mistake, in one line and without the text around it, which may contain a password.
fn bad(why: &toml::de::Error) -> BadSchool {
    let why = why.message().trim_end().replace('\n', " ");
    // Serde repeats a value that has the wrong type.
    if why.starts_with("invalid type") || why.starts_with("invalid value") {
        let kinds =
            "below [NAME], public-url, database and sign-on are texts, and new-school is true or false";
        return BadSchool(kinds.to_owned());
    }
    BadSchool(without_passwords(&why))
}

/// Schools with the same host or the same database are left out, whichever of them is meant: one that is served already
/// stays as it was.
fn without_conflicts(listed: BTreeMap<Arc<str>, Result<SchoolSettings, BadSchool>>) -> FoundSchools {
    let mut found = FoundSchools::default();
    for (name, school) in listed {
        match school {
            Ok(school) => _ = found.schools.insert(name, school),
            Err(why) => _ = found.broken.insert(name, why),
        }
    }
    let (mut hosts, mut databases) = (HashMap::new(), HashMap::new());
    let mut conflicts = BTreeMap::new();
    for (name, school) in &found.schools {
        let others = [
            ("host", hosts.insert(school.host.clone(), name)),
            ("database", databases.insert(school.database_identity(), name)),
        ];
        for (what, other) in others {
            let Some(other) = other else { continue };
            for (one, other) in [(name, other), (other, name)] {
                let why = BadSchool(format!("the school {other} has the same {what}"));
                conflicts.entry(Arc::clone(one)).or_insert(why);
            }
        }
    }
    found.schools.retain(|name, _| !conflicts.contains_key(name));
    found.broken.extend(conflicts);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> FoundSchools {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schools.toml");
        std::fs::write(&file, text).unwrap();
        read(&file).unwrap()
    }

    #[test]
    fn files_are_relative_to_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schools.toml");
        let text = "[lyon]\npublic-url = 'https://Lyon.example.edu:8443'\ndatabase = 'lyon.db'\nsign-on = 'sso/lyon.toml'\n";
        std::fs::write(&file, text).unwrap();
        let found = read(&file).unwrap();
        let lyon = &found.schools["lyon"];
        assert_eq!(lyon.database, Location::File(folder.path().join("lyon.db")));
        assert_eq!(lyon.sign_on, Some(folder.path().join("sso/lyon.toml")));
        assert_eq!(lyon.host, "lyon.example.edu");
    }

    #[test]
    fn a_mistake_leaves_out_that_school_and_is_named() {
        let found = read_text(
            "[lyon]\npublic-url = 'https://lyon.example.edu'\ndatabase = 'lyon.db'\n\
             [oslo]\npublic-url = 'https://LYON.example.edu/'\ndatabase = 'oslo.db'\n\
             [bern]\npublic-url = 'https://bern.example.edu'\ndatabase = './lyon.db'\n\
             [bath]\npublic-url = 'https://bath.example.edu'\ndatabase = 'bath.db'\n\
             [rome]\npublic-url = 'https://example.edu/rome'\ndatabase = 'rome.db'\n\
             [wien]\npublic-url = 'https://wien.example.edu'\ndatabase = 'wien.db'\nlisten = '0.0.0.0:80'\n\
             [bonn]\npublic-url = 'https://bonn.example.edu'\n\
             [graz]\npublic-url = 'https://graz.example.edu'\ndatabase = 'mysql://root:secret@db/graz'\n\
             ['a b']\npublic-url = 'https://ab.example.edu'\ndatabase = 'ab.db'\n",
        );
        let broken: Vec<_> = found.broken.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        insta::assert_snapshot!(broken.join("\n"), @"
        a b: the name of a school has 1 to 64 letters without accents, digits, hyphens, dots and underscores
        bern: the school lyon has the same database
        bonn: missing field `database`
        graz: database: mysql: is not supported. Use a file (school.db, sqlite:///school.db) or a PostgreSQL URL (postgres://user@host/school). Write ./name for a file with a colon in its name
        lyon: the school bern has the same database
        oslo: the school lyon has the same host
        rome: public-url: a school is known by its host, so its address has no path
        wien: unknown field `listen`, expected one of `public-url`, `database`, `sign-on`, `new-school`
        ");
        assert_eq!(found.schools.keys().map(|name| &**name).collect::<Vec<_>>(), ["bath"]);
    }

    #[test]
    fn no_message_has_a_password() {
        for text in [
            "public-url = 'https://a.example.edu'\ndatabase = 'postgres://ana:secret@db/a'\n",
            "[a]\npublic-url = 'https://a.example.edu'\ndatabase = 'a.db'\nnew-school = 'postgres://ana:secret@db/a'\n",
            "[a]\npublic-url = 'https://a.example.edu'\n'postgres://ana:secret@db/a' = 1\n",
            "[a]\npublic-url = 'https://ana:secret@a.example.edu'\ndatabase = 'a.db'\n",
        ] {
            let found = read_text(text);
            assert!(
                found.schools.is_empty() && !format!("{:?}", found.broken).contains("secret"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn other_files_in_the_folder_are_no_schools() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["lyon.toml", "lyon.toml~", ".lyon.toml", "README.md"] {
            let text = "public-url = 'https://lyon.example.edu'\ndatabase = 'lyon.db'\n";
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let found = read(folder.path()).unwrap();
        assert_eq!((found.schools.len(), found.broken.len()), (1, 0));
    }
}
