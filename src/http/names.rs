//! Resolves hosts' names, and remembers them for a while.
//!
//! ureq asks before each request, also where a connection is open already, and starts a thread each time
//! so that the wait can end.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long an answer holds.
const HOLDS: Duration = Duration::from_secs(30);

/// What names mean. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Arc<Mutex<HashMap<String, Known>>>);

#[derive(Debug)]
struct Known {
    addresses: Vec<SocketAddr>,
    since: Instant,
}

impl Names {
    /// Asks anew the next time, since nothing answers at the addresses known.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn known(&self, place: &str) -> Option<Vec<SocketAddr>> {
        let names = self.lock();
        let known = names.get(place)?;
        (known.since.elapsed() < HOLDS).then(|| known.addresses.clone())
    }

    fn learn(&self, place: String, addresses: Vec<SocketAddr>) {
        let since = Instant::now();
        self.lock().insert(place, Known { addresses, since });
    }

    fn all(&self, addresses: &[SocketAddr]) -> ResolvedSocketAddrs {
        let mut all = self.empty();
        for address in addresses {
            all.push(*address);
        }
        all
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let Some((host, port)) = place(uri) else {
            return DefaultResolver::default().resolve(uri, config, timeout);
        };
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(self.all(&[SocketAddr::new(address, port)]));
        }
        let key = format!("{host}:{port}");
        if let Some(known) = self.known(&key) {
            return Ok(self.all(&known));
        }
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        self.learn(key, found.iter().copied().collect());
        Ok(found)
    }
}

fn place(uri: &Uri) -> Option<(&str, u16)> {
    let standard = match uri.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    Some((uri.host()?, uri.port_u16().unwrap_or(standard)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(names: &Names, url: &str) -> Result<Vec<SocketAddr>, Error> {
        let timeout = NextTimeout {
            after: Duration::from_secs(5).into(),
            reason: ureq::Timeout::Resolve,
            ..NextTimeout::default()
        };
        let uri = url.parse().expect("an address");
        let found = names.resolve(&uri, &Config::default(), timeout)?;
        Ok(found.iter().copied().collect())
    }

    #[test]
    fn an_address_is_its_own_name() {
        let of = |url| resolve(&Names::default(), url).expect("nothing to ask");
        assert_eq!(
            of("http://127.0.0.1:8283/v1"),
            ["127.0.0.1:8283".parse().expect("an address")]
        );
        assert_eq!(
            of("https://[::1]/"),
            ["[::1]:443".parse().expect("an address")]
        );
    }

    #[test]
    fn a_name_is_remembered_until_it_is_forgotten() {
        let (names, there) = (
            Names::default(),
            "192.0.2.7:80".parse().expect("an address"),
        );
        names.learn("no-such-host.invalid:80".to_owned(), vec![there]);
        let found = resolve(&names, "http://no-such-host.invalid/").expect("it is known");
        assert_eq!(found, [there]);
        names.forget();
        assert!(names.known("no-such-host.invalid:80").is_none());
    }
}
