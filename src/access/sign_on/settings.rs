//! The file that lists the providers of single sign-on.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use openidconnect::url::{Host, Url};
use serde::Deserialize;
use thiserror::Error;

use crate::registrar::Role;

/// The providers of a school, as the file lists them.
#[derive(Clone, Debug, Default)]
pub struct SignOnSettings {
    /// In the order of their buttons.
    pub providers: Vec<ProviderSettings>,
}

/// A provider of single sign-on (`OpenID` Connect Core 1.0).
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// Its name in addresses of this server: `campus` in `/sign-in/campus`.
    pub name: String,
    /// What its button says: `Sign in with LABEL`.
    pub label: String,
    /// The issuer, exactly as it names itself.
    pub issuer: String,
    /// What the provider calls this server.
    pub client_id: String,
    /// The secret of this server at the provider; `None` for a public client, which proves itself by PKCE alone.
    pub client_secret: Option<ClientSecret>,
    /// What to ask for, besides `openid`.
    pub scopes: Vec<String>,
    /// Whose addresses it may vouch for: `example.edu`. Without any, nobody is found by an address.
    domains: Vec<String>,
    /// Whether each address counts as verified. Some providers, such as Entra ID, do not say that they are.
    pub addresses_are_verified: bool,
    /// The claim with the names of a person’s groups.
    pub groups_claim: String,
    /// The claim with the number of a student.
    pub student_claim: Option<String>,
    /// Which groups give which role.
    roles: BTreeMap<String, Vec<String>>,
}

impl ProviderSettings {
    /// Whether the provider is believed about this address.
    #[must_use]
    pub fn vouches_for(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.domains.iter().any(|known| known.eq_ignore_ascii_case(domain))
    }

    /// The role with the most rights that these groups give.
    #[must_use]
    pub fn role(&self, groups: &[String]) -> Option<Role> {
        Role::ALL.into_iter().find(|role| {
            self.groups_of(*role).is_some_and(|named| named.iter().any(|group| groups.contains(group)))
        })
    }

    /// Whether a person in these groups may be a student: everybody, unless groups are listed for students.
    #[must_use]
    pub fn may_be_student(&self, groups: &[String]) -> bool {
        self.groups_of(Role::Student).is_none_or(|named| named.iter().any(|group| groups.contains(group)))
    }

    /// Whether groups matter.
    #[must_use]
    pub fn asks_for_groups(&self) -> bool {
        !self.roles.is_empty()
    }

    fn groups_of(&self, role: Role) -> Option<&Vec<String>> {
        self.roles.get(role.as_str())
    }
}

/// The secret of this server at a provider. Its `Debug` output has no part of it.
#[derive(Clone)]
pub struct ClientSecret(String);

impl ClientSecret {
    /// The secret, to be sent to the provider.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret")
    }
}

/// Why the file is not usable.
#[derive(Debug, Error)]
pub enum SignOnError {
    /// A file cannot be read.
    #[error("cannot read {}: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// It is no TOML, or has other fields.
    #[error("{}: {why}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What and where.
        why: String,
    },
    /// A value is wrong.
    #[error("{}: provider {name}: {why}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The provider.
        name: String,
        /// What is wrong.
        why: String,
    },
}

