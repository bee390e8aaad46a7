//! Who is let in, by address, by password and by key.

use std::collections::HashSet;
use std::net::IpAddr;

use monocoque_io::AddressRange;
use monocoque_zmtp::{Applicant, Authenticator, Credentials, Grant, Judging, PlainTable, PublicKey, Verdict};

use super::store::CertificateStore;

/// Lets peers in by where they come from, and by what they show. Made of nothing, it lets in peers of NULL from
/// everywhere, and nobody else.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use monocoque::{AccessPolicy, Context, PlainTable};
///
/// let policy = AccessPolicy::new().allow("10.0.0.0/8".parse()?).passwords(PlainTable::new([("ann", "secret")])?);
/// let pull = Context::new().pull().plain_server(true).authenticator(policy).build()?;
/// # drop(pull);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct AccessPolicy {
    allowed: Vec<AddressRange>,
    denied: Vec<AddressRange>,
    passwords: PlainTable,
    keys: Keys,
}

/// The CURVE clients that are let in.
#[derive(Debug, Clone, Default)]
enum Keys {
    #[default]
    None,
    Any,
    Listed(HashSet<PublicKey>),
    Stored(CertificateStore),
}

impl AccessPolicy {
    /// Nobody but peers of NULL.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets in peers from `range`, and then from nowhere else but the ranges that are allowed. A peer without an address
    /// (ipc) is then let in from nowhere.
    #[must_use]
    pub fn allow(mut self, range: AddressRange) -> Self {
        self.allowed.push(range);
        self
    }

    /// Lets in nobody from `range`, whatever is allowed.
    #[must_use]
    pub fn deny(mut self, range: AddressRange) -> Self {
        self.denied.push(range);
        self
    }

    /// Lets in the users of PLAIN in `table`, under their names.
    #[must_use]
    pub fn passwords(mut self, table: PlainTable) -> Self {
        self.passwords = table;
        self
    }

    /// Lets in the CURVE clients with these public keys; the user id is the key, in Z85.
    #[must_use]
    pub fn keys(mut self, keys: impl IntoIterator<Item = PublicKey>) -> Self {
        self.keys = Keys::Listed(keys.into_iter().collect());
        self
    }

    /// Lets in the CURVE clients whose certificates are in `store`. The user id is the certificate's `name`, or the key in
    /// Z85; all that it says of its owner is told with the messages.
    #[must_use]
    pub fn certificates(mut self, store: CertificateStore) -> Self {
        self.keys = Keys::Stored(store);
        self
    }

    /// Lets in every CURVE client; the user id is its key, in Z85.
    #[must_use]
    pub fn any_key(mut self) -> Self {
        self.keys = Keys::Any;
        self
    }

    fn admits_address(&self, address: &str) -> bool {
        // A link-local address has its interface behind it.
        let address: Option<IpAddr> = address.split('%').next().and_then(|address| address.parse().ok());
        let within =
            |ranges: &[AddressRange]| address.is_some_and(|address| ranges.iter().any(|range| range.contains(address)));
        !within(&self.denied) && (self.allowed.is_empty() || within(&self.allowed))
    }

    fn judge_key(&self, key: &PublicKey) -> Verdict {
        match &self.keys {
            Keys::Any => Verdict::accept(key.to_string()),
            Keys::Listed(keys) if keys.contains(key) => Verdict::accept(key.to_string()),
            Keys::Stored(store) => store.find(key).map_or_else(Verdict::deny, |certificate| {
                let mut grant = Grant::default();
                grant.user_id = certificate.property("name").map_or_else(|| key.to_string(), str::to_owned);
                let told = certificate.metadata().iter();
                grant.metadata = told.map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
                Verdict::Accepted(grant)
            }),
            Keys::None | Keys::Listed(_) => Verdict::deny(),
        }
    }
}

impl Authenticator for AccessPolicy {
    fn judge(&self, applicant: Applicant) -> Judging {
        if !self.admits_address(&applicant.address) {
            return Verdict::deny().into();
        }
        match &applicant.credentials {
            Credentials::Null => Verdict::accept("").into(),
            Credentials::Curve { key } => self.judge_key(key).into(),
            _ => self.passwords.judge(applicant),
        }
    }
}

#[cfg(test)]
mod tests {
    use monocoque_zmtp::Secret;

    use super::*;
    use crate::auth::{Certificate, new_secret_key};

    fn judged(policy: &AccessPolicy, address: &str, credentials: Credentials) -> Option<String> {
        match policy.judge(Applicant::new(address, credentials)) {
            Judging::Now(Verdict::Accepted(grant)) => Some(grant.user_id),
            Judging::Now(Verdict::Refused(refusal)) => {
                assert_eq!(refusal.status(), 400);
                None
            }
            other => panic!("{other:?}"),
        }
    }

    fn plain(password: &str) -> Credentials {
        Credentials::Plain { username: (*b"ann").into(), password: Secret::new(password).expect("short") }
    }

    #[test]
    fn addresses_are_judged_first() {
        let range = |text: &str| text.parse().expect("a range");
        let policy = AccessPolicy::new().allow(range("10.0.0.0/8")).allow(range("::1")).deny(range("10.6.6.6"));
        for (address, let_in) in [
            ("10.1.2.3", true),
            ("10.6.6.6", false),
            ("::1", true),
            ("::2", false),
            ("192.168.0.1", false),
            ("", false),
        ] {
            assert_eq!(judged(&policy, address, Credentials::Null).is_some(), let_in, "{address}");
        }
        let policy = AccessPolicy::new().deny(range("10.6.6.6"));
        assert_eq!(judged(&policy, "10.6.6.6", Credentials::Null), None);
        assert_eq!(judged(&policy, "", Credentials::Null).as_deref(), Some(""));
        let policy = AccessPolicy::new().deny(range("fe80::/10"));
        assert_eq!(judged(&policy, "fe80::1%eth0", Credentials::Null), None);
    }

    #[test]
    fn passwords_and_keys_are_judged_by_what_is_there() {
        let (ann, bob) = (new_secret_key().expect("random").public(), new_secret_key().expect("random").public());
        let nobody = AccessPolicy::new();
        assert_eq!(judged(&nobody, "", plain("secret")), None);
        assert_eq!(judged(&nobody, "", Credentials::Curve { key: ann }), None);
        let policy = nobody.passwords(PlainTable::new([("ann", "secret")]).expect("short")).keys([ann]);
        assert_eq!(judged(&policy, "", plain("secret")).as_deref(), Some("ann"));
        assert_eq!(judged(&policy, "", plain("guess")), None);
        assert_eq!(judged(&policy, "", Credentials::Curve { key: ann }), Some(ann.to_string()));
        assert_eq!(judged(&policy, "", Credentials::Curve { key: bob }), None);
        assert_eq!(judged(&policy.any_key(), "", Credentials::Curve { key: bob }), Some(bob.to_string()));
    }

    #[test]
    fn a_certificate_names_its_owner() {
        let dir = tempfile::tempdir().expect("a directory");
        let key = new_secret_key().expect("random").public();
        let policy = AccessPolicy::new().certificates(CertificateStore::open(dir.path()).expect("readable"));
        assert_eq!(judged(&policy, "", Credentials::Curve { key }), None);
        Certificate::of(key).with("name", "ann").expect("sound").save(dir.path().join("ann")).expect("saved");
        assert_eq!(judged(&policy, "", Credentials::Curve { key }).as_deref(), Some("ann"));
    }
}
