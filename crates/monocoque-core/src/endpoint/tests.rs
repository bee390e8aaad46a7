//! One test for each rule of the endpoint grammar.

use super::*;
use EndpointError as E;

fn parse(text: &str) -> Result<Endpoint, EndpointError> {
    text.parse()
}

fn host_of(text: &str) -> Host {
    match parse(text) {
        Ok(Endpoint::Tcp(tcp)) => tcp.target.host,
        other => panic!("{text:?} gave {other:?}"),
    }
}

fn name(text: &str) -> Host {
    Host::Name(text.into())
}

fn v6(addr: &str, scope: Option<&str>) -> Host {
    Host::V6 { addr: addr.parse().unwrap(), scope: scope.map(String::from) }
}

/// Asserts that each text is refused with its error, at the given part.
fn refuses<const N: usize>(part: EndpointPart, cases: [(&str, EndpointError); N]) {
    for (text, error) in cases {
        assert_eq!(parse(text), Err(error.clone()), "{text:?}");
        assert_eq!(error.part(), part, "{text:?}");
    }
}

#[test]
fn prints_one_spelling_for_equal_values() {
    for (text, printed) in [
        ("tcp://127.0.0.1:5556", "tcp://127.0.0.1:5556"),
        ("tcp://*:0", "tcp://*:*"),
        ("tcp://localhost:*", "tcp://localhost:*"),
        ("tcp://[0::0:1]:08080", "tcp://[::1]:8080"),
        ("tcp://::1:5555", "tcp://[::1]:5555"),
        ("tcp://[192.168.1.1]:5555", "tcp://192.168.1.1:5555"),
        ("tcp://fe80::1%eth0:9", "tcp://[fe80::1%eth0]:9"),
        ("tcp://127.0.0.1:0;localhost:1234", "tcp://127.0.0.1:*;localhost:1234"),
        ("ipc://@tmp-tester", "ipc://@tmp-tester"),
        ("ipc:///tmp/feeds/0", "ipc:///tmp/feeds/0"),
        ("ipc://*", "ipc://*"),
        ("inproc://#1", "inproc://#1"),
        ("ws://127.0.0.1:80", "ws://127.0.0.1:80/"),
        ("ws://*:*/zeromq", "ws://*:*/zeromq"),
        ("wss://::1:443/a/b?c=d", "wss://[::1]:443/a/b?c=d"),
    ] {
        let endpoint = parse(text).unwrap();
        assert_eq!(endpoint.to_string(), printed);
        assert_eq!(parse(printed), Ok(endpoint));
    }
}

#[test]
fn scheme_must_be_one_of_ours() {
    refuses(
        EndpointPart::Scheme,
        [
            ("", E::MissingScheme(String::new())),
            ("localhost:5555", E::MissingScheme("localhost:5555".into())),
            ("://localhost:5555", E::MissingScheme("://localhost:5555".into())),
            ("tcp:/localhost:5555", E::MissingScheme("tcp:/localhost:5555".into())),
            ("invalid://", E::UnknownTransport("invalid".into())),
            ("TCP://localhost:5555", E::UnknownTransport("TCP".into())),
            (" tcp://localhost:5555", E::UnknownTransport(" tcp".into())),
        ],
    );
    for scheme in UNAVAILABLE {
        let error = parse(&format!("{scheme}://x:1")).unwrap_err();
        assert_eq!(error, E::TransportUnavailable(scheme.into()));
        assert_eq!(error.part(), EndpointPart::Scheme);
    }
}

#[test]
fn tcp_host_is_told_by_its_form() {
    assert_eq!(host_of("tcp://*:1"), Host::Any);
    assert_eq!(host_of("tcp://[*]:1"), Host::Any);
    assert_eq!(host_of("tcp://10.0.0.255:1"), Host::V4([10, 0, 0, 255].into()));
    for text in ["localhost", "eth0.100", "my_service", "br-lan", "example.com.", "127.1", "010.0.0.1", "1..2.3"] {
        assert_eq!(host_of(&format!("tcp://{text}:1")), name(text));
        assert_eq!(host_of(&format!("tcp://[{text}]:1")), name(text));
    }
}

#[test]
fn tcp_v6_needs_no_brackets_and_splits_at_the_last_colon() {
    assert_eq!(host_of("tcp://[1234::1]:80"), v6("1234::1", None));
    assert_eq!(host_of("tcp://abcd:1234::1:0:234:123"), v6("abcd:1234::1:0:234", None));
    assert_eq!(host_of("tcp://[fe80::1%eth0]:80"), v6("fe80::1", Some("eth0")));
    assert_eq!(host_of("tcp://3000:4:5::1:234%2:1111"), v6("3000:4:5::1:234", Some("2")));
    assert_eq!(host_of("tcp://[::ffff:1.2.3.4]:1"), v6("::ffff:1.2.3.4", None));
}

