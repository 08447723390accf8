//! What a server may do with a device: one table, from which the client reads requests and the server writes them, so
//! that the two cannot disagree about what a Read is (E.1, F.1).

use coap_tcp_core::wire::{Code, Message, OptionNumber};

use crate::content::ContentFormat;

/// An operation of device management or information reporting.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// Values at and below a path.
    Read,
    /// What there is at and below a path, as links.
    Discover,
    /// Read, and be told of changes (IR-1).
    Observe,
    /// End an observation; answered as a Read (IR-1).
    Cancel,
    /// Replace what is there.
    Write,
    /// Add to what is there, or change part of it.
    WritePartial,
    /// Set the conditions of notifications.
    WriteAttributes,
    /// Run a resource.
    Execute,
    /// Make an instance.
    Create,
    /// Remove an instance, or a resource instance.
    Delete,
    /// Values of several paths.
    ReadComposite,
    /// [`Operation::Observe`] for several paths.
    ObserveComposite,
    /// [`Operation::Cancel`] for several paths.
    CancelComposite,
    /// Change values of several paths.
    WriteComposite,
}

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The method of the request.
    pub method: Code,
    /// How many identifiers the path may have (ERR-32).
    pub depths: &'static [usize],
    /// The Observe option of the request.
    pub observe: Option<u32>,
    /// Whether the request asks for links by its Accept, which is what makes a GET a Discover (DM-1).
    pub links: bool,
    /// The code of success; any other 2.xx is an invalid answer (ERR-71).
    pub success: Code,
}

impl Operation {
    /// Its row.
    pub const fn rule(self) -> Rule {
        const NODES: &[usize] = &[1, 2, 3, 4];
        const GET: Rule =
            Rule { method: Code::GET, depths: NODES, observe: None, links: false, success: Code::CONTENT };
        const FETCH: Rule = Rule { method: Code::FETCH, depths: &[0], ..GET };
        const CHANGE: Rule = Rule { success: Code::CHANGED, ..GET };
        match self {
            Self::Read => GET,
            Self::Discover => Rule { depths: &[1, 2, 3], links: true, ..GET },
            Self::Observe => Rule { observe: Some(0), ..GET },
            Self::Cancel => Rule { observe: Some(1), ..GET },
            Self::Write => Rule { method: Code::PUT, depths: &[2, 3, 4], ..CHANGE },
            Self::WritePartial => Rule { method: Code::POST, depths: &[2, 3], ..CHANGE },
            Self::WriteAttributes => Rule { method: Code::PUT, ..CHANGE },
            Self::Execute => Rule { method: Code::POST, depths: &[3], ..CHANGE },
            Self::Create => Rule { method: Code::POST, depths: &[1], success: Code::CREATED, ..GET },
            Self::Delete => Rule { method: Code::DELETE, depths: &[2, 4], success: Code::DELETED, ..GET },
            Self::ReadComposite => FETCH,
            Self::ObserveComposite => Rule { observe: Some(0), ..FETCH },
            Self::CancelComposite => Rule { observe: Some(1), ..FETCH },
            Self::WriteComposite => Rule { method: Code::IPATCH, depths: &[0], ..CHANGE },
        }
    }

    /// Which operation a request to a path of `depth` identifiers is (DM-1), or the code that refuses it: 4.05 where
    /// the method cannot be at that depth (ERR-32), 4.00 for a PUT that says neither attributes nor a value, or both
    /// (ERR-40).
    pub fn of(request: &Message<'_>, depth: usize) -> Result<Self, Code> {
        let format = request.uint(OptionNumber::CONTENT_FORMAT);
        let structured =
            || format.and_then(|n| u16::try_from(n).ok()).is_some_and(|n| ContentFormat(n).is_structured());
        let links = || request.uint(OptionNumber::ACCEPT) == Some(ContentFormat::LINK.0.into());
        let queried = || request.query().next().is_some();
        let operation = match (request.code, request.observe()) {
            (Code::GET, _) if links() => Self::Discover,
            (Code::GET, Some(0)) => Self::Observe,
            (Code::GET, Some(1)) => Self::Cancel,
            (Code::GET, _) => Self::Read,
            (Code::FETCH, Some(0)) => Self::ObserveComposite,
            (Code::FETCH, Some(1)) => Self::CancelComposite,
            (Code::FETCH, _) => Self::ReadComposite,
            (Code::IPATCH, _) => Self::WriteComposite,
            (Code::DELETE, _) => Self::Delete,
            (Code::POST, _) if depth == 1 => Self::Create,
            (Code::POST, _) if depth == 2 || structured() => Self::WritePartial,
            (Code::POST, _) => Self::Execute,
            (Code::PUT, _) if depth == 0 => return Err(Code::METHOD_NOT_ALLOWED),
            (Code::PUT, _) if format.is_some() == queried() => return Err(Code::BAD_REQUEST),
            (Code::PUT, _) if queried() => Self::WriteAttributes,
            (Code::PUT, _) => Self::Write,
            _ => return Err(Code::METHOD_NOT_ALLOWED),
        };
        match operation.rule().depths.contains(&depth) {
            true => Ok(operation),
            false => Err(Code::METHOD_NOT_ALLOWED),
        }
    }
}

