//! Who is talked to: the security mechanism of connections.

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
];
