//! Every endpoint prints to a text that parses back to it, and no text causes a panic.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use monocoque_core::endpoint::{Endpoint, Host, HostPort, InprocName, IpcEndpoint, TcpEndpoint};
use proptest::prelude::*;

fn host() -> impl Strategy<Value = Host> {
    let scope = proptest::option::of("[a-z][a-z0-9._-]{0,14}|[1-9][0-9]{0,8}");
    prop_oneof![
        Just(Host::Any),
        any::<Ipv4Addr>().prop_map(Host::V4),
        (any::<Ipv6Addr>(), scope).prop_map(|(addr, scope)| Host::V6 { addr, scope }),
        "[a-zA-Z][a-zA-Z0-9._-]{0,200}".prop_map(Host::Name),
    ]
}

fn host_port() -> impl Strategy<Value = HostPort> {
    let built = (host(), any::<u16>()).prop_map(|(host, port)| HostPort::new(host, port).unwrap());
    prop_oneof![built, any::<SocketAddr>().prop_map(HostPort::from)]
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let tcp = (proptest::option::of(host_port()), host_port()).prop_map(|(source, target)| {
        let tcp = TcpEndpoint::new(target);
        Endpoint::Tcp(source.into_iter().fold(tcp, TcpEndpoint::with_source))
    });
    let ipc = prop_oneof![
        Just(IpcEndpoint::Any),
        "[^\0*@][^\0]{0,25}".prop_map(|path| IpcEndpoint::path(path).unwrap()),
        "[^\0]{1,26}".prop_map(|name| IpcEndpoint::abstract_name(&name).unwrap()),
    ];
    let inproc = "[^\0]{1,64}".prop_map(|name| InprocName::new(name).unwrap());
    prop_oneof![tcp, ipc.prop_map(Endpoint::Ipc), inproc.prop_map(Endpoint::Inproc)]
}

/// Texts of the right characters, so that many of them parse.
fn likely() -> impl Strategy<Value = String> {
    let tcp = r"tcp://([\[\]:;%*.a-f0-2]{0,12};)?[\[\]:%*.a-f0-2]{0,12}(:[0-9*]{1,5})?";
    prop_oneof![tcp, r"(ipc|inproc|ws|x)?(://)?[*@\PC]{0,300}"]
}

fn check(text: &str) -> Result<(), TestCaseError> {
    match text.parse::<Endpoint>() {
        Ok(endpoint) => {
            let _ = (endpoint.check_bind(), endpoint.check_connect());
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
        Err(error) => prop_assert!(!error.to_string().contains('\0'), "{}", error.part()),
    }
    Ok(())
}

proptest! {
    #[test]
    fn built_endpoints_round_trip(endpoint in endpoint()) {
        prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
    }

    #[test]
    fn likely_texts_round_trip_or_are_refused(text in likely()) {
        check(&text)?;
    }

    #[test]
    fn arbitrary_texts_round_trip_or_are_refused(text in any::<String>()) {
        check(&text)?;
    }
}