impl SignOnSettings {
    /// Reads the file, and the files of secrets that it names: relative to its own folder, with blanks at their ends left
    /// out.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn read(path: &Path) -> Result<Self, SignOnError> {
        let content = std::fs::read_to_string(path)
            .map_err(|why| SignOnError::Unreadable { path: path.to_owned(), why })?;
        let file: File = toml::from_str(&content).map_err(|why| SignOnError::Malformed {
            path: path.to_owned(),
            why: why.to_string().trim_end().to_owned(),
        })?;
        if file.providers.is_empty() {
            return Err(SignOnError::Malformed {
                path: path.to_owned(),
                why: "lists no provider".to_owned(),
            });
        }
        let mut names = HashSet::new();
        let mut issuers = HashSet::new();
        let providers = file.providers.into_iter().map(|provider| {
            let wrong =
                |why: String| SignOnError::Wrong { path: path.to_owned(), name: provider.name.clone(), why };
            check(&provider).map_err(wrong)?;
            if !names.insert(provider.name.clone()) || !issuers.insert(provider.issuer.clone()) {
                return Err(wrong("another provider has this name or issuer".to_owned()));
            }
            let secret = provider.client_secret_file.as_ref().map(|file| {
                let file = path.parent().map_or_else(|| file.clone(), |folder| folder.join(file));
                read_secret(&file).map_err(wrong)
            });
            Ok(ProviderSettings {
                client_secret: secret.transpose()?,
                name: provider.name,
                label: provider.label,
                issuer: provider.issuer,
                client_id: provider.client_id,
                scopes: provider.scopes,
                domains: provider.domains,
                addresses_are_verified: provider.addresses_are_verified,
                groups_claim: provider.groups_claim,
                student_claim: provider.student_claim,
                roles: provider.roles,
            })
        });
        Ok(Self { providers: providers.collect::<Result<_, SignOnError>>()? })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "provider")]
    providers: Vec<FileProvider>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileProvider {
    name: String,
    label: String,
    issuer: String,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    #[serde(default = "default_scopes")]
    scopes: Vec<String>,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    addresses_are_verified: bool,
    #[serde(default = "default_groups_claim")]
    groups_claim: String,
    student_claim: Option<String>,
    #[serde(default)]
    roles: BTreeMap<String, Vec<String>>,
}

/// Claims that `OpenID` Connect Core 1.0 (section 5.1) defines, and those of the ID token.
const STANDARD_CLAIMS: [&str; 29] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "email_verified",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "phone_number_verified",
    "address",
    "updated_at",
];

fn default_scopes() -> Vec<String> {
    vec!["email".to_owned(), "profile".to_owned()]
}

fn default_groups_claim() -> String {
    "groups".to_owned()
}

fn check(provider: &FileProvider) -> Result<(), String> {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.len() <= 40
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if !is_name(&provider.name) {
        return Err("the name has 1 to 40 of a–z, 0–9 and -".to_owned());
    }
    if provider.label.trim().is_empty() || provider.client_id.is_empty() {
        return Err("label and client_id must not be empty".to_owned());
    }
    let issuer = Url::parse(&provider.issuer).map_err(|why| format!("issuer: {why}"))?;
    if issuer.scheme() != "https" && !(issuer.scheme() == "http" && is_this_machine(&issuer)) {
        return Err("issuer: must begin with https://, unless it is on this machine".to_owned());
    }
    if provider.addresses_are_verified && provider.domains.is_empty() {
        return Err("addresses_are_verified needs domains".to_owned());
    }
    for claim in provider.student_claim.iter().chain([&provider.groups_claim]) {
        if STANDARD_CLAIMS.contains(&claim.as_str()) {
            return Err(format!("{claim} means something else in OpenID Connect: use a claim of its own"));
        }
    }
    let unknown = provider.roles.keys().find(|name| name.parse::<Role>().is_err());
    unknown.map_or(Ok(()), |name| {
        Err(format!("roles: {name} is no role; there are admin, registrar, instructor and student"))
    })
}

/// Whether the address is one of loopback, so that nobody can read on the way.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

