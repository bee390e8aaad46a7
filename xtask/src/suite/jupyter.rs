//! A Jupyter kernel and its clients, from PyPI, with the pyzmq that [`pyzmq`](super::pyzmq) has built.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Args;

use super::must;
use super::pyzmq::Python;
use super::tree::Tree;

const PACKAGES: &[&str] = &["ipykernel==7.4.0", "jupyter_client==8.10.0", "nbclient==0.11.0", "nbformat==5.11.1"];
/// What they do, and what is expected of it.
const SCRIPT: &str = include_str!("jupyter.py");
/// The script has a deadline of its own, which tells more.
const LIMIT_S: &str = "170";

/// What `cargo xtask jupyter` is told.
#[derive(Debug, Args)]
pub struct Options {
    /// A folder with another libzmq.so.5 to run on instead of ours.
    #[arg(long, value_name = "DIR")]
    lib: Option<PathBuf>,
}

/// Installs them beside pyzmq, and runs the script; fails where it does.
pub fn run(options: &Options) -> io::Result<ExitCode> {
    let tree = Tree::new(options.lib.clone())?;
    let python = Python::new(&tree)?;
    // Never another pyzmq: a wheel brings its own libzmq.
    must(python.pip().args(["--no-binary", "pyzmq"]).args(PACKAGES))?;
    let folder = tree.folder.with_file_name("jupyter");
    fs::create_dir_all(&folder)?;
    let script = folder.join("jupyter.py");
    fs::write(&script, SCRIPT)?;
    let mut timeout = Command::new("timeout");
    timeout.args(["--signal=KILL", LIMIT_S]).arg(&python.python).arg(&script).arg(tree.ours.join("libzmq.so.5"));
    // Settings and history of whoever runs this are left alone.
    for name in ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"] {
        timeout.env(name, folder.join(name.to_lowercase()));
    }
    let status = timeout.current_dir(&folder).env("LD_LIBRARY_PATH", &tree.ours).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
