//! What an option is: its number, what it takes, and when it acts.

use std::fmt;
use std::str::FromStr;

use monocoque_core::SocketType;

use super::Options;
use super::table::TABLES;
use crate::core::Core;
use crate::error::OptionError;

/// A socket option by its libzmq number. [`Socket::set_option`](crate::Socket::set_option) and
/// [`SocketBuilder::option`](crate::SocketBuilder::option) take it; the builder's methods are the typed way.
///
/// Parses from its name, with or without `ZMQ_`, in upper or lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketOption(pub u16);

impl SocketOption {
    /// Every option of libzmq 4.3.5, its drafts included, and ours.
    pub fn all() -> impl Iterator<Item = &'static OptionSpec> {
        TABLES.iter().copied().flatten()
    }

    /// What it is.
    ///
    /// # Errors
    /// [`OptionError::Unknown`] for a number that no option has.
    pub(crate) fn known(self) -> Result<&'static OptionSpec, OptionError> {
        self.spec().ok_or_else(|| OptionError::Unknown { option: self.0.to_string() })
    }

    /// Whether sockets of this type have it.
    pub(crate) fn check_type(self, socket_type: SocketType) -> Result<(), OptionError> {
        self.known()?.check_type(socket_type)
    }

    /// What it is; `None` for a number that no option has.
    pub fn spec(self) -> Option<&'static OptionSpec> {
        Self::all().find(|spec| spec.option == self)
    }
}

impl fmt::Display for SocketOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for SocketOption {
    type Err = OptionError;

    fn from_str(name: &str) -> Result<Self, OptionError> {
        let upper = name.to_ascii_uppercase().replace('-', "_");
        let plain = upper.strip_prefix("ZMQ_").unwrap_or(&upper);
        let found = Self::all().find(|spec| spec.name() == plain).map(|spec| spec.option);
        found.ok_or_else(|| OptionError::Unknown { option: name.to_owned() })
    }
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionValue {
    /// Nothing: clears an option that may be unset.
    Unset,
    /// A number, a time in its unit, or a switch: 0 or 1.
    Int(i64),
    /// Text.
    Text(String),
    /// Any bytes.
    Bytes(Vec<u8>),
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("unset"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::Bytes(bytes) => f.write_str(&bytes.escape_ascii().to_string()),
        }
    }
}

macro_rules! values {
    ($($from:ty => |$value:ident| $to:expr;)*) => {$(
        impl From<$from> for OptionValue {
            fn from($value: $from) -> Self {
                $to
            }
        }
    )*};
}

values! {
    i32 => |value| Self::Int(value.into());
    u32 => |value| Self::Int(value.into());
    i64 => |value| Self::Int(value);
    bool => |value| Self::Int(value.into());
    &str => |value| Self::Text(value.to_owned());
    String => |value| Self::Text(value);
    &[u8] => |value| Self::Bytes(value.to_vec());
    Vec<u8> => |value| Self::Bytes(value);
    Option<Vec<u8>> => |value| value.map_or(Self::Unset, Self::Bytes);
    Option<String> => |value| value.map_or(Self::Unset, Self::Text);
}

impl OptionValue {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            Self::Unset | Self::Int(_) => None,
        }
    }
}

/// When a change of an option acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TakesEffect {
    /// At once, on the peers that are there too.
    AtOnce,
    /// On what is bound and connected afterwards.
    NextEndpoint,
}

impl fmt::Display for TakesEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtOnce => "at once",
            Self::NextEndpoint => "next endpoint",
        })
    }
}

/// What an option takes and does: an entry of the one table.
#[derive(Debug)]
pub struct OptionSpec {
    pub(super) option: SocketOption,
    pub(super) about: &'static str,
    pub(super) form: Form,
    pub(super) types: &'static [SocketType],
    pub(super) effect: TakesEffect,
    pub(super) builder: &'static str,
}

