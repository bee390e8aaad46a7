//! libzmq itself, built from the same sources, to compare with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::tree::{Tree, sodium};
use super::{in_parallel, must};

/// A folder that holds it.
pub fn build(tree: &Tree, jobs: usize) -> io::Result<PathBuf> {
    let folder = tree.folder.join("reference");
    let library = folder.join("libzmq.so.5");
    if library.exists() {
        return Ok(folder);
    }
    fs::create_dir_all(&folder)?;
    println!("building libzmq itself");
    let sources = sources(&tree.vendor)?;
    let objects = in_parallel(&sources, jobs, |source| compile(tree, source, &folder));
    let objects = objects.into_iter().collect::<io::Result<Vec<_>>>()?;
    let mut link = tree.compiler();
    link.args(["-shared", "-Wl,-soname,libzmq.so.5", "-o"]).arg(&library).args(objects);
    link.args(sodium().unwrap_or_default());
    must(&mut link)?;
    Ok(folder)
}

/// All but what needs GnuTLS.
fn sources(vendor: &Path) -> io::Result<Vec<PathBuf>> {
    let mut sources = vec![vendor.join("external/sha1/sha1.c")];
    for entry in fs::read_dir(vendor.join("src"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".cpp") && !name.starts_with("wss_") {
            sources.push(path);
        }
    }
    Ok(sources)
}

fn compile(tree: &Tree, source: &Path, folder: &Path) -> io::Result<PathBuf> {
    let object = folder.join(source.file_name().expect("a file has a name")).with_extension("o");
    let mut compiler = tree.compiler();
    compiler.args(["-O2", "-fPIC", "-DNDEBUG", "-DZMQ_HAVE_WS"]);
    if sodium().is_some() {
        compiler.arg("-DZMQ_USE_LIBSODIUM");
    }
    compiler.arg("-I").arg(tree.vendor.join("src")).arg("-c").arg(source).arg("-o").arg(&object);
    must(&mut compiler)?;
    Ok(object)
}