#[test]
fn tcp_host_must_be_a_name_or_an_address() {
    let long = "a".repeat(HOST_BYTES_MAX + 1);
    let too_long = E::HostTooLong { host: long.clone(), bytes: 255, max: 254 };
    refuses(
        EndpointPart::Host,
        [
            ("tcp://", E::EmptyHost),
            ("tcp://:5555", E::EmptyHost),
            ("tcp://[]:5555", E::EmptyHost),
            ("tcp://in val id:1234", E::BadHost("in val id".into())),
            ("tcp://-x:1", E::BadHost("-x".into())),
            ("tcp://user@host:1", E::BadHost("user@host".into())),
            ("tcp://münchen.de:1", E::BadHost("münchen.de".into())),
            ("tcp://a\0b:1", E::BadHost("a\0b".into())),
            ("tcp://**:1", E::BadHost("**".into())),
            ("tcp://host%lo0:1", E::BadHost("host%lo0".into())),
            ("tcp://1.2.3.4]:1", E::BadHost("1.2.3.4]".into())),
            ("tcp://[1.2.128].129:1", E::BadHost("[1.2.128].129".into())),
            (&format!("tcp://{long}:1"), too_long),
            ("tcp://127.0.0.256:1", E::BadIpv4("127.0.0.256".into())),
            ("tcp://0.0.99999999999999999999.0:1", E::BadIpv4("0.0.99999999999999999999.0".into())),
        ],
    );
    assert!(parse(&format!("tcp://{}:1", &long[1..])).is_ok());
}

#[test]
fn tcp_v6_must_be_whole() {
    refuses(
        EndpointPart::Host,
        [
            ("tcp://[::1", E::UnclosedBracket("[::1".into())),
            ("tcp://[::1:5555", E::UnclosedBracket("[::1:5555".into())),
            ("tcp://::1", E::BadIpv6(":".into())),
            ("tcp://[::g]:1", E::BadIpv6("::g".into())),
            ("tcp://::1]:1", E::BadIpv6("::1]".into())),
            ("tcp://eth0:1:5555", E::BadIpv6("eth0:1".into())),
            ("tcp://[::1]:5:6", E::BadIpv6("[::1]:5".into())),
            ("tcp://[fe80::1%]:1", E::BadScope(String::new())),
            ("tcp://[fe80::1%0]:1", E::BadScope("0".into())),
            ("tcp://[fe80::1%4294967296]:1", E::BadScope("4294967296".into())),
            ("tcp://[fe80::1%a b]:1", E::BadScope("a b".into())),
            ("tcp://[fe80::1%sixteen-is-over.]:1", E::BadScope("sixteen-is-over.".into())),
        ],
    );
    assert!(parse("tcp://[fe80::1%fifteen-is-fine]:1").is_ok());
}

#[test]
fn tcp_port_is_a_number_or_a_star() {
    refuses(
        EndpointPart::Port,
        [
            ("tcp://localhost", E::MissingPort("localhost".into())),
            ("tcp://localhost:", E::MissingPort("localhost:".into())),
            ("tcp://[::1]", E::MissingPort("[::1]".into())),
            ("tcp://[::1]5555", E::MissingPort("[::1]5555".into())),
            ("tcp://[192.168.1.1:5555]", E::MissingPort("[192.168.1.1:5555]".into())),
            ("tcp://localhost:invalid", E::BadPort("invalid".into())),
            ("tcp://localhost:65536", E::BadPort("65536".into())),
            ("tcp://localhost:+5", E::BadPort("+5".into())),
            ("tcp://localhost:-5", E::BadPort("-5".into())),
            ("tcp://localhost:5 ", E::BadPort("5 ".into())),
            ("tcp://localhost:5555/x", E::BadPort("5555/x".into())),
            ("tcp://localhost:567bad", E::BadPort("567bad".into())),
        ],
    );
    assert_eq!(parse("tcp://x:65535").unwrap().to_string(), "tcp://x:65535");
}

