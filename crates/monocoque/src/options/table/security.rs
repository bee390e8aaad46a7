//! Who is talked to: the security mechanism of connections, and TLS.

use monocoque_core::SocketType;
use monocoque_zmtp::limits::CREDENTIAL_BYTES_MAX;

use crate::options::spec::{Form, OptionSpec};
use crate::options::{OptionValue, SocketOption};

const SECURED: &[SocketType] = &SocketType::ZMTP;

pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        SocketOption::MECHANISM,
        "The mechanism that the options below have chosen: 0 for NULL, 1 for PLAIN",
        Form::Told(|core| OptionValue::Int(core.options().security.number())),
    ),
    OptionSpec::new(
        SocketOption::PLAIN_SERVER,
        "Lets in only clients whose user name and password are accepted (`plain_passwords`): nobody, if nothing accepts them",
        Form::Flag {
            get: |options| options.security.is_plain_server(),
            set: |options, on| options.security.set_plain_server(on),
        },
    )
    .of(SECURED)
    .by("plain_server"),
    OptionSpec::new(
        SocketOption::PLAIN_USERNAME,
        "The user name that a PLAIN server is told; unset for NULL",
        Form::Text {
            max: CREDENTIAL_BYTES_MAX,
            get: |options| options.security.username(),
            set: |options, username| options.security.set_username(username),
        },
    )
    .of(SECURED)
    .by("plain"),
    OptionSpec::new(
        SocketOption::PLAIN_PASSWORD,
        "The password that a PLAIN server is told; unset for NULL",
        Form::Bytes {
            max: CREDENTIAL_BYTES_MAX,
            get: |options| options.security.password(),
            set: |options, password| options.security.set_password(password),
        },
    )
    .of(SECURED)
    .by("plain"),
    OptionSpec::new(
        SocketOption::WSS_CERT_PEM,
        "wss: the certificate that a server shows, and those up to one that clients trust, as PEM",
        Form::Bytes {
            max: usize::MAX,
            get: |options| options.tls.certificates(),
            set: |options, pem| options.tls.set_certificates(pem),
        },
    )
    .of(SECURED)
    .by("tls_identity"),
    OptionSpec::new(
        SocketOption::WSS_KEY_PEM,
        "wss: the private key of a server's certificate, as PEM",
        Form::Bytes {
            max: usize::MAX,
            get: |options| options.tls.key(),
            set: |options, pem| options.tls.set_key(pem),
        },
    )
    .of(SECURED)
    .by("tls_identity"),
    OptionSpec::new(
        SocketOption::WSS_TRUST_PEM,
        "wss: the certificates, as PEM, one of which must have signed the server's",
        Form::Bytes {
            max: usize::MAX,
            get: |options| options.tls.trusted(),
            set: |options, pem| options.tls.set_trusted(pem),
        },
    )
    .of(SECURED)
    .by("tls_trust"),
    OptionSpec::new(
        SocketOption::WSS_HOSTNAME,
        "wss: the name that the server's certificate must be for; unset for the host of the endpoint",
        Form::Bytes {
            max: usize::MAX,
            get: |options| options.tls.name(),
            set: |options, name| options.tls.set_name(name),
        },
    )
    .of(SECURED)
    .by("tls_server_name"),
    OptionSpec::new(
        SocketOption::WSS_TRUST_SYSTEM,
        "wss: the certificates that the system trusts may have signed the server's too",
        Form::Flag {
            get: |options| options.tls.trust_system,
            set: |options, on| options.tls.trust_system = on,
        },
    )
    .of(SECURED)
    .by("tls_trust_system"),
];
