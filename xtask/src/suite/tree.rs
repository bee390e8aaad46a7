//! Where a suite is built: libzmq's tests and perf programs, taken from the package that cargo has fetched, beside our header.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::must;
use crate::libzmq::{build, metadata, root, target_folder};

/// The package that carries libzmq's sources.
const PACKAGE: &str = "zeromq-src";

/// What CMake's probes come to on Linux, and which tests apply.
pub const PLATFORM: &str = "\
#pragma once
#define ZMQ_HAVE_LINUX
#define ZMQ_USE_CV_IMPL_STL11
#define ZMQ_HAVE_NOEXCEPT
#define ZMQ_CACHELINE_SIZE 64
#define ZMQ_IOTHREAD_POLLER_USE_EPOLL
#define ZMQ_IOTHREAD_POLLER_USE_EPOLL_CLOEXEC
#define ZMQ_POLL_BASED_ON_POLL
#define ZMQ_HAVE_PPOLL
#define ZMQ_HAVE_EVENTFD
#define ZMQ_HAVE_EVENTFD_CLOEXEC
#define ZMQ_HAVE_IFADDRS
#define ZMQ_HAVE_UIO
#define ZMQ_HAVE_O_CLOEXEC
#define ZMQ_HAVE_SOCK_CLOEXEC
#define HAVE_ACCEPT4
#define HAVE_CLOCK_GETTIME
#define HAVE_FORK
#define HAVE_IF_NAMETOINDEX
#define HAVE_MKDTEMP
#define HAVE_POSIX_MEMALIGN 1
#define HAVE_STRNLEN
#define ZMQ_HAVE_PTHREAD_SETNAME_2
#define ZMQ_HAVE_PTHREAD_SET_AFFINITY
#define ZMQ_HAVE_SO_BINDTODEVICE
#define ZMQ_HAVE_SO_PEERCRED
#define ZMQ_HAVE_BUSY_POLL
#define ZMQ_HAVE_SO_KEEPALIVE
#define ZMQ_HAVE_SO_PRIORITY
#define ZMQ_HAVE_TCP_KEEPCNT
#define ZMQ_HAVE_TCP_KEEPIDLE
#define ZMQ_HAVE_TCP_KEEPINTVL
#define ZMQ_HAVE_IPC
#define ZMQ_HAVE_STRUCT_SOCKADDR_UN
#define ZMQ_HAVE_CURVE
#define ZMQ_USE_BUILTIN_SHA1
#define ZMQ_USE_RADIX_TREE
";

/// A folder to build in.
#[derive(Debug)]
pub struct Tree {
    /// `tests`, `perf`, `src` and `external` of libzmq, and `include`, which is ours.
    pub folder: PathBuf,
    /// Of libzmq, as cargo has it.
    pub vendor: PathBuf,
    /// Holds our library, by the names that libzmq's has.
    pub ours: PathBuf,
}

impl Tree {
    /// Lays it out; builds our library unless `library` says where one is.
    pub fn new(library: Option<PathBuf>) -> io::Result<Self> {
        let folder = target_folder()?.join("libzmq-suite");
        let vendor = vendor()?;
        for name in ["tests", "perf"] {
            copy_all(&vendor.join(name), &folder.join(name))?;
        }
        for name in ["src", "external"] {
            let link = folder.join(name);
            if fs::symlink_metadata(&link).is_err() {
                symlink(vendor.join(name), link)?;
            }
        }
        copy_all(&root().join("crates/monocoque-libzmq/include"), &folder.join("include"))?;
        write_if_new(&folder.join("include/platform.hpp"), PLATFORM)?;
        let ours = match library {
            Some(library) => fs::canonicalize(library)?,
            None => named(&build()?.join("libmonocoque_libzmq.so"), &folder.join("ours"))?,
        };
        Ok(Self { folder, vendor, ours })
    }

    /// A compiler of C++, with what all programs need.
    pub fn compiler(&self) -> Command {
        let mut compiler = Command::new(std::env::var_os("CXX").unwrap_or_else(|| "g++".into()));
        compiler.args(["-O1", "-w", "-pthread", "-D_GNU_SOURCE", "-DZMQ_CUSTOM_PLATFORM_HPP", "-DZMQ_BUILD_DRAFT_API"]);
        compiler.arg("-I").arg(self.folder.join("include")).current_dir(&self.folder);
        compiler
    }
}

/// Where cargo has libzmq's sources.
fn vendor() -> io::Result<PathBuf> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let manifest =
        packages.filter(|package| package["name"] == PACKAGE).find_map(|package| package["manifest_path"].as_str());
    let manifest = manifest.ok_or_else(|| io::Error::other(format!("no package needs {PACKAGE}")))?;
    Ok(Path::new(manifest).with_file_name("vendor"))
}

/// A folder where the library `file` has the names that programs look for.
pub fn named(file: &Path, folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    for name in ["libzmq.so.5", "libzmq.so"] {
        let to = folder.join(name);
        if fs::symlink_metadata(&to).is_ok() {
            fs::remove_file(&to)?;
        }
        fs::copy(file, to)?;
    }
    Ok(folder.to_owned())
}

/// What `pkg-config` says of libsodium, if it is there.
pub fn sodium() -> Option<Vec<String>> {
    let said = must(Command::new("pkg-config").args(["--cflags", "--libs", "libsodium"])).ok()?;
    Some(said.split_whitespace().map(ToOwned::to_owned).collect())
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.is_file() {
            let text = fs::read(&path)?;
            let copy = to.join(path.file_name().expect("a file has a name"));
            if fs::read(&copy).ok().as_ref() != Some(&text) {
                fs::write(copy, text)?;
            }
        }
    }
    Ok(())
}

fn write_if_new(file: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(file).is_ok_and(|old| old == text) { Ok(()) } else { fs::write(file, text) }
}
