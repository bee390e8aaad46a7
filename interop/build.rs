//! Builds libzmq 4.3.5, drafts included, from the sources that the `zeromq-src` crate carries.
//!
//! `zeromq-src` has a build of its own, but it defines almost none of the feature macros that libzmq's
//! CMake finds on Linux: without eventfd, `accept4` and close-on-exec that library is slower than the
//! one people run, and this one is a yardstick. So the crate is used for its sources only, and
//! [`PLATFORM_HPP`] states what CMake's probes and `ENABLE_DRAFTS=ON` come to on Linux.
//!
//! The optimisation level does not follow the cargo profile: tests and benchmarks meet the same library.
//! CURVE is in it where the system has libsodium (Debian's libsodium-dev); the tests of CURVE say so and pass where it
//! is not. WSS is in it where pkg-config finds GnuTLS (libgnutls28-dev), and `cfg(zmq_wss)` says so. Left out, since each
//! needs another library: PGM, NORM, GSSAPI, VMCI.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// CMake's `platform.hpp.in`, as it is filled in on Linux with glibc or musl.
const PLATFORM_HPP: &str = "\
#ifndef __ZMQ_PLATFORM_HPP_INCLUDED__
#define __ZMQ_PLATFORM_HPP_INCLUDED__
#include <features.h>

#define ZMQ_HAVE_LINUX
#define ZMQ_USE_CV_IMPL_STL11
#define ZMQ_HAVE_NOEXCEPT
#define ZMQ_CACHELINE_SIZE 64

// The I/O threads wait with epoll, zmq_poll with poll.
#define ZMQ_IOTHREAD_POLLER_USE_EPOLL
#define ZMQ_IOTHREAD_POLLER_USE_EPOLL_CLOEXEC
#define ZMQ_POLL_BASED_ON_POLL
#define ZMQ_HAVE_PPOLL

// System calls and headers.
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
#if !defined __GLIBC__ || __GLIBC_PREREQ (2, 38)
#define ZMQ_HAVE_STRLCPY
#endif

// Socket options of the kernel.
#define ZMQ_HAVE_SO_BINDTODEVICE
#define ZMQ_HAVE_SO_PEERCRED
#define ZMQ_HAVE_BUSY_POLL
#define ZMQ_HAVE_SO_KEEPALIVE
#define ZMQ_HAVE_SO_PRIORITY
#define ZMQ_HAVE_TCP_KEEPCNT
#define ZMQ_HAVE_TCP_KEEPIDLE
#define ZMQ_HAVE_TCP_KEEPINTVL
#define ZMQ_HAVE_TCP_KEEPALIVE

// Transports, and the subscription tree of a draft build.
#define ZMQ_HAVE_IPC
#define ZMQ_HAVE_STRUCT_SOCKADDR_UN
#define ZMQ_HAVE_WS
#define ZMQ_USE_BUILTIN_SHA1
#define ZMQ_USE_RADIX_TREE

#endif
";

/// What CMake passes on the command line rather than in `platform.hpp`.
const DEFINES: [&str; 5] = ["NDEBUG", "_GNU_SOURCE", "_REENTRANT", "_THREAD_SAFE", "ZMQ_STATIC"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    assert_eq!(variable("CARGO_CFG_TARGET_OS"), "linux", "the platform macros are those of Linux");

    let vendor = vendored_sources();
    let out = PathBuf::from(variable("OUT_DIR"));
    fs::write(out.join("platform.hpp"), PLATFORM_HPP).expect("OUT_DIR is writable");

    println!("cargo:rustc-check-cfg=cfg(zmq_wss)");
    let gnutls = gnutls();
    if has_sodium() {
        println!("cargo:rustc-link-lib=sodium");
    }
    let sha1 = compiler(&vendor, &out).file(vendor.join("external/sha1/sha1.c")).compile_intermediates();
    let mut build = compiler(&vendor, &out);
    if gnutls.is_some() {
        build.define("ZMQ_HAVE_WSS", None).define("ZMQ_USE_GNUTLS", None);
        println!("cargo:rustc-cfg=zmq_wss");
    }
    let sources = cpp_sources(&vendor, gnutls.is_some());
    build.cpp(true).std("c++11").files(sources).objects(sha1).compile("zmq");
    gnutls.iter().flatten().for_each(|library| println!("cargo:rustc-link-lib={library}"));
    println!("cargo:rustc-link-lib=pthread");
    println!("cargo:rustc-env=LIBZMQ_HEADER={}", vendor.join("include/zmq.h").display());
}

/// The settings shared by the C++ sources and the one C file.
fn compiler(vendor: &Path, out: &Path) -> cc::Build {
    let mut build = cc::Build::new();
    build
        .include(out)
        .include(vendor.join("include"))
        .include(vendor.join("src"))
        .define("ZMQ_BUILD_DRAFT_API", "1")
        .opt_level(2)
        .debug(false)
        .warnings(false)
        .extra_warnings(false)
        .flag("-w");
    for name in DEFINES {
        build.define(name, None);
    }
    if has_sodium() {
        build.define("ZMQ_HAVE_CURVE", None).define("ZMQ_USE_LIBSODIUM", None);
    }
    build
}

/// Whether the system has libsodium where compilers and linkers look.
fn has_sodium() -> bool {
    println!("cargo:rerun-if-changed=/usr/include/sodium.h");
    Path::new("/usr/include/sodium.h").exists()
}

/// The libraries that GnuTLS is, if it is there with its headers.
fn gnutls() -> Option<Vec<String>> {
    let output = Command::new("pkg-config").args(["--libs", "gnutls"]).output().ok()?;
    let flags = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(flags.split_whitespace().filter_map(|flag| flag.strip_prefix("-l")).map(str::to_owned).collect())
}

/// Every source; without the WSS pair where there is no GnuTLS.
fn cpp_sources(vendor: &Path, wss: bool) -> Vec<PathBuf> {
    let directory = fs::read_dir(vendor.join("src")).expect("zeromq-src carries libzmq's sources");
    let mut sources: Vec<PathBuf> = directory
        .map(|entry| entry.expect("a readable directory entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cpp"))
        .filter(|path| !path.file_name().is_some_and(|name| !wss && name.to_string_lossy().starts_with("wss_")))
        .collect();
    sources.sort();
    sources
}

/// Asks cargo where it unpacked `zeromq-src`, which works for registries, mirrors and vendored trees alike.
fn vendored_sources() -> PathBuf {
    // Cargo describes the whole workspace, of which another member may need a package that nothing has asked
    // for yet: then, and only then, it must be allowed to fetch.
    let metadata = metadata(&["--offline"]).or_else(|_| metadata(&[])).unwrap_or_else(|error| panic!("{error}"));
    let manifest = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "zeromq-src")
        .and_then(|package| package["manifest_path"].as_str())
        .expect("zeromq-src is a build dependency of this crate");
    Path::new(manifest).with_file_name("vendor")
}

fn metadata(options: &[&str]) -> Result<serde_json::Value, String> {
    let output = Command::new(variable("CARGO"))
        .args(["metadata", "--format-version", "1", "--filter-platform"])
        .arg(variable("TARGET"))
        .args(options)
        .current_dir(variable("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata prints no JSON: {error}"))
}

/// A variable that cargo sets for every build script.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}
