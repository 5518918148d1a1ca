//! Single sign-on: people sign in at a provider of the school.

mod provider;
pub mod settings;

pub use self::provider::{Attempt, Person, Provider, ProviderError};