fn read_secret(path: &Path) -> Result<ClientSecret, String> {
    let secret = std::fs::read_to_string(path)
        .map_err(|why| format!("client_secret_file: cannot read {}: {why}", path.display()))?;
    match secret.trim() {
        "" => Err(format!("client_secret_file: {} is empty", path.display())),
        secret => Ok(ClientSecret(secret.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::SignOnSettings;
    use crate::registrar::Role;

    const CAMPUS: &str = r#"
        [[provider]]
        name = "campus"
        label = "Campus account"
        issuer = "https://login.example.edu"
        client_id = "matricula"
    "#;

    fn read(content: &str) -> Result<SignOnSettings, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "s3cret-of-campus\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let file = folder.path().join("sign-on.toml");
        std::fs::write(&file, content).unwrap();
        SignOnSettings::read(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn a_provider_needs_a_name_a_label_an_issuer_and_a_client_id() {
        let settings = read(CAMPUS).unwrap();
        let provider = &settings.providers[0];
        assert_eq!(provider.scopes, ["email", "profile"]);
        assert_eq!(provider.groups_claim, "groups");
        assert!(provider.client_secret.is_none());
        assert_eq!(provider.role(&["anything".to_owned()]), None);
        assert!(provider.may_be_student(&[]));
        assert!(!provider.vouches_for("ana@example.edu"));
        let settings = read(&format!("{CAMPUS}domains = [\"Example.edu\"]")).unwrap();
        assert!(settings.providers[0].vouches_for("ana@example.edu"));
        for other in
            ["ana@cs.example.edu", "ana@example.edu.evil.example", "example.edu", "ana@notexample.edu"]
        {
            assert!(!settings.providers[0].vouches_for(other), "{other}");
        }
    }

    #[test]
    fn the_secret_is_in_a_file_and_not_in_debug_output() {
        let settings = read(&format!("{CAMPUS}client_secret_file = \"secret\"")).unwrap();
        let secret = settings.providers[0].client_secret.as_ref().unwrap();
        assert_eq!(secret.expose(), "s3cret-of-campus");
        assert!(!format!("{settings:?}").contains("s3cret"));
    }

    #[test]
    fn the_role_with_the_most_rights_counts() {
        let roles = "[provider.roles]\nregistrar = [\"office\"]\ninstructor = [\"faculty\", \"guests\"]\nstudent = [\"students\"]";
        let provider = read(&format!("{CAMPUS}{roles}")).unwrap().providers.remove(0);
        let role =
            |groups: &[&str]| provider.role(&groups.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(role(&["guests", "office", "students"]), Some(Role::Registrar));
        assert_eq!(role(&["guests"]), Some(Role::Instructor));
        assert_eq!(role(&["Office"]), None);
        assert!(!provider.may_be_student(&["guests".to_owned()]));
        assert!(provider.may_be_student(&["students".to_owned()]));
    }

    #[test]
    fn mistakes_are_named() {
        let other = CAMPUS.replace("campus", "other");
        for (content, expected) in [
            ("", "missing field `provider`"),
            ("provider = []", "lists no provider"),
            (&format!("{CAMPUS}addresses_are_verified = true"), "addresses_are_verified needs domains"),
            (
                &format!("{CAMPUS}student_claim = \"preferred_username\""),
                "preferred_username means something else",
            ),
            (&CAMPUS.replace("label", "title"), "unknown field `title`"),
            (&CAMPUS.replace("\"campus\"", "\"Campus 1\""), "the name has 1 to 40 of a–z, 0–9 and -"),
            (&CAMPUS.replace("https://login", "http://login"), "issuer: must begin with https://"),
            (&CAMPUS.replace("https://login.example.edu", "login"), "issuer: relative URL without a base"),
            (&format!("{CAMPUS}client_secret_file = \"none\""), "client_secret_file: cannot read"),
            (&format!("{CAMPUS}client_secret_file = \"empty\""), "empty is empty"),
            (&format!("{CAMPUS}client_secret = \"typed here\""), "unknown field `client_secret`"),
            (&format!("{CAMPUS}[provider.roles]\nboss = [\"a\"]"), "roles: boss is no role"),
            (&format!("{CAMPUS}{other}"), "another provider has this name or issuer"),
        ] {
            let error = read(content).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert!(read(&CAMPUS.replace("https://login.example.edu", "http://127.0.0.1:3000")).is_ok());
    }
}
