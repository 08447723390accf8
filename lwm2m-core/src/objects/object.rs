//! What an object has to offer.

use coap_tcp_core::{Code, Full};
use thiserror::Error;

use super::schema::ObjectDef;
use crate::content::{Values, WriteError};
use crate::path::Path;
use crate::value::Value;

/// The data of an application: what it implements, or puts together from [`Object`]s as a tuple.
///
/// What may be read, and what type it has, is in the definitions and is checked before an application is asked; it
/// only says what is there.
pub trait Objects {
    /// The definitions of all objects that the device has, each once. Object 0 is not among them (DM-6).
    fn schema(&self) -> &'static [&'static ObjectDef];

    /// Calls `each` with every instance of an object, in ascending order (FMT-22).
    fn instances(&self, object: u16, each: &mut dyn FnMut(u16));

    /// Writes the value of the resource `path`, which is of a known object, an instance that there is and a readable
    /// definition: always three identifiers. A multiple resource writes one value for each of its instances, at
    /// `path.child(..)`, in ascending order, or none.
    ///
    /// [`Refusal::NotFound`] says that this instance does not have the resource; a Read of the whole instance then goes
    /// on without it (DM-10, DM-14).
    fn read(&self, path: Path, out: &mut dyn Values) -> Result<(), Refusal>;
}

/// Why an operation is refused, and with which code it is answered (ERR-46).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// 4.00.
    #[error("bad request")]
    BadRequest,
    /// 4.01 (SEC-12).
    #[error("not authorised")]
    Unauthorized,
    /// 4.04.
    #[error("not found")]
    NotFound,
    /// 4.05.
    #[error("not allowed")]
    NotAllowed,
    /// 4.06: the format cannot say it (DM-13).
    #[error("not acceptable in this format")]
    NotAcceptable,
    /// 5.00: an error of the application, also a value that is not what its definition says.
    #[error("internal error")]
    Internal,
    /// 5.00: there is no room for the answer.
    #[error("answer too large")]
    TooLarge,
    /// 5.03: not now.
    #[error("not available now")]
    Unavailable,
}

/// One object of an application; an array of them is an object with as many instances.
pub trait Object {
    /// Its definition.
    const DEF: &'static ObjectDef;

    /// Calls `each` with every instance, in ascending order. One, 0, unless said otherwise.
    fn instances(&self, each: &mut dyn FnMut(u16)) {
        each(0);
    }

    /// Writes the value of one resource of one instance; as [`Objects::read`].
    fn read(&self, instance: u16, resource: u16, out: &mut Resource<'_>) -> Result<(), Refusal>;
}

/// The resource that is being read.
pub struct Resource<'v> {
    path: Path,
    out: &'v mut dyn Values,
}

impl Resource<'_> {
    /// Writes the value of a resource that is not multiple.
    pub fn value(&mut self, value: Value<'_>) -> Result<(), Refusal> {
        Ok(self.out.value(self.path, value)?)
    }

    /// Writes the value of a resource that need not be there.
    pub fn optional(&mut self, value: Option<Value<'_>>) -> Result<(), Refusal> {
        self.value(value.ok_or(Refusal::NotFound)?)
    }

    /// Writes one instance of a multiple resource. Ids ascend.
    pub fn instance(&mut self, id: u16, value: Value<'_>) -> Result<(), Refusal> {
        let path = self.path.child(id).map_err(|_| Refusal::Internal)?;
        Ok(self.out.value(path, value)?)
    }
}

impl core::fmt::Debug for Resource<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Resource({})", self.path)
    }
}

impl Refusal {
    /// The code of the answer.
    pub const fn code(self) -> Code {
        match self {
            Self::BadRequest => Code::BAD_REQUEST,
            Self::Unauthorized => Code::UNAUTHORIZED,
            Self::NotFound => Code::NOT_FOUND,
            Self::NotAllowed => Code::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => Code::NOT_ACCEPTABLE,
            Self::Internal | Self::TooLarge => Code::INTERNAL_SERVER_ERROR,
            Self::Unavailable => Code::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Full => Self::TooLarge,
            WriteError::Form => Self::NotAcceptable,
            WriteError::Outside | WriteError::Order => Self::Internal,
        }
    }
}

impl From<Full> for Refusal {
    fn from(Full: Full) -> Self {
        Self::TooLarge
    }
}

impl<O: Object, const N: usize> Object for [O; N] {
    const DEF: &'static ObjectDef = O::DEF;

    fn instances(&self, each: &mut dyn FnMut(u16)) {
        (0..).zip(self).for_each(|(id, _)| each(id));
    }

    fn read(&self, instance: u16, resource: u16, out: &mut Resource<'_>) -> Result<(), Refusal> {
        self.get(usize::from(instance)).ok_or(Refusal::NotFound)?.read(0, resource, out)
    }
}

macro_rules! tuples {
    ($(($($name:ident)+))+) => {$(
        impl<$($name: Object),+> Objects for ($($name,)+) {
            fn schema(&self) -> &'static [&'static ObjectDef] {
                const { &[$($name::DEF),+] }
            }

            fn instances(&self, object: u16, each: &mut dyn FnMut(u16)) {
                #[allow(non_snake_case)]
                let ($($name,)+) = self;
                $(if object == $name::DEF.id {
                    return $name.instances(each);
                })+
            }

            fn read(&self, path: Path, out: &mut dyn Values) -> Result<(), Refusal> {
                let &[object, instance, resource] = path.ids() else {
                    return Err(Refusal::NotFound);
                };
                #[allow(non_snake_case)]
                let ($($name,)+) = self;
                $(if object == $name::DEF.id {
                    return $name.read(instance, resource, &mut Resource { path, out });
                })+
                Err(Refusal::NotFound)
            }
        }
    )+};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }
