//! The library that stands in for libzmq: built, and laid out as its packages have it.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What the file is called that the names with fewer numbers point to.
const SHARED: &str = "libzmq.so.5.2.5";
const VERSION: &str = "4.3.5";
/// What a program that links the static library needs beside it.
const PRIVATE_LIBS: &str = "-lpthread -ldl -lm -lgcc_s";

/// Where `prefix` has what.
struct Layout {
    lib: PathBuf,
    include: PathBuf,
}

/// Builds the library, optimised, and installs it with its headers below `prefix`.
pub fn install(prefix: &Path) -> io::Result<ExitCode> {
    let layout = Layout { lib: prefix.join("lib"), include: prefix.join("include") };
    let built = build()?;
    for folder in [&layout.lib, &layout.include, &layout.lib.join("pkgconfig"), &layout.lib.join("cmake/ZeroMQ")] {
        fs::create_dir_all(folder)?;
    }
    copy_anew(&built.join("libmonocoque_libzmq.so"), &layout.lib.join(SHARED))?;
    copy_anew(&built.join("libmonocoque_libzmq.a"), &layout.lib.join("libzmq.a"))?;
    for name in ["libzmq.so.5", "libzmq.so"] {
        link_anew(SHARED, &layout.lib.join(name))?;
    }
    for header in ["zmq.h", "zmq_utils.h"] {
        fs::copy(root().join("crates/monocoque-libzmq/include").join(header), layout.include.join(header))?;
    }
    let prefix = fs::canonicalize(prefix)?;
    fs::write(layout.lib.join("pkgconfig/libzmq.pc"), pkg_config(&prefix))?;
    fs::write(layout.lib.join("cmake/ZeroMQ/ZeroMQConfig.cmake"), CMAKE_CONFIG)?;
    fs::write(layout.lib.join("cmake/ZeroMQ/ZeroMQConfigVersion.cmake"), CMAKE_VERSION)?;
    println!("installed libzmq {VERSION} below {}", prefix.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds the library, optimised; the folder that it is in.
pub fn build() -> io::Result<PathBuf> {
    let done = cargo().args(["build", "--release", "--package", "monocoque-libzmq"]).status()?;
    if !done.success() {
        return Err(io::Error::other("the library does not build"));
    }
    Ok(target_folder()?.join("release"))
}

/// Cargo on this workspace.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// The repository: where cargo runs this from, since a build for one clone serves another that has its target directory.
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&here).parent().expect("xtask lies in the repository").to_owned()
}

/// What cargo tells of the workspace and its packages.
pub fn metadata() -> io::Result<serde_json::Value> {
    let output = cargo().args(["metadata", "--format-version", "1"]).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(io::Error::other)
}

/// Where cargo puts what it builds.
pub fn target_folder() -> io::Result<PathBuf> {
    let folder = metadata()?["target_directory"].as_str().map(PathBuf::from);
    folder.ok_or_else(|| io::Error::other("cargo tells no target folder"))
}

/// Programs may run with the old file: it must not be written into.
fn copy_anew(from: &Path, to: &Path) -> io::Result<()> {
    remove(to)?;
    fs::copy(from, to).map(drop)
}

fn link_anew(to: &str, link: &Path) -> io::Result<()> {
    remove(link)?;
    symlink(to, link)
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn pkg_config(prefix: &Path) -> String {
    format!(
        "prefix={}\nlibdir=${{prefix}}/lib\nincludedir=${{prefix}}/include\n\nName: libzmq\nDescription: The C interface \
         of libzmq, by Monocoque\nVersion: {VERSION}\nLibs: -L${{libdir}} -lzmq\nLibs.private: {PRIVATE_LIBS}\nCflags: \
         -I${{includedir}}\n",
        prefix.display()
    )
}

const CMAKE_CONFIG: &str = "\
get_filename_component(_zmq_prefix \"${CMAKE_CURRENT_LIST_DIR}/../../..\" ABSOLUTE)
set(ZeroMQ_INCLUDE_DIR \"${_zmq_prefix}/include\")
set(ZeroMQ_LIBRARY libzmq)
set(ZeroMQ_STATIC_LIBRARY libzmq-static)
set(ZeroMQ_FOUND TRUE)
if(NOT TARGET libzmq)
  add_library(libzmq SHARED IMPORTED)
  set_target_properties(libzmq PROPERTIES
    IMPORTED_LOCATION \"${_zmq_prefix}/lib/libzmq.so.5\"
    IMPORTED_SONAME \"libzmq.so.5\"
    INTERFACE_INCLUDE_DIRECTORIES \"${ZeroMQ_INCLUDE_DIR}\")
endif()
if(NOT TARGET libzmq-static)
  add_library(libzmq-static STATIC IMPORTED)
  set_target_properties(libzmq-static PROPERTIES
    IMPORTED_LOCATION \"${_zmq_prefix}/lib/libzmq.a\"
    INTERFACE_INCLUDE_DIRECTORIES \"${ZeroMQ_INCLUDE_DIR}\"
    INTERFACE_LINK_LIBRARIES \"pthread;dl;m;gcc_s\")
endif()
";

const CMAKE_VERSION: &str = "\
set(PACKAGE_VERSION \"4.3.5\")
if(PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE FALSE)
else()
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
  if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
  endif()
endif()
";
