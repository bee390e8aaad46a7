//! The keys of encrypted scenarios: those of libzmq's manual, zmq_curve(7), which are no secrets.

use crate::library::End;

const SERVER_PUBLIC: &str = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
const SERVER_SECRET: &str = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";
const CLIENT_PUBLIC: &str = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
const CLIENT_SECRET: &str = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";

/// What one side of an encrypted connection needs, in Z85.
#[derive(Debug, Clone, Copy)]
pub struct Keys {
    /// Its own public key.
    pub public: &'static str,
    /// Its own secret key.
    pub secret: &'static str,
    /// The server's public key, if it is a client.
    pub server: Option<&'static str>,
}

impl Keys {
    /// Who binds is the server.
    pub fn of(end: End) -> Self {
        match end {
            End::Bind => Self { public: SERVER_PUBLIC, secret: SERVER_SECRET, server: None },
            End::Connect => Self { public: CLIENT_PUBLIC, secret: CLIENT_SECRET, server: Some(SERVER_PUBLIC) },
        }
    }
}
