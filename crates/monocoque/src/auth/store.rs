//! A directory of certificates, read again when it changes.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use monocoque_core::sync::Mutex;
use monocoque_zmtp::PublicKey;

use super::certificate::{Certificate, CertificateError};

/// The certificates in a directory, by their public keys. Clones are the same store.
///
/// Each look compares the files' names, sizes and times with those of the last one: a certificate that is added or
/// removed counts from the next handshake on, one that is changed in place within a second. The directory should be on a
/// local disk, and other people not be able to write there.
#[derive(Debug, Clone)]
pub struct CertificateStore {
    path: Arc<Path>,
    kept: Arc<Mutex<Kept>>,
}

/// How old a look at the files may be, if none was added or removed since. Strangers can have the store asked as often as they
/// connect, and it is asked on an I/O thread.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Two changes of a directory within the clock of its file system have one time.
const CLOCK_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
struct Kept {
    /// The files that the certificates are of; `None` to read them again.
    files: Option<Vec<Stamp>>,
    /// The last look, and the time of the directory then.
    looked: Option<(Instant, SystemTime)>,
    certificates: HashMap<PublicKey, Certificate>,
    faults: Vec<(PathBuf, CertificateError)>,
}

/// By what it is seen that a file has changed.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    path: PathBuf,
    bytes: u64,
    modified: SystemTime,
}

impl CertificateStore {
    /// The store of the directory at `path`.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let store = Self { path: path.as_ref().into(), kept: Arc::default() };
        store.look(&mut store.kept.lock())?;
        Ok(store)
    }

    /// The certificate of `key`, if it is there now. Of a directory that cannot be read any more, none is.
    pub fn find(&self, key: &PublicKey) -> Option<Certificate> {
        let mut kept = self.kept.lock();
        if self.look(&mut kept).is_err() {
            *kept = Kept::default();
        }
        kept.certificates.get(key).cloned()
    }

    /// Files that were no certificates at the last look, and why.
    pub fn faults(&self) -> Vec<(PathBuf, String)> {
        self.kept.lock().faults.iter().map(|(path, fault)| (path.clone(), fault.to_string())).collect()
    }

    fn look(&self, kept: &mut Kept) -> io::Result<()> {
        let (now, changed) = (Instant::now(), fs::metadata(&self.path)?.modified()?);
        if kept.looked.is_some_and(|(at, then)| then == changed && now.duration_since(at) < LOOK_INTERVAL) {
            return Ok(());
        }
        // What is looked at while it changes is looked at again.
        let is_settled = changed.elapsed().is_ok_and(|age| age > CLOCK_INTERVAL);
        kept.looked = is_settled.then_some((now, changed));
        let files = stamps(&self.path)?;
        if kept.files.as_ref() == Some(&files) {
            return Ok(());
        }
        (kept.certificates, kept.faults) = (HashMap::new(), Vec::new());
        let mut are_read = true;
        for file in &files {
            match Certificate::load(&file.path) {
                Ok(certificate) => drop(kept.certificates.insert(certificate.public(), certificate)),
                Err(fault) => {
                    // It may be the system's fault and not the file's: without descriptors, say. What is no text stays so.
                    are_read &=
                        !matches!(&fault, CertificateError::Io(error) if error.kind() != io::ErrorKind::InvalidData);
                    kept.faults.push((file.path.clone(), fault));
                }
            }
        }
        // What could not be read is tried again at the next look.
        kept.files = are_read.then_some(files);
        Ok(())
    }
}

/// The files of a directory, in order.
fn stamps(directory: &Path) -> io::Result<Vec<Stamp>> {
    let mut stamps = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // One that goes away meanwhile is not there.
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if metadata.is_file() {
            stamps.push(Stamp { path: entry.path(), bytes: metadata.len(), modified: metadata.modified()? });
        }
    }
    stamps.sort();
    Ok(stamps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::new_secret_key;

    fn certificate() -> Certificate {
        Certificate::of(new_secret_key().expect("random bytes").public())
    }

    #[test]
    fn what_is_added_is_found_and_what_is_removed_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let (ann, bob) = (certificate(), certificate());
        ann.save(dir.path().join("ann")).expect("saved");
        let store = CertificateStore::open(dir.path()).expect("readable");
        assert_eq!((store.find(&ann.public()), store.find(&bob.public())), (Some(ann.clone()), None));
        bob.save(dir.path().join("bob")).expect("saved");
        assert_eq!(store.find(&bob.public()), Some(bob.clone()));
        fs::remove_file(dir.path().join("ann")).expect("ours");
        assert_eq!((store.find(&ann.public()), store.find(&bob.public())), (None, Some(bob)));
    }

    #[test]
    fn what_is_no_certificate_is_told_and_a_lost_directory_has_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let ann = certificate();
        ann.save(dir.path().join("ann")).expect("saved");
        fs::write(dir.path().join("notes"), "buy milk").expect("written");
        let store = CertificateStore::open(dir.path()).expect("readable");
        let faults = store.faults();
        assert_eq!((faults.len(), faults[0].0.file_name()), (1, Some("notes".as_ref())));
        assert!(store.find(&ann.public()).is_some());
        fs::write(dir.path().join("noise"), [0xff; 9]).expect("written");
        assert!(store.find(&ann.public()).is_some());
        assert_eq!(store.faults().len(), 2);
        for name in ["ann", "notes", "noise"] {
            fs::remove_file(dir.path().join(name)).expect("ours");
        }
        assert_eq!((store.find(&ann.public()), store.faults().len()), (None, 0));
        drop(dir);
        assert!(store.find(&ann.public()).is_none());
        assert!(CertificateStore::open("/nowhere/at/all").is_err());
    }
}
