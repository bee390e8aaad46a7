//! The grammar: from the text after the scheme to values.

use super::{
    EndpointError, EndpointPart, HOST_BYTES_MAX, Host, HostPort, IPC_BYTES_MAX, IpcEndpoint, SCOPE_BYTES_MAX,
    TcpEndpoint, UdpEndpoint, WS_PATH_BYTES_MAX, WsEndpoint,
};

pub(super) fn parse_tcp(address: &str) -> Result<TcpEndpoint, EndpointError> {
    let Some((source, target)) = address.rsplit_once(';') else {
        return parse_host_port(address).map(TcpEndpoint::new);
    };
    let source = parse_host_port(source).map_err(|e| EndpointError::BadSource(e.into()))?;
    Ok(TcpEndpoint::new(parse_host_port(target)?).with_source(source))
}

pub(super) fn parse_udp(address: &str) -> Result<UdpEndpoint, EndpointError> {
    let (interface, target) = match address.split_once(';') {
        None => (None, address),
        Some((interface, target)) => {
            let interface = parse_host(interface).map_err(|e| EndpointError::BadSource(e.into()))?;
            (Some(interface), target)
        }
    };
    Ok(UdpEndpoint { interface, target: parse_host_port(target)? })
}

/// The path begins at the first slash; without one it is `/`.
pub(super) fn parse_ws(address: &str, secure: bool) -> Result<WsEndpoint, EndpointError> {
    let (target, path) = match address.find('/') {
        Some(slash) => address.split_at(slash),
        None => (address, "/"),
    };
    let bytes = path.len();
    if bytes > WS_PATH_BYTES_MAX {
        return Err(EndpointError::PathTooLong { path: path.into(), bytes, max: WS_PATH_BYTES_MAX });
    }
    // What stands in a request line as it is: a space would end it, and a fragment is not sent.
    if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(EndpointError::BadWsPath(path.into()));
    }
    Ok(WsEndpoint { secure, target: parse_host_port(target)?, path: path.into() })
}

fn parse_host_port(text: &str) -> Result<HostPort, EndpointError> {
    if text.is_empty() {
        return Err(EndpointError::EmptyHost);
    }
    let (host, port) = split_port(text)?;
    let host = parse_host(host)?;
    if port.is_empty() {
        return Err(EndpointError::MissingPort(text.into()));
    }
    Ok(HostPort { host, port: parse_port(port)? })
}

/// Cuts at the last colon, as libzmq does, but not within brackets.
fn split_port(text: &str) -> Result<(&str, &str), EndpointError> {
    let host_bytes_min = match (text.starts_with('['), text.find(']')) {
        (true, None) => return Err(EndpointError::UnclosedBracket(text.into())),
        (true, Some(bracket)) => bracket + 1,
        (false, _) => 0,
    };
    text.rsplit_once(':')
        .filter(|(host, _)| host.len() >= host_bytes_min)
        .ok_or_else(|| EndpointError::MissingPort(text.into()))
}

/// Brackets may surround any kind of host, because libzmq drops them before it looks.
pub(super) fn parse_host(text: &str) -> Result<Host, EndpointError> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare == "*" {
        Ok(Host::Any)
    } else if let Ok(addr) = bare.parse() {
        Ok(Host::V4(addr))
    } else if bare.contains(':') {
        parse_v6(bare)
    } else {
        parse_name(bare)
    }
}

fn parse_v6(text: &str) -> Result<Host, EndpointError> {
    let (addr, scope) = match text.split_once('%') {
        Some((addr, scope)) => (addr, Some(parse_scope(scope)?)),
        None => (text, None),
    };
    let addr = addr.parse().map_err(|_| EndpointError::BadIpv6(text.into()))?;
    Ok(Host::V6 { addr, scope })
}

fn parse_scope(text: &str) -> Result<String, EndpointError> {
    let fits = text.len() <= SCOPE_BYTES_MAX && text.bytes().all(is_name_byte);
    // The empty text counts as digits, and is no number.
    if fits && (!is_digits(text) || matches!(text.parse::<u32>(), Ok(1..))) {
        Ok(text.into())
    } else {
        Err(EndpointError::BadScope(text.into()))
    }
}

fn parse_name(text: &str) -> Result<Host, EndpointError> {
    let bytes = text.len();
    if text.is_empty() {
        Err(EndpointError::EmptyHost)
    } else if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.bytes().all(is_name_byte) {
        Err(EndpointError::BadHost(text.into()))
    } else if bytes > HOST_BYTES_MAX {
        Err(EndpointError::HostTooLong { host: text.into(), bytes, max: HOST_BYTES_MAX })
    } else if is_dotted_quad(text) {
        Err(EndpointError::BadIpv4(text.into()))
    } else {
        Ok(Host::Name(text.into()))
    }
}

/// Four plain decimals. Other numeric forms, such as `127.1`, mean something to the resolver.
fn is_dotted_quad(text: &str) -> bool {
    let is_decimal = |label: &str| label == "0" || (!label.is_empty() && !label.starts_with('0') && is_digits(label));
    text.split('.').count() == 4 && text.split('.').all(is_decimal)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn parse_port(text: &str) -> Result<u16, EndpointError> {
    if text == "*" {
        return Ok(0);
    }
    // `u16::from_str` alone would take a leading plus sign.
    match text.parse() {
        Ok(port) if is_digits(text) => Ok(port),
        _ => Err(EndpointError::BadPort(text.into())),
    }
}

pub(super) fn parse_ipc(address: &str) -> Result<IpcEndpoint, EndpointError> {
    let bytes = address.len();
    if bytes > IPC_BYTES_MAX {
        return Err(EndpointError::PathTooLong { path: address.into(), bytes, max: IPC_BYTES_MAX });
    }
    if address.contains('\0') {
        return Err(EndpointError::NulByte { part: EndpointPart::Path, text: address.into() });
    }
    match address {
        "" => Err(EndpointError::EmptyPath),
        "*" => Ok(IpcEndpoint::Any),
        "@" => Err(EndpointError::EmptyAbstractName),
        // libzmq binds to a fresh path here, but connects to a file of that name.
        _ if address.starts_with('*') => Err(EndpointError::BadPath(address.into())),
        _ => Ok(match address.strip_prefix('@') {
            Some(name) => IpcEndpoint::Abstract(name.into()),
            None => IpcEndpoint::Path(address.into()),
        }),
    }
}