#[test]
fn tcp_source_comes_before_the_last_semicolon() {
    let Ok(Endpoint::Tcp(tcp)) = parse("tcp://lo:5555;localhost:1235") else { panic!() };
    assert_eq!(tcp.source(), Some(&HostPort { host: name("lo"), port: 5555 }));
    assert_eq!(tcp.target(), &HostPort { host: name("localhost"), port: 1235 });
    let inside = |error: EndpointError| E::BadSource(Box::new(error));
    refuses(
        EndpointPart::Source,
        [
            ("tcp://;localhost:1", inside(E::EmptyHost)),
            ("tcp://lo;localhost:1", inside(E::MissingPort("lo".into()))),
            ("tcp://lo:x;localhost:1", inside(E::BadPort("x".into()))),
            ("tcp://a:1;b:2;c:3", inside(E::BadIpv6("a:1;b".into()))),
        ],
    );
    refuses(EndpointPart::Host, [("tcp://lo:1;", E::EmptyHost)]);
}

#[test]
fn ipc_is_a_path_an_abstract_name_or_a_star() {
    let ipc = |text: &str| parse(text).unwrap();
    assert_eq!(ipc("ipc://a b;*"), Endpoint::Ipc(IpcEndpoint::Path("a b;*".into())));
    assert_eq!(ipc("ipc:///tmp/x"), Endpoint::Ipc(IpcEndpoint::Path("/tmp/x".into())));
    assert_eq!(ipc("ipc://@@x"), Endpoint::Ipc(IpcEndpoint::Abstract("@x".into())));
    assert_eq!(ipc("ipc://*"), Endpoint::Ipc(IpcEndpoint::Any));
    let long = "@".repeat(IPC_BYTES_MAX + 1);
    let nul = E::NulByte { part: EndpointPart::Path, text: "a\0b".into() };
    refuses(
        EndpointPart::Path,
        [
            ("ipc://", E::EmptyPath),
            ("ipc://@", E::EmptyAbstractName),
            ("ipc://*x", E::BadPath("*x".into())),
            ("ipc://a\0b", nul),
            (&format!("ipc://{long}"), E::PathTooLong { path: long.clone(), bytes: 108, max: 107 }),
        ],
    );
    assert!(parse(&format!("ipc://{}", &long[1..])).is_ok());
}

#[test]
fn inproc_name_has_a_length_and_no_zero_byte() {
    let Ok(Endpoint::Inproc(odd)) = parse("inproc:// ://ü") else { panic!() };
    assert_eq!(odd.as_str(), " ://ü");
    let long = "n".repeat(INPROC_BYTES_MAX + 1);
    let nul = E::NulByte { part: EndpointPart::Name, text: "\0".into() };
    refuses(
        EndpointPart::Name,
        [
            ("inproc://", E::EmptyName),
            ("inproc://\0", nul),
            (
                &format!("inproc://{long}"),
                E::NameTooLong { name: long.clone(), bytes: INPROC_BYTES_MAX + 1, max: INPROC_BYTES_MAX },
            ),
        ],
    );
    assert!(parse(&format!("inproc://{}", &long[1..])).is_ok());
}

#[test]
fn bind_takes_wildcards_but_no_source() {
    for text in ["tcp://*:*", "tcp://lo:0", "tcp://a:1", "ipc://*", "ipc://@a", "inproc://a"] {
        assert_eq!(parse(text).unwrap().check_bind(), Ok(()), "{text}");
    }
    let error = parse("tcp://lo:1;b:2").unwrap().check_bind().unwrap_err();
    assert_eq!(error, E::SourceOnBind("tcp://lo:1;b:2".into()));
    assert_eq!(error.part(), EndpointPart::Source);
}

#[test]
fn connect_takes_a_source_but_no_wildcards() {
    for text in ["tcp://*:*;b:2", "tcp://lo:0;[::1]:2", "tcp://a:1", "ipc://a", "inproc://a"] {
        assert_eq!(parse(text).unwrap().check_connect(), Ok(()), "{text}");
    }
    for (text, part) in [
        ("tcp://*:1", EndpointPart::Host),
        ("tcp://*:*", EndpointPart::Host),
        ("tcp://a:*", EndpointPart::Port),
        ("tcp://lo:1;a:*", EndpointPart::Port),
        ("ipc://*", EndpointPart::Path),
    ] {
        let error = parse(text).unwrap().check_connect().unwrap_err();
        assert_eq!(error, E::WildcardConnect { part, endpoint: text.into() });
        assert_eq!(error.part(), part);
    }
    assert!(parse("tcp://a:0").unwrap().check_connect().is_err());
}

