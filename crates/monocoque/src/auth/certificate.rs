//! Certificates: a key pair with what is known of its owner, in files as czmq writes them (zcert, in ZPL, RFC 4).

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use monocoque_zmtp::{KeyError, PublicKey, SecretKey};
use zeroize::Zeroizing;

/// What is added to the name of a public certificate's file for the secret one.
const SECRET_SUFFIX: &str = "_secret";
/// More than any certificate needs; a file that is longer is none.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Whoever may read the owner's files, and nobody else.
const SECRET_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;
const OTHERS: u32 = 0o077;

/// A public key, the secret one if it is ours, and what is known of its owner.
///
/// ```
/// let certificate = monocoque::Certificate::new(monocoque::new_secret_key()?).with("name", "ann")?;
/// let read: monocoque::Certificate = certificate.to_public_text().parse()?;
/// assert_eq!(read.public(), certificate.public());
/// assert_eq!((read.secret(), read.property("name")), (None, Some("ann")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    public: PublicKey,
    secret: Option<SecretKey>,
    metadata: Vec<(String, String)>,
}

/// Why a file is no certificate, or not one to be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It has no public key.
    #[error("there is no public-key under 'curve'")]
    NoKey,
    /// A key is not 40 characters of Z85.
    #[error("the {name}: {source}")]
    Key {
        /// Which one.
        name: &'static str,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The public key is not the one that follows from the secret key.
    #[error("the public key does not belong to the secret key")]
    NoPair,
    /// A name or a value that the file cannot hold: read back, it would be something else.
    #[error("'{0}' is no property: a name has letters, digits and -_.+, a value neither quotes nor line ends")]
    Property(String),
    /// Others than the owner may read the secret key.
    #[error("others may read {path}: its mode is {mode:o}, and should be 600")]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

impl Certificate {
    /// Our own, with its secret key.
    pub fn new(secret: SecretKey) -> Self {
        Self { public: secret.public(), secret: Some(secret), metadata: Vec::new() }
    }

    /// Somebody else's.
    pub fn of(public: PublicKey) -> Self {
        Self { public, secret: None, metadata: Vec::new() }
    }

    /// And this is known of the owner.
    ///
    /// # Errors
    /// [`CertificateError::Property`].
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Result<Self, CertificateError> {
        let (name, value) = (name.into(), value.into());
        let is_name =
            !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "-_.+".contains(char));
        if !is_name || value.contains(['"', '\r', '\n']) {
            return Err(CertificateError::Property(name));
        }
        self.metadata.push((name, value));
        Ok(self)
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The secret key, if it is there.
    pub fn secret(&self) -> Option<&SecretKey> {
        self.secret.as_ref()
    }

    /// What is known of the owner, in order.
    pub fn metadata(&self) -> &[(String, String)] {
        &self.metadata
    }

    /// One of [`metadata`](Self::metadata).
    pub fn property(&self, name: &str) -> Option<&str> {
        self.metadata.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The text of the public file: without the secret key.
    pub fn to_public_text(&self) -> String {
        let mut text = String::from("#   ZeroMQ CURVE public certificate: may be shown to anyone.\n\n");
        self.write(&mut text);
        text
    }

    /// The text of the secret file, if the secret key is there.
    pub fn to_secret_text(&self) -> Option<Zeroizing<String>> {
        let secret = self.secret.as_ref()?;
        let mut text = Zeroizing::new(String::with_capacity(1024));
        text.push_str("#   ZeroMQ CURVE secret certificate: do not show this to anyone.\n\n");
        self.write(&mut text);
        let _ = writeln!(text, "    secret-key = \"{}\"", *secret.to_z85());
        Some(text)
    }

    /// Both keys' common part.
    fn write(&self, text: &mut String) {
        text.push_str("metadata\n");
        for (name, value) in &self.metadata {
            // What was read between single quotes may have double ones.
            let quote = if value.contains('"') { '\'' } else { '"' };
            let _ = writeln!(text, "    {name} = {quote}{value}{quote}");
        }
        let _ = writeln!(text, "curve\n    public-key = \"{}\"", self.public);
    }

    /// Writes the public certificate to `path`, and the secret one, if it is there, beside it with `_secret` added to the
    /// name: readable by the owner only, from its first byte on. Neither may be there already.
    ///
    /// # Errors
    /// [`CertificateError::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), CertificateError> {
        let path = path.as_ref();
        let create = |path: &Path, mode| OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let mut public = create(path, PUBLIC_MODE)?;
        if let Some(text) = self.to_secret_text() {
            // Half a pair is not left behind.
            let secret = create(&secret_path(path), SECRET_MODE).inspect_err(|_| drop(fs::remove_file(path)));
            secret?.write_all(text.as_bytes())?;
        }
        public.write_all(self.to_public_text().as_bytes())?;
        Ok(())
    }

    /// Reads a certificate, public or secret.
    ///
    /// # Errors
    /// [`CertificateError`]; a file with a secret key that others may read is refused.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CertificateError> {
        let path = path.as_ref();
        let file = File::open(path)?;
        let mode = file.metadata()?.mode() & 0o7777;
        let mut text = Zeroizing::new(String::new());
        file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
        let certificate: Self = text.parse()?;
        if certificate.secret.is_some() && mode & OTHERS != 0 {
            return Err(CertificateError::Readable { path: path.to_owned(), mode });
        }
        Ok(certificate)
    }
}

