//! A provider of single sign-on: finds out its addresses and keys, sends people there, and checks what it says of them
//! (`OpenID` Connect Core 1.0, authorization code flow, with PKCE as RFC 7636 and the `iss` of RFC 9207).

use std::time::Duration;

use openidconnect::core::{
    CoreClientAuthMethod, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType,
};
use openidconnect::{
    AccessTokenHash, AuthType, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, Client,
    ClientId, CsrfToken, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    Scope, SignatureVerificationError,
};
use thiserror::Error;
use tokio::sync::Semaphore;

use super::attempt::Attempt;
use super::discovery::Discovery;
use super::settings::ProviderSettings;
use super::wire::{Claims, Http, OidcClient, Tokens, UserInfo, causes, excerpt, text, texts};

/// How long an answer of a provider may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many people can come back from a provider at a time; others wait for their turn.
const MAX_AT_A_TIME: usize = 32;
/// The longest identifier of a person, in bytes (`OpenID` Connect Core 1.0, section 2).
const MAX_SUBJECT: usize = 255;

/// The algorithms whose signatures count: those with a public key. `none` has no signature, and HMAC would make
/// everybody who knows the client's secret a provider.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// A provider. It is asked for the first time when somebody signs in, so that this server starts without it.
#[derive(Debug)]
pub struct Provider {
    /// As the file describes it.
    pub settings: ProviderSettings,
    http: Http,
    discovery: Discovery,
    /// Anybody can make this server ask a provider; this limits at how many at a time.
    turns: Semaphore,
}

/// What a provider says about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their identifier at the provider, which never changes.
    pub subject: String,
    /// Their name.
    pub name: Option<String>,
    /// Their e-mail address, if the provider has verified it.
    pub address: Option<String>,
    /// The value of the claim for the number of a student.
    pub student: Option<String>,
    /// The names of their groups.
    pub groups: Vec<String>,
}

/// Why a provider did not say who somebody is. The texts are for the log: they have no secret and nothing of a person.
#[derive(Debug, Error)]
pub enum ProviderError {
    /// It cannot be reached, or answers with nonsense.
    #[error("the provider cannot be used: {0}")]
    Unavailable(String),
    /// Too many people come back at the same time.
    #[error("too many people come back from the provider at the same time")]
    Busy,
    /// It says no: the code is not valid any more, or this server is not known there.
    #[error("the provider refuses: {0}")]
    Refused(String),
    /// What it says is not to be believed.
    #[error("the answer of the provider is not valid: {0}")]
    Invalid(String),
}

