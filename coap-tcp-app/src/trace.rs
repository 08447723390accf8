//! What can be seen of a request of ours from outside: with the feature `tracing` a span, else nothing.

use crate::draft::{Draft, Received};

/// The span of one request, from the wish to the last of what comes of it.
#[derive(Debug)]
pub(crate) struct Trace {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

#[cfg(not(feature = "tracing"))]
impl Trace {
    pub(crate) const NONE: Self = Self {};

    pub(crate) const fn request(_: &Draft) -> Self {
        Self::NONE
    }

    pub(crate) const fn sent(&self) {}

    pub(crate) const fn came<E>(&self, _: &Result<Received, E>) {}
}

#[cfg(feature = "tracing")]
impl Trace {
    /// For what belongs to another request.
    pub(crate) const NONE: Self = Self { span: tracing::Span::none() };

    /// Within the span of whoever asks.
    pub(crate) fn request(draft: &Draft) -> Self {
        let (method, path) = (draft.code(), Path(draft));
        Self { span: tracing::debug_span!("coap_request", %method, %path) }
    }

    pub(crate) fn sent(&self) {
        tracing::debug!(parent: &self.span, "sent");
    }

    pub(crate) fn came(&self, answer: &Result<Received, impl std::fmt::Display>) {
        match answer {
            Ok(answer) => {
                let (code, bytes) = (answer.view().code, answer.view().payload.len());
                tracing::debug!(parent: &self.span, %code, bytes, "answered");
            }
            Err(error) => tracing::debug!(parent: &self.span, %error, "failed"),
        }
    }
}

/// Escaped, since a path is any bytes.
#[cfg(feature = "tracing")]
struct Path<'a>(&'a Draft);

#[cfg(feature = "tracing")]
impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = coap_tcp_core::OptionNumber::URI_PATH;
        let mut segments = self.0.options().filter(|&(number, _)| number == path).peekable();
        if segments.peek().is_none() {
            return f.write_str("/");
        }
        segments.try_for_each(|(_, segment)| write!(f, "/{}", segment.escape_ascii()))
    }
}
