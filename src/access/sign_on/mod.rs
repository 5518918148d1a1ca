//! Single sign-on: people sign in at a provider of the school.

mod attempt;
mod discovery;
mod provider;
mod session;
pub mod settings;
mod wire;

pub use self::attempt::Attempt;
pub use self::provider::{Person, Provider, ProviderError};

use self::settings::SignOnSettings;
use super::proxy::PROXY;

/// The providers of the school. Cheap to share.
#[derive(Debug, Default)]
pub struct Providers(Vec<Provider>);

impl Providers {
    /// The providers with these settings.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(settings: SignOnSettings) -> Result<Self, ProviderError> {
        settings.providers.into_iter().map(Provider::new).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The provider with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.settings.name == name)
    }

    /// What people call the provider with this issuer: its label, or the issuer of one that is not used any more.
    #[must_use]
    pub fn label<'a>(&'a self, issuer: &'a str) -> &'a str {
        match self.0.iter().find(|provider| provider.settings.issuer == issuer) {
            Some(provider) => &provider.settings.label,
            None if issuer == PROXY => "the proxy",
            None => issuer,
        }
    }

    /// Name and label of each, in order.
    #[must_use]
    pub fn buttons(&self) -> Vec<(String, String)> {
        let button = |one: &Provider| (one.settings.name.clone(), one.settings.label.clone());
        self.0.iter().map(button).collect()
    }
}
