//! Options of libzmq that there is nothing for here, and why. Setting one is an error.

use crate::options::SocketOption;
use crate::options::spec::OptionSpec;

const PGM: &str = "is for the pgm transport, which is not there";
const VMCI: &str = "is for the vmci transport, which is not there";
const NORM: &str = "is for the norm transport, which is not there";
const GSSAPI: &str = "is for the GSSAPI mechanism, which is not there";
const BATCHES: &str = "is not needed: what is read and written at once follows the load";

pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::none(SocketOption::RATE, PGM),
    OptionSpec::none(SocketOption::RECOVERY_IVL, PGM),
    OptionSpec::none(SocketOption::MULTICAST_MAXTPDU, PGM),
    OptionSpec::none(
        SocketOption::RCVMORE,
        "tells of single frames, and a message is received whole: it has all its frames",
    ),
    OptionSpec::none(SocketOption::IN_BATCH_SIZE, BATCHES),
    OptionSpec::none(SocketOption::OUT_BATCH_SIZE, BATCHES),
    OptionSpec::none(SocketOption::LOOPBACK_FASTPATH, "is for Windows only"),
    OptionSpec::none(SocketOption::GSSAPI_SERVER, GSSAPI),
    OptionSpec::none(SocketOption::GSSAPI_PRINCIPAL, GSSAPI),
    OptionSpec::none(SocketOption::GSSAPI_SERVICE_PRINCIPAL, GSSAPI),
    OptionSpec::none(SocketOption::GSSAPI_PLAINTEXT, GSSAPI),
    OptionSpec::none(SocketOption::GSSAPI_PRINCIPAL_NAMETYPE, GSSAPI),
    OptionSpec::none(SocketOption::GSSAPI_SERVICE_PRINCIPAL_NAMETYPE, GSSAPI),
    OptionSpec::none(SocketOption::VMCI_BUFFER_SIZE, VMCI),
    OptionSpec::none(SocketOption::VMCI_BUFFER_MIN_SIZE, VMCI),
    OptionSpec::none(SocketOption::VMCI_BUFFER_MAX_SIZE, VMCI),
    OptionSpec::none(SocketOption::VMCI_CONNECT_TIMEOUT, VMCI),
    OptionSpec::none(SocketOption::NORM_MODE, NORM),
    OptionSpec::none(SocketOption::NORM_UNICAST_NACK, NORM),
    OptionSpec::none(SocketOption::NORM_BUFFER_SIZE, NORM),
    OptionSpec::none(SocketOption::NORM_SEGMENT_SIZE, NORM),
    OptionSpec::none(SocketOption::NORM_BLOCK_SIZE, NORM),
    OptionSpec::none(SocketOption::NORM_NUM_PARITY, NORM),
    OptionSpec::none(SocketOption::NORM_NUM_AUTOPARITY, NORM),
    OptionSpec::none(SocketOption::NORM_PUSH, NORM),
];