/// What it takes, and where it goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Int {
        min: i64,
        max: i64,
        get: fn(&Options) -> i64,
        set: fn(&mut Options, i64),
    },
    Flag {
        get: fn(&Options) -> bool,
        set: fn(&mut Options, bool),
    },
    /// Text that may be unset.
    Text {
        max: usize,
        get: fn(&Options) -> Option<String>,
        set: fn(&mut Options, Option<String>),
    },
    /// Bytes that may be unset.
    Bytes {
        max: usize,
        get: fn(&Options) -> Option<Vec<u8>>,
        set: SetBytes,
    },
    /// Only read.
    Told(fn(&Core) -> OptionValue),
    /// Only set: something is done.
    Done(fn(&Core, &[u8])),
    /// Not here, and why.
    Absent(&'static str),
}

type SetBytes = fn(&mut Options, Option<&[u8]>) -> Result<(), String>;

impl OptionSpec {
    pub(super) const fn new(option: SocketOption, about: &'static str, form: Form) -> Self {
        let effect = TakesEffect::NextEndpoint;
        Self { option, about, form, types: &SocketType::ALL, effect, builder: "" }
    }

    /// Why there is no such thing here.
    pub(super) const fn none(option: SocketOption, why: &'static str) -> Self {
        Self::new(option, "", Form::Absent(why))
    }

    pub(super) const fn of(mut self, types: &'static [SocketType]) -> Self {
        self.types = types;
        self
    }

    pub(super) const fn at_once(mut self) -> Self {
        self.effect = TakesEffect::AtOnce;
        self
    }

    pub(super) const fn by(mut self, builder: &'static str) -> Self {
        self.builder = builder;
        self
    }

    /// The option.
    pub fn option(&self) -> SocketOption {
        self.option
    }