#[test]
fn built_values_obey_the_same_rules() {
    assert_eq!(HostPort::new(name("1.2.3.4"), 1), Err(E::BadHost("1.2.3.4".into())));
    assert_eq!(HostPort::new(name("*"), 1), Err(E::BadHost("*".into())));
    assert_eq!(HostPort::new(name(""), 1), Err(E::EmptyHost));
    assert_eq!(HostPort::new(v6("::1", Some("a]")), 1), Err(E::BadScope("a]".into())));
    assert_eq!(IpcEndpoint::path("*"), Err(E::BadPath("*".into())));
    assert_eq!(IpcEndpoint::path("@x"), Err(E::BadPath("@x".into())));
    assert_eq!(IpcEndpoint::abstract_name(""), Err(E::EmptyAbstractName));
    let by_hand = Endpoint::Ipc(IpcEndpoint::Path("@x".into()));
    assert_eq!(by_hand.check_bind(), Err(E::BadPath("@x".into())));
    assert_eq!(by_hand.check_connect(), Err(E::BadPath("@x".into())));
    let by_hand = Endpoint::Ipc(IpcEndpoint::Abstract("\0".into()));
    assert!(by_hand.check_bind().is_err() && by_hand.check_connect().is_err());
}

#[cfg(unix)]
#[test]
fn ipc_path_must_be_utf8() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let path = OsStr::from_bytes(b"a\xff");
    assert_eq!(IpcEndpoint::path(path), Err(E::BadPath("a\u{fffd}".into())));
}

#[test]
fn socket_addresses_become_endpoints() {
    let of = |text: &str| HostPort::from(text.parse::<SocketAddr>().unwrap()).to_string();
    assert_eq!(of("127.0.0.1:5556"), "127.0.0.1:5556");
    assert_eq!(of("[::]:5556"), "[::]:5556");
    assert_eq!(of("[fe80::1%3]:5556"), "[fe80::1%3]:5556");
}

#[test]
fn messages_name_the_part_and_escape_the_input() {
    let said = |text: &str| parse(text).unwrap_err().to_string();
    assert!(said("tcp://a\x1b[2J:1").starts_with(r#"bad host "a\u{1b}[2J": "#));
    assert!(said("pgm://x:1").contains("scheme \"pgm\" is not available in this version"));
    assert!(said("tcp://lo:x;b:1").starts_with("bad source address, before the semicolon: bad port"));
}

#[test]
fn udp_endpoints_may_name_an_interface() {
    let endpoint = parse("udp://eth0;239.0.0.1:5556").expect("valid");
    assert_eq!(endpoint.to_string(), "udp://eth0;239.0.0.1:5556");
    let Endpoint::Udp(udp) = &endpoint else { panic!("{endpoint:?}") };
    assert_eq!(udp.interface(), Some(&Host::Name("eth0".into())));
    assert_eq!(parse("udp://*:*").expect("valid").to_string(), "udp://*:*");
    for any in ["udp://*:1", "udp://127.0.0.1:*"] {
        let endpoint = parse(any).expect("valid");
        assert!(endpoint.check_bind().is_ok() && endpoint.check_connect().is_err(), "{any}");
    }
    assert!(parse("udp://;127.0.0.1:1").is_err() && parse("udp://127.0.0.1").is_err());
}

#[test]
fn a_ws_path_is_what_a_request_line_can_have() {
    let long = format!("/{}", "a".repeat(WS_PATH_BYTES_MAX));
    let too_long = E::PathTooLong { path: long.clone(), bytes: WS_PATH_BYTES_MAX + 1, max: WS_PATH_BYTES_MAX };
    refuses(
        EndpointPart::Path,
        [
            ("ws://host:80/a b", E::BadWsPath("/a b".into())),
            ("wss://host:80/a\r\nX: y", E::BadWsPath("/a\r\nX: y".into())),
            ("ws://host:80/#part", E::BadWsPath("/#part".into())),
            ("ws://host:80/\u{fc}", E::BadWsPath("/\u{fc}".into())),
            (&format!("ws://host:80{long}"), too_long),
        ],
    );
    refuses(EndpointPart::Port, [("ws://host/path", E::MissingPort("host".into()))]);
    refuses(EndpointPart::Host, [("wss:///path", E::EmptyHost)]);
}

#[test]
fn a_ws_connect_needs_host_and_port_and_a_bind_does_not() {
    for (text, part) in [("ws://*:80/", EndpointPart::Host), ("wss://host:*/", EndpointPart::Port)] {
        let endpoint = parse(text).unwrap();
        assert_eq!(endpoint.check_bind(), Ok(()));
        assert_eq!(endpoint.check_connect().unwrap_err().part(), part);
    }
}