/// Where the secret certificate lies whose public one is at `path`.
fn secret_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SECRET_SUFFIX);
    name.into()
}

impl std::str::FromStr for Certificate {
    type Err = CertificateError;

    fn from_str(text: &str) -> Result<Self, CertificateError> {
        let (mut public, mut secret, mut metadata) = (None, None, Vec::new());
        let mut section = "";
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            if !line.starts_with([' ', '\t']) {
                section = line.trim();
                continue;
            }
            let Some((name, value)) = line.split_once('=') else { continue };
            let (name, value) = (name.trim(), unquoted(value.trim()));
            let key = |name| move |source| CertificateError::Key { name, source };
            match (section, name) {
                ("curve", "public-key") => public = Some(value.parse().map_err(key("public-key"))?),
                ("curve", "secret-key") => secret = Some(value.parse().map_err(key("secret-key"))?),
                ("metadata", _) => metadata.push((name.to_owned(), value.to_owned())),
                _ => {}
            }
        }
        let public: PublicKey = public.ok_or(CertificateError::NoKey)?;
        if secret.as_ref().is_some_and(|secret: &SecretKey| secret.public() != public) {
            return Err(CertificateError::NoPair);
        }
        Ok(Self { public, secret, metadata })
    }
}

/// What stands between quotes, or all of it.
fn unquoted(value: &str) -> &str {
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
    quote.and_then(|quote| value[1..].split_once(quote)).map_or(value, |(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_CZMQ: &str = "#   ****  Generated on 2026-11-28 by CZMQ  ****\n#   ZeroMQ CURVE **Secret** Certificate\n\n\
        metadata\n    name = \"ann # 1\"\n    role = admin\ncurve\n    \
        public-key = \"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"\n    \
        secret-key = \"D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs\"\n";

    #[test]
    fn a_file_of_czmq_is_read_and_written_back() {
        let read: Certificate = OF_CZMQ.parse().expect("sound");
        assert_eq!((read.property("name"), read.property("role")), (Some("ann # 1"), Some("admin")));
        let text = read.to_secret_text().expect("it has a secret");
        assert_eq!(text.parse::<Certificate>().expect("sound"), read);
        assert!(!read.to_public_text().contains("D:)Q"));
    }

    #[test]
    fn each_fault_is_named() {
        let fault = |text: &str| text.parse::<Certificate>().expect_err("unsound").to_string();
        assert_eq!(fault("curve\n    secret-key = \"x\"\n"), "the secret-key: 1 characters are not a multiple of 5");
        assert_eq!(fault("metadata\n    public-key = \"x\"\n"), "there is no public-key under 'curve'");
        let other = OF_CZMQ.replace("Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", &"0".repeat(40));
        assert_eq!(fault(&other), "the public key does not belong to the secret key");
    }

    #[test]
    fn what_would_be_read_back_as_something_else_is_no_property() {
        let certificate: Certificate = OF_CZMQ.parse().expect("sound");
        for (name, value) in [("", "x"), ("a b", "x"), ("a", "x\"\ncurve\n    public-key = \"y"), ("a", "b\"c")] {
            let error = certificate.clone().with(name, value).expect_err("it is refused");
            assert!(matches!(error, CertificateError::Property(told) if told == name));
        }
    }

    #[test]
    fn half_a_pair_is_not_left_behind() {
        let dir = tempfile::tempdir().expect("a directory");
        let certificate: Certificate = OF_CZMQ.parse().expect("sound");
        for there in ["ann", "ann_secret"] {
            fs::write(dir.path().join(there), "another's").expect("ours");
            assert!(certificate.save(dir.path().join("ann")).is_err());
            let files = fs::read_dir(dir.path()).expect("readable").count();
            assert_eq!(files, 1, "only {there}");
            fs::remove_file(dir.path().join(there)).expect("it is still there");
        }
    }

    #[test]
    fn a_secret_is_saved_for_the_owner_only_and_never_over_another() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ann");
        let certificate: Certificate = OF_CZMQ.parse().expect("sound");
        certificate.save(&path).expect("saved");
        let secret = dir.path().join("ann_secret");
        assert_eq!(std::fs::metadata(&secret).expect("there").mode() & 0o777, 0o600);
        assert_eq!(Certificate::load(&secret).expect("sound"), certificate);
        assert_eq!(Certificate::load(&path).expect("sound").secret(), None);
        assert!(matches!(certificate.save(&path), Err(CertificateError::Io(_))));
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o640);
        std::fs::set_permissions(&secret, open).expect("ours");
        assert!(matches!(Certificate::load(&secret), Err(CertificateError::Readable { mode: 0o640, .. })));
    }
}