#[cfg(test)]
mod tests {
    use coap_tcp_core::wire::Writer;
    use coap_tcp_core::{Buf, Fixed};

    use super::Operation::*;
    use super::*;

    fn of(
        code: Code,
        observe: Option<u32>,
        cf: Option<u32>,
        query: bool,
        accept: Option<u32>,
    ) -> [Option<Operation>; 6] {
        let mut frame = Fixed::<64>::new();
        let mut writer = Writer::new(&mut frame, code, &[]).unwrap();
        for (number, value) in [(OptionNumber::OBSERVE, observe), (OptionNumber::CONTENT_FORMAT, cf)] {
            if let Some(value) = value {
                writer.uint(number, value).unwrap();
            }
        }
        if query {
            writer.option(OptionNumber::URI_QUERY, b"pmin=1").unwrap();
        }
        if let Some(accept) = accept {
            writer.uint(OptionNumber::ACCEPT, accept).unwrap();
        }
        writer.finish();
        let message = Message::parse(frame.as_slice()).unwrap();
        [0, 1, 2, 3, 4, 5].map(|depth| Operation::of(&message, depth).ok())
    }

    /// Depth 0 to 5.
    fn nodes(operation: Operation) -> [Option<Operation>; 6] {
        [None, Some(operation), Some(operation), Some(operation), Some(operation), None]
    }

    #[test]
    fn dm_1_method_depth_and_options_say_what_a_request_is() {
        let none = [None; 6];
        let root = |operation| [Some(operation), None, None, None, None, None];
        for (code, observe, cf, query, accept, expected) in [
            (Code::GET, None, None, false, None, nodes(Read)),
            (Code::GET, None, None, false, Some(112), nodes(Read)),
            (Code::GET, Some(0), None, false, None, nodes(Observe)),
            (Code::GET, Some(1), None, false, None, nodes(Cancel)),
            (Code::GET, Some(7), None, false, None, nodes(Read)),
            (
                Code::GET,
                None,
                None,
                false,
                Some(40),
                [None, Some(Discover), Some(Discover), Some(Discover), None, None],
            ),
            (Code::FETCH, None, Some(112), false, None, root(ReadComposite)),
            (Code::FETCH, Some(0), Some(112), false, None, root(ObserveComposite)),
            (Code::FETCH, Some(1), Some(112), false, None, root(CancelComposite)),
            (Code::IPATCH, None, Some(112), false, None, root(WriteComposite)),
            (Code::PUT, None, None, true, None, nodes(WriteAttributes)),
            (
                Code::PUT,
                None,
                Some(0),
                false,
                None,
                [None, None, Some(Write), Some(Write), Some(Write), None],
            ),
            (Code::PUT, None, None, false, None, none),
            (Code::PUT, None, Some(0), true, None, none),
            (
                Code::POST,
                None,
                None,
                false,
                None,
                [None, Some(Create), Some(WritePartial), Some(Execute), None, None],
            ),
            (
                Code::POST,
                None,
                Some(11542),
                false,
                None,
                [None, Some(Create), Some(WritePartial), Some(WritePartial), None, None],
            ),
            (Code::DELETE, None, None, false, None, [None, None, Some(Delete), None, Some(Delete), None]),
            (Code::PATCH, None, None, false, None, none),
            (Code(0x1f), None, None, false, None, none),
        ] {
            assert_eq!(of(code, observe, cf, query, accept), expected, "{code} {observe:?} {cf:?} {query}");
        }
    }

    #[test]
    fn err_40_a_put_with_both_or_neither_is_bad_and_err_32_one_without_a_path_not_allowed() {
        let mut frame = Fixed::<64>::new();
        Writer::new(&mut frame, Code::PUT, &[]).unwrap().finish();
        let put = Message::parse(frame.as_slice()).unwrap();
        assert_eq!(Operation::of(&put, 2), Err(Code::BAD_REQUEST));
        assert_eq!(Operation::of(&put, 0), Err(Code::METHOD_NOT_ALLOWED));
    }

    #[test]
    fn e_1_what_the_table_writes_it_reads_as_the_same() {
        for operation in [
            Read,
            Discover,
            Observe,
            Cancel,
            Write,
            WriteAttributes,
            Create,
            Delete,
            ReadComposite,
            ObserveComposite,
            CancelComposite,
            WriteComposite,
        ] {
            let rule = operation.rule();
            let accept = rule.links.then_some(40);
            let (cf, query) = match operation {
                Write => (Some(112), false),
                WriteAttributes => (None, true),
                _ => (None, false),
            };
            let read = of(rule.method, rule.observe, cf, query, accept);
            for depth in rule.depths {
                assert_eq!(read[*depth], Some(operation));
            }
        }
    }
}
