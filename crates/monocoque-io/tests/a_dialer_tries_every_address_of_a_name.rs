//! A name of two addresses is reached at whichever of them somebody listens.

mod common;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::process::Command;

use common::{Teller, child, drivers, is_child, shared, succeed};
use monocoque_io::{DialConfig, SocketTuning};

/// The hosts of a private `/etc/hosts`: no machine's own can be relied upon to have a name of two addresses.
const HOSTS: &str = "127.0.0.1 both.test\n::1 both.test\n";

#[test]
fn whichever_that_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let hosts = directory.path().join("hosts");
    std::fs::write(&hosts, HOSTS).expect("writable");
    let test = child("in_a_namespace_where_a_name_has_two_addresses");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", r#"mount --bind "$0" /etc/hosts && exec "$@""#]);
    command.arg(&hosts);
    if !Command::new("unshare").args(["--map-root-user", "--mount", "true"]).status().is_ok_and(|done| done.success()) {
        eprintln!("skipped: this machine does not let us have an /etc/hosts of our own");
        return;
    }
    command.arg(test.get_program()).args(test.get_args());
    command.envs(test.get_envs().filter_map(|(key, value)| Some((key, value?))));
    succeed(command);
}

#[test]
#[ignore = "started by the test above"]
fn in_a_namespace_where_a_name_has_two_addresses() {
    if !is_child() {
        return;
    }
    let known = ("both.test", 1).to_socket_addrs().expect("in our hosts").count();
    assert_eq!(known, 2);
    for driver in drivers() {
        for host in [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))] {
            let listener = TcpListener::bind(host).expect("free");
            let port = listener.local_addr().expect("bound").port();
            let (teller, story) = Teller::new();
            let placement = shared(driver);
            let endpoint = format!("tcp://both.test:{port}").parse().expect("well formed");
            let tuning = SocketTuning { ipv6: true, ..SocketTuning::default() };
            let config = DialConfig { tuning, ..DialConfig::default() };
            let _dialing = teller.dial_with(&placement, &endpoint, config);
            let (_peer, _) = listener.accept().expect("dialed");
            story.ready();
        }
    }
}
