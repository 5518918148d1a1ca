//! Addresses and keys of a provider, as it publishes them (`OpenID` Connect Discovery 1.0).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openidconnect::core::CoreProviderMetadata;
use openidconnect::url::Url;
use openidconnect::{IssuerUrl, TokenUrl, UserInfoUrl};
use tokio::sync::watch;

use super::wire::{Http, causes};

/// How long the provider may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long addresses and keys hold. A key that is not among them is looked for at once.
const MAX_AGE: Duration = Duration::from_hours(1);

/// What a provider publishes about itself. One request at a time asks for it, in a task of its own: it goes on when the
/// person who began it leaves.
#[derive(Debug)]
pub(super) struct Discovery(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    issuer: String,
    http: Http,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last that was good.
    last: Option<Known>,
    /// Gets the result of the attempt that is under way.
    under_way: Option<watch::Receiver<Option<Found>>>,
}

#[derive(Debug)]
struct Known {
    metadata: Arc<CoreProviderMetadata>,
    until: Instant,
}

/// The metadata, or why the provider cannot be used.
type Found = Result<Arc<CoreProviderMetadata>, String>;

impl Discovery {
    pub(super) fn new(issuer: String, http: Http) -> Self {
        Self(Arc::new(Shared { issuer, http, state: Mutex::default() }))
    }

    /// The metadata; other than `outdated`. While an attempt to read it again is under way, others get the last that was
    /// good; if there is none, they wait for that attempt and share its result. If it fails, the last that was good goes
    /// on counting.
    ///
    /// # Errors
    /// Why the provider cannot be used.
    pub(super) async fn metadata(&self, outdated: Option<&Arc<CoreProviderMetadata>>) -> Found {
        let mut result = {
            let mut state = self.0.state();
            let last = state.last.as_ref();
            let last = last.filter(|known| outdated.is_none_or(|one| !Arc::ptr_eq(one, &known.metadata)));
            // After a panic of its task nothing is under way.
            let under_way = state.under_way.as_ref().filter(|result| result.has_changed().is_ok());
            match (last, under_way) {
                (Some(known), under_way) if under_way.is_some() || Instant::now() < known.until => {
                    return Ok(Arc::clone(&known.metadata));
                }
                (_, Some(under_way)) => under_way.clone(),
                (_, None) => {
                    let begun = Arc::clone(&self.0).begin();
                    state.under_way = Some(begun.clone());
                    begun
                }
            }
        };
        let found = result.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
        let found = found.unwrap_or_else(|| Err("the attempt to reach it has failed".to_owned()));
        found.or_else(|why| {
            // Addresses and keys rarely change; whoever has a token with an unknown key needs others.
            let last = self.0.state().last.as_ref().map(|known| Arc::clone(&known.metadata));
            last.filter(|_| outdated.is_none()).ok_or(why)
        })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: Arc<Self>) -> watch::Receiver<Option<Found>> {
        let (sender, receiver) = watch::channel(None);
        tokio::spawn(async move {
            let read = tokio::time::timeout(TIMEOUT, self.read()).await;
            let found = read.unwrap_or_else(|_| Err("it takes too long to answer".to_owned()));
            let mut state = self.state();
            if let Ok(metadata) = &found {
                state.last = Some(Known { metadata: Arc::clone(metadata), until: Instant::now() + MAX_AGE });
            }
            state.under_way = None;
            drop(state);
            sender.send_replace(Some(found));
        });
        receiver
    }

    async fn read(&self) -> Found {
        let issuer = IssuerUrl::new(self.issuer.clone()).map_err(|error| error.to_string())?;
        let found = CoreProviderMetadata::discover_async(issuer, &self.http);
        let found = found.await.map_err(|error| causes(&error))?;
        let endpoints = [
            Some(found.authorization_endpoint().url()),
            found.token_endpoint().map(TokenUrl::url),
            Some(found.jwks_uri().url()),
            found.userinfo_endpoint().map(UserInfoUrl::url),
        ];
        let is_open = |url: &Url| self.issuer.starts_with("https://") && url.scheme() != "https";
        if endpoints.into_iter().flatten().any(is_open) {
            return Err("one of its addresses is not https".to_owned());
        }
        Ok(Arc::new(found))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;
    use tokio::sync::Semaphore;

    use super::{CoreProviderMetadata, Discovery, Http, Known};

    /// A provider that answers each request with an error, once it is let go on. Counts the requests.
    async fn failing(goes_on: Arc<Semaphore>) -> (Discovery, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                goes_on.acquire().await.unwrap().forget();
                let answer = b"HTTP/1.1 500 Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                connection.write_all(answer).await.unwrap();
            }
        });
        (Discovery::new(issuer, Http(openidconnect::reqwest::Client::new())), asked)
    }

    fn metadata() -> Arc<CoreProviderMetadata> {
        let document = serde_json::json!({
            "issuer": "http://127.0.0.1", "authorization_endpoint": "http://127.0.0.1/auth",
            "jwks_uri": "http://127.0.0.1/jwks", "response_types_supported": ["code"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
        });
        Arc::new(serde_json::from_value(document).unwrap())
    }

    #[tokio::test]
    async fn who_comes_during_an_attempt_shares_its_result() {
        let (discovery, asked) = failing(Arc::new(Semaphore::new(100))).await;
        let (one, two, three, four) = tokio::join!(
            discovery.metadata(None),
            discovery.metadata(None),
            discovery.metadata(None),
            discovery.metadata(None)
        );
        assert!([one, two, three, four].iter().all(Result::is_err));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        discovery.metadata(None).await.unwrap_err();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn during_an_attempt_the_last_that_was_good_counts() {
        let goes_on = Arc::new(Semaphore::new(0));
        let (discovery, _) = failing(Arc::clone(&goes_on)).await;
        let known = metadata();
        discovery.0.state().last = Some(Known { metadata: Arc::clone(&known), until: Instant::now() });
        let first = discovery.metadata(None);
        tokio::pin!(first);
        tokio::select! {
            biased;
            _ = &mut first => panic!("the provider has not answered"),
            second = discovery.metadata(None) => assert!(Arc::ptr_eq(&second.unwrap(), &known)),
        }
        // Whoever has a token with an unknown key needs another one.
        let newer = discovery.metadata(Some(&known));
        goes_on.add_permits(1);
        let (first, newer) = tokio::join!(first, newer);
        assert!(Arc::ptr_eq(&first.unwrap(), &known) && newer.is_err());
    }
}