impl Provider {
    /// The provider with these settings.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(settings: ProviderSettings) -> Result<Self, ProviderError> {
        let http = openidconnect::reqwest::Client::builder()
            .timeout(TIMEOUT)
            // A provider that redirects could make this server ask any address in its network.
            .redirect(openidconnect::reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ProviderError::Unavailable(causes(&error)))?;
        let http = Http(http);
        let discovery = Discovery::new(settings.issuer.clone(), http.clone());
        Ok(Self { settings, http, discovery, turns: Semaphore::new(MAX_AT_A_TIME) })
    }

    /// The address at the provider to send somebody to, who comes back to `redirect`.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`].
    pub async fn address(&self, redirect: &str, attempt: &Attempt) -> Result<String, ProviderError> {
        let metadata = self.discovery.metadata(None).await.map_err(ProviderError::Unavailable)?;
        let verifier = PkceCodeVerifier::new(attempt.verifier.expose());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let client = self.client(&metadata, redirect)?;
        let (state, nonce) = (attempt.state.expose(), attempt.nonce.expose());
        let request = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        let (address, _, _) = request.url();
        Ok(address.into())
    }

    /// Who has come back with this code. `issuer` is what the address says about who sent them.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn person(
        &self,
        redirect: &str,
        code: String,
        issuer: Option<&str>,
        attempt: &Attempt,
    ) -> Result<Person, ProviderError> {
        if issuer.is_some_and(|issuer| issuer != self.settings.issuer) {
            return Err(ProviderError::Invalid("another provider sent the person back".to_owned()));
        }
        let turn = tokio::time::timeout(TIMEOUT, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| ProviderError::Busy)?.map_err(|_| ProviderError::Busy)?;
        let metadata = self.discovery.metadata(None).await.map_err(ProviderError::Unavailable)?;
        let client = self.client(&metadata, redirect)?;
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| ProviderError::Unavailable(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.expose()));
        let tokens = request.request_async(&self.http).await.map_err(|error| match error {
            openidconnect::RequestTokenError::ServerResponse(response) => {
                ProviderError::Refused(excerpt(&format!("{:?}", response.error())))
            }
            openidconnect::RequestTokenError::Request(error) => ProviderError::Unavailable(causes(&error)),
            // With its causes it would quote the answer.
            openidconnect::RequestTokenError::Parse(error, _) => {
                ProviderError::Unavailable(format!("its tokens are not understood at {}", error.path()))
            }
            openidconnect::RequestTokenError::Other(_) => {
                ProviderError::Unavailable("its tokens are not understood".to_owned())
            }
        })?;
        let nonce = Nonce::new(attempt.nonce.expose());
        let claims = match verified(&client, &tokens, &nonce) {
            // The provider may have begun to sign with a new key.
            Err(Unverified::Key(_)) => {
                let metadata = self.discovery.metadata(Some(&metadata)).await;
                let metadata = metadata.map_err(ProviderError::Unavailable)?;
                verified(&self.client(&metadata, redirect)?, &tokens, &nonce)
            }
            verified => verified,
        };
        let claims = claims.map_err(|error| ProviderError::Invalid(error.to_string()))?;
        let subject = claims.subject().as_str();
        if subject.is_empty() || subject.len() > MAX_SUBJECT || subject.chars().any(char::is_control) {
            return Err(ProviderError::Invalid("the identifier of the person is not usable".to_owned()));
        }
        if self.is_complete(&claims) {
            return Ok(self.read(&claims, None));
        }
        let more = match client.user_info(tokens.access_token().clone(), Some(claims.subject().clone())) {
            Ok(request) => {
                let more: UserInfo =
                    request.request_async(&self.http).await.map_err(|error| match error {
                        // Its text quotes who it is.
                        openidconnect::UserInfoError::ClaimsVerification(_) => {
                            ProviderError::Invalid("the user information is about somebody else".to_owned())
                        }
                        openidconnect::UserInfoError::Request(error) => {
                            ProviderError::Unavailable(causes(&error))
                        }
                        openidconnect::UserInfoError::Parse(error) => ProviderError::Unavailable(format!(
                            "the user information is not understood at {}",
                            error.path()
                        )),
                        _ => ProviderError::Unavailable("the user information is not understood".to_owned()),
                    })?;
                Some(more)
            }
            // Not every provider has that; then everything is in the ID token.
            Err(_) => None,
        };
        Ok(self.read(&claims, more.as_ref()))
    }

    fn client(&self, metadata: &CoreProviderMetadata, redirect: &str) -> Result<OidcClient, ProviderError> {
        let redirect = RedirectUrl::new(redirect.to_owned())
            .map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        let secret = self.settings.client_secret.as_ref();
        let secret = secret.map(|secret| openidconnect::ClientSecret::new(secret.expose().to_owned()));
        let id = ClientId::new(self.settings.client_id.clone());
        let client = Client::from_provider_metadata(metadata.clone(), id, secret).set_redirect_uri(redirect);
        let methods = metadata.token_endpoint_auth_methods_supported();
        let knows = |method| methods.is_none_or(|known| known.contains(&method));
        let is_basic =
            knows(CoreClientAuthMethod::ClientSecretBasic) || !knows(CoreClientAuthMethod::ClientSecretPost);
        Ok(client.set_auth_type(if is_basic { AuthType::BasicAuth } else { AuthType::RequestBody }))
    }

    /// Whether the ID token says everything that is asked for, so that nothing else has to be read.
    fn is_complete(&self, claims: &Claims) -> bool {
        let has = |name: &String| claims.additional_claims().0.contains_key(name);
        claims.email().is_some()
            && claims.name().is_some()
            && self.settings.student_claim.as_ref().is_none_or(has)
            && (!self.settings.asks_for_groups() || has(&self.settings.groups_claim))
    }

    fn read(&self, claims: &Claims, more: Option<&UserInfo>) -> Person {
        let extra = |name: &str| {
            let more = || more?.additional_claims().0.get(name);
            claims.additional_claims().0.get(name).or_else(more)
        };
        let name = claims.name().or_else(|| more?.name()).and_then(|names| names.get(None));
        // The address and whether it is verified come from the same answer.
        let (address, is_verified) = match (claims.email(), more) {
            (None, Some(more)) => (more.email(), more.email_verified()),
            (address, _) => (address, claims.email_verified()),
        };
        let is_verified = is_verified == Some(true) || self.settings.addresses_are_verified;
        let address = address.filter(|_| is_verified);
        let student = self.settings.student_claim.as_ref().and_then(|claim| text(extra(claim)?));
        let groups = extra(&self.settings.groups_claim).map(texts).unwrap_or_default();
        Person {
            subject: claims.subject().to_string(),
            name: name.map(|name| name.to_string()),
            address: address.map(|address| address.to_string()),
            student,
            groups,
        }
    }
}

/// The claims of the ID token, if it is to be believed: signed with a key of the provider, for this server, now, and for
/// this attempt.
fn verified(client: &OidcClient, tokens: &Tokens, nonce: &Nonce) -> Result<Claims, Unverified> {
    let token = tokens.extra_fields().id_token().ok_or_else(|| Unverified::other("it has no ID token"))?;
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
    let claims = token.claims(&verifier, nonce).map_err(|error| match error {
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey | SignatureVerificationError::CryptoError(_),
        ) => Unverified::Key(causes(&error)),
        // It quotes the token's own claims.
        ClaimsVerificationError::InvalidSubject(_) => Unverified::other("it is about somebody else"),
        error => Unverified::Other(causes(&error)),
    })?;
    if let Some(expected) = claims.access_token_hash() {
        let key = token.signing_key(&verifier).map_err(|error| Unverified::other(error.to_string()))?;
        let algorithm = token.signing_alg().map_err(|error| Unverified::other(error.to_string()))?;
        let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)
            .map_err(|error| Unverified::other(error.to_string()))?;
        if actual != *expected {
            return Err(Unverified::other("the access token is another one"));
        }
    }
    Ok(claims.clone())
}

#[derive(Debug, Error)]
enum Unverified {
    #[error("{0}")]
    Key(String),
    #[error("{0}")]
    Other(String),
}

impl Unverified {
    fn other(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }
}
