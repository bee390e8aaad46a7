//! Who is talked to: the security mechanism of connections, and TLS.

use monocoque_core::SocketType;
use monocoque_zmtp::limits::CREDENTIAL_BYTES_MAX;

use crate::options::spec::{Form, OptionSpec};
use crate::options::{OptionValue, SocketOption};

/// 40 characters, and the end of a C string.
const KEY_BYTES_MAX: usize = 41;
const ZAP_DOMAIN_BYTES_MAX: usize = 255;
const SECURED: &[SocketType] = &SocketType::ZMTP;

pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        SocketOption::MECHANISM,
        "The mechanism that the options below have chosen: 0 for NULL, 1 for PLAIN, 2 for CURVE",
        Form::Told(|core| OptionValue::Int(core.options().security.number())),
    ),
    OptionSpec::new(
        SocketOption::PLAIN_SERVER,
        "Lets in only clients whose user name and password an authenticator accepts: nobody, if there is none",
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
        Form::Bytes {
            max: CREDENTIAL_BYTES_MAX,
            get: |options| options.security.username(),
            set: |options, username| {
                options.security.set_username(username);
                Ok(())
            },
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
        SocketOption::CURVE_SERVER,
        "Is a CURVE server: lets in only clients that know its public key",
        Form::Flag {
            get: |options| options.security.is_curve_server(),
            set: |options, on| options.security.set_curve_server(on),
        },
    )
    .of(SECURED)
    .by("curve_server"),
    OptionSpec::new(
        SocketOption::CURVE_PUBLICKEY,
        "Our public key: 32 bytes, or 40 characters of Z85. It follows from the secret one, and need not be set",
        Form::Bytes {
            max: KEY_BYTES_MAX,
            get: |options| options.security.public_key(),
            set: |options, key| options.security.set_public_key(key),
        },
    )
    .of(SECURED)
    .by("curve_client"),
    OptionSpec::new(
        SocketOption::CURVE_SECRETKEY,
        "Our secret key: 32 bytes, or 40 characters of Z85",
        Form::Bytes {
            max: KEY_BYTES_MAX,
            get: |options| options.security.secret_key(),
            set: |options, key| options.security.set_secret_key(key),
        },
    )
    .of(SECURED)
    .by("curve_client"),
    OptionSpec::new(
        SocketOption::CURVE_SERVERKEY,
        "The public key of the server; makes this side a CURVE client",
        Form::Bytes {
            max: KEY_BYTES_MAX,
            get: |options| options.security.server_key(),
            set: |options, key| options.security.set_server_key(key),
        },
    )
    .of(SECURED)
    .by("curve_client"),
    OptionSpec::new(
        SocketOption::ZAP_DOMAIN,
        "What a ZAP handler is told that peers want into; of NULL it is asked only if this is set",
        Form::Text {
            max: ZAP_DOMAIN_BYTES_MAX,
            get: |options| Some(options.security.zap_domain.clone()),
            set: |options, domain| options.security.zap_domain = domain.unwrap_or_default(),
        },
    )
    .of(SECURED)
    .by("zap_domain"),
    OptionSpec::new(
        SocketOption::ZAP_ENFORCE_DOMAIN,
        "With a domain nobody comes in whom no ZAP handler has judged; without one, CURVE asks none",
        Form::Flag {
            get: |options| options.security.zap_enforce_domain,
            set: |options, on| options.security.zap_enforce_domain = on,
        },
    )
    .of(SECURED)
    .by("zap_enforce_domain"),
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
        Form::Bytes { max: usize::MAX, get: |options| options.tls.key(), set: |options, pem| options.tls.set_key(pem) },
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
        Form::Flag { get: |options| options.tls.trust_system, set: |options, on| options.tls.trust_system = on },
    )
    .of(SECURED)
    .by("tls_trust_system"),
];
