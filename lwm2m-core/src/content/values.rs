//! Where reads are written.

use coap_tcp_core::Full;
use thiserror::Error;

use crate::path::Path;
use crate::value::Value;

/// Takes the values that a read yields, and writes them in the format of the answer.
///
/// Values come in the order of their paths, each once; siblings ascend. TLV cannot be streamed otherwise and says
/// [`WriteError::Order`]; other formats do not mind. A call that fails has written nothing.
pub trait Values {
    /// One value: of a resource at depth 3, of a resource instance at depth 4.
    fn value(&mut self, path: Path, value: Value<'_>) -> Result<(), WriteError>;

    /// An instance or a multiple resource exists, and what it holds follows, if it holds anything.
    ///
    /// Needed only where nothing may follow: some formats say so explicitly (FMT-21). Others ignore it.
    fn container(&mut self, path: Path) -> Result<(), WriteError> {
        let _ = path;
        Ok(())
    }
}

/// Why a value was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum WriteError {
    /// The buffer has no room for it.
    #[error("no room left")]
    Full,
    /// The path is no value's, or not at or below the target of the answer.
    #[error("path outside the target")]
    Outside,
    /// The path is not behind the one before it.
    #[error("path out of order")]
    Order,
    /// The format cannot carry it: a second value in text, an infinity, a String in octets; 4.06 to a Read (DM-13).
    #[error("format cannot carry the value")]
    Form,
}

impl From<Full> for WriteError {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}
