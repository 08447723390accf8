//! Codes: `class.detail` in one byte (C-12.1-1).

use core::fmt;

use coap_numbers::code as numbers;

/// A code byte: three bits of class, five of detail. Any value can be held; [`Code::class`] sorts them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u8);

/// What kind of message a code makes.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// 0.00
    Empty,
    /// 0.01 to 0.31
    Request,
    /// 2.xx
    Success,
    /// 4.xx
    ClientError,
    /// 5.xx
    ServerError,
    /// 7.xx (T-5.1-1)
    Signal,
    /// 1.xx, 3.xx, 6.xx
    Reserved,
}

macro_rules! codes {
    ($($name:ident)*) => {
        impl Code {
            $(#[doc = concat!("See the registry of CoAP codes for `", stringify!($name), "`.")]
            pub const $name: Self = Self(numbers::$name);)*
        }
    };
}

codes! {
    EMPTY GET POST PUT DELETE FETCH PATCH IPATCH
    CREATED DELETED VALID CHANGED CONTENT CONTINUE
    BAD_REQUEST UNAUTHORIZED BAD_OPTION FORBIDDEN NOT_FOUND METHOD_NOT_ALLOWED NOT_ACCEPTABLE
    REQUEST_ENTITY_INCOMPLETE CONFLICT PRECONDITION_FAILED REQUEST_ENTITY_TOO_LARGE UNSUPPORTED_CONTENT_FORMAT
    UNPROCESSABLE_ENTITY TOO_MANY_REQUESTS
    INTERNAL_SERVER_ERROR NOT_IMPLEMENTED BAD_GATEWAY SERVICE_UNAVAILABLE GATEWAY_TIMEOUT
    PROXYING_NOT_SUPPORTED HOP_LIMIT_REACHED
    CSM PING PONG RELEASE ABORT
}

impl Code {
    /// The three upper bits, as a kind of message.
    pub const fn class(self) -> Class {
        match self.0 >> 5 {
            0 if self.0 == 0 => Class::Empty,
            0 => Class::Request,
            2 => Class::Success,
            4 => Class::ClientError,
            5 => Class::ServerError,
            7 => Class::Signal,
            _ => Class::Reserved,
        }
    }

    /// 0.01 to 0.31.
    pub const fn is_request(self) -> bool {
        matches!(self.class(), Class::Request)
    }

    /// 2.xx, 4.xx or 5.xx.
    pub const fn is_response(self) -> bool {
        matches!(self.class(), Class::Success | Class::ClientError | Class::ServerError)
    }

    /// 2.xx.
    pub const fn is_success(self) -> bool {
        matches!(self.class(), Class::Success)
    }

    /// 7.xx.
    pub const fn is_signal(self) -> bool {
        matches!(self.class(), Class::Signal)
    }

    /// A request that can be repeated without harm: GET, PUT, DELETE, FETCH, iPATCH (B.2, T-D5-2).
    pub const fn is_idempotent(self) -> bool {
        matches!(self, Self::GET | Self::PUT | Self::DELETE | Self::FETCH | Self::IPATCH)
    }

    /// A method that knows Observe: GET, FETCH (O-3.1-1).
    pub const fn can_observe(self) -> bool {
        matches!(self, Self::GET | Self::FETCH)
    }

    /// A method that RFC 7252 or RFC 8132 defines; any other is answered 4.05 (C-5.8-1).
    pub const fn is_known_method(self) -> bool {
        matches!(self.0, 0x01..=0x07)
    }
}

/// `2.05 Content`, or the number alone where no name is registered.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        numbers::format_dotted(self.0, f)?;
        match numbers::to_name(self.0) {
            Some(name) => write!(f, " {name}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        numbers::format_dotted(self.0, f)
    }
}