    /// Its name, without `ZMQ_`.
    pub fn name(&self) -> &'static str {
        self.option.name().expect("what is in the table has a name")
    }

    /// What it does, in a line.
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// The socket types that have it.
    pub fn socket_types(&self) -> &'static [SocketType] {
        self.types
    }

    /// When a change acts.
    pub fn takes_effect(&self) -> TakesEffect {
        self.effect
    }

    /// The typed way to it: a method of the builder, or of the socket.
    pub fn method(&self) -> Option<&'static str> {
        (!self.builder.is_empty()).then_some(self.builder)
    }

    /// Why it does nothing here and is refused, if so.
    pub fn absent(&self) -> Option<&'static str> {
        match self.form {
            Form::Absent(why) => Some(why),
            _ => None,
        }
    }

    /// Whether it can be read.
    pub fn is_readable(&self) -> bool {
        !matches!(self.form, Form::Done(_) | Form::Absent(_))
    }

    /// Whether it can be set.
    pub fn is_settable(&self) -> bool {
        !matches!(self.form, Form::Told(_) | Form::Absent(_))
    }

    /// What it takes, in words.
    pub fn takes(&self) -> String {
        match self.form {
            Form::Int { min: i64::MIN, max: i64::MAX, .. } => "any number".to_owned(),
            Form::Int { min, max, .. } if max == i64::from(i32::MAX) || max == i64::MAX => format!("{min} and more"),
            Form::Int { min, max, .. } => format!("{min} to {max}"),
            Form::Flag { .. } => "0 or 1".to_owned(),
            Form::Text { max, .. } if max < usize::MAX => format!("text of at most {max} bytes"),
            Form::Text { .. } => "text".to_owned(),
            Form::Bytes { max, .. } if max < usize::MAX => format!("at most {max} bytes"),
            Form::Bytes { .. } | Form::Done(_) => "bytes".to_owned(),
            Form::Told(_) => "only read".to_owned(),
            Form::Absent(_) => String::new(),
        }
    }

    /// What a new socket of `socket_type` has; of [`as_libzmq`](crate::SocketBuilder::as_libzmq) with `libzmq`.
    pub fn default(&self, socket_type: SocketType, libzmq: bool) -> Option<OptionValue> {
        let options = if libzmq { Options::libzmq(socket_type) } else { Options::new(socket_type) };
        self.get(&options)
    }

    /// The value that `text` writes.
    ///
    /// # Errors
    /// [`OptionError::OutOfRange`] for a number that is none.
    pub fn parse(&self, text: &str) -> Result<OptionValue, OptionError> {
        match self.form {
            Form::Int { .. } => {
                text.parse().map(OptionValue::Int).map_err(|_| self.refuse(format!("'{text}' is no number")))
            }
            Form::Flag { .. } => match text {
                "1" | "true" | "on" | "yes" => Ok(true.into()),
                "0" | "false" | "off" | "no" => Ok(false.into()),
                _ => Err(self.refuse(format!("'{text}' is neither on nor off"))),
            },
            _ => Ok(text.into()),
        }
    }

    pub(super) fn get(&self, options: &Options) -> Option<OptionValue> {
        Some(match self.form {
            Form::Int { get, .. } => get(options).into(),
            Form::Flag { get, .. } => get(options).into(),
            Form::Text { get, .. } => get(options).into(),
            Form::Bytes { get, .. } => get(options).into(),
            Form::Told(_) | Form::Done(_) | Form::Absent(_) => return None,
        })
    }

    /// Whether the socket type has it.
    pub(super) fn check_type(&self, socket_type: SocketType) -> Result<(), OptionError> {
        if self.types.contains(&socket_type) {
            return Ok(());
        }
        Err(OptionError::DoesNotApply { option: self.option, socket_type })
    }

    /// Writes `value` into `options`, if it is one.
    pub(super) fn set(&self, options: &mut Options, value: &OptionValue) -> Result<(), OptionError> {
        let wrong = || self.refuse(format!("takes {}", self.takes()));
        match (self.form, value) {
            (Form::Int { min, max, set, .. }, &OptionValue::Int(number)) => {
                let fits = (min..=max).contains(&number);
                fits.then(|| set(options, number)).ok_or_else(wrong)
            }
            (Form::Flag { set, .. }, &OptionValue::Int(number @ (0 | 1))) => {
                set(options, number == 1);
                Ok(())
            }
            (Form::Text { max, set, .. }, OptionValue::Unset | OptionValue::Text(_) | OptionValue::Bytes(_)) => {
                let text = value.bytes().map(|bytes| String::from_utf8(bytes.to_vec())).transpose();
                let text = text.map_err(|_| wrong())?;
                let fits = text.as_ref().is_none_or(|text| text.len() <= max);
                fits.then(|| set(options, text)).ok_or_else(wrong)
            }
            (Form::Bytes { max, set, .. }, OptionValue::Unset | OptionValue::Text(_) | OptionValue::Bytes(_)) => {
                let fits = value.bytes().is_none_or(|bytes| bytes.len() <= max);
                if fits { set(options, value.bytes()).map_err(|rule| self.refuse(rule)) } else { Err(wrong()) }
            }
            (Form::Told(_), _) => Err(OptionError::ReadOnly { option: self.option }),
            (Form::Absent(why), _) => Err(OptionError::NotHere { option: self.option, why }),
            _ => Err(wrong()),
        }
    }

    /// Sets it on a socket that is there.
    pub(crate) fn change(&self, core: &Core, value: &OptionValue) -> Result<(), OptionError> {
        self.check_type(core.socket_type())?;
        if let Form::Done(act) = self.form {
            let bytes = value.bytes().ok_or_else(|| self.refuse("takes bytes".to_owned()))?;
            act(core, bytes);
            return Ok(());
        }
        core.change_options(|options| self.set(options, value))
    }

    /// Reads it of a socket that is there.
    pub(crate) fn read(&self, core: &Core) -> Result<OptionValue, OptionError> {
        self.check_type(core.socket_type())?;
        match self.form {
            Form::Told(tell) => Ok(tell(core)),
            Form::Done(_) => Err(OptionError::WriteOnly { option: self.option }),
            Form::Absent(why) => Err(OptionError::NotHere { option: self.option, why }),
            _ => Ok(self.get(&core.options()).expect("it is readable")),
        }
    }

    fn refuse(&self, rule: String) -> OptionError {
        OptionError::OutOfRange { option: self.option, rule }
    }
}
