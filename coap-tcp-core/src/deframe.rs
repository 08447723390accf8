//! Cuts a byte stream into frames.

use crate::buf::Buf;
use crate::error::{Full, Malformed};
use crate::wire::{Code, Head, Prefix, head};

/// How a stream is cut: which frames are taken, which are passed over, which end it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cutting {
    /// Our Max-Message-Size: the largest whole frame (T-5.3.1-1).
    pub max_message_size: u32,
    /// Frames up to this size are passed over where they exceed `max_message_size`, and reported; larger
    /// ones are an error. `u32::MAX` passes over all of them (D-C-5 `Drain`), anything not above
    /// `max_message_size` none.
    pub max_skipped: u32,
    /// Token lengths over 8 are legal, since we announced so (RFC 8974).
    pub extended: bool,
}

impl Cutting {
    /// For one who only reads along: frames up to 16 MiB; larger ones are passed over.
    pub const WATCHING: Self =
        Self { max_message_size: 16 * 1024 * 1024, max_skipped: u32::MAX, extended: true };
}

/// What was cut off the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut<'a> {
    /// A whole frame.
    Frame(&'a [u8]),
    /// The head of a frame over our limit, through its token; the rest of it is being passed over.
    Oversized {
        /// Its lengths and code.
        head: Head,
        /// Its token.
        token: &'a [u8],
    },
    /// A whole frame is there, but was not wanted now. It stays.
    Refused,
    /// All input is taken, and no frame is complete.
    Nothing,
}

/// Why a stream cannot be cut any further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamError {
    /// The lengths make no sense.
    Malformed(Malformed),
    /// A frame over every limit, found on its first bytes (T-3.2-10).
    TooLarge,
    /// The spill could not grow (row 71).
    Full,
}

impl From<Full> for StreamError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl From<Malformed> for StreamError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Cuts a byte stream into frames, in place where the input has a whole one, else gathered in the spill.
///
/// It takes every byte that it is given, so a source that hands out only part of what it has, such as a ring
/// at its wrap, cannot stall it. The spill grows with the bytes that came, never by the size that a peer
/// announced, and is released when it is empty.
#[derive(Debug)]
pub struct Deframer<B> {
    spill: B,
    /// Bytes at the front of the spill that have been handed out.
    done: u32,
    /// Bytes of an oversized frame still to be passed over, and its size.
    skip: u32,
    skipped: u32,
    /// A whole frame is at the front, and was not wanted.
    refused: bool,
    /// The stream has ended behind what is kept.
    ended: bool,
}

impl<B: Buf> Deframer<B> {
    /// Empty. A spill of fixed size must hold one frame of the largest size that is to be taken.
    pub const fn new(spill: B) -> Self {
        Self { spill, done: 0, skip: 0, skipped: 0, refused: false, ended: false }
    }

    /// Bytes kept for later: of an unfinished frame, and of what was stashed.
    pub fn pending(&self) -> usize {
        self.rest().len()
    }

    /// Whether a frame is begun and not ended: gathered, or being passed over.
    pub fn in_frame(&self) -> bool {
        self.skip > 0 || self.pending() > 0
    }

    /// Whether the last call was [`Cut::Refused`]: a whole frame is next.
    pub const fn is_refused(&self) -> bool {
        self.refused
    }

    /// Notes that the stream has ended behind what is kept.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// Whether it has.
    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    /// What is known of the size of the frame under way, as far as its first bytes tell.
    pub fn announced(&self, cutting: &Cutting) -> u64 {
        if self.skip > 0 {
            return self.skipped.into();
        }
        match head(self.rest(), cutting.extended) {
            Ok(Prefix::Head(head)) => head.total(),
            Ok(Prefix::Partial { least, .. }) => least,
            Err(_) => 0,
        }
    }

    /// Room for one frame; `usize::MAX` where only memory is the limit.
    pub fn capacity(&self) -> usize {
        self.spill.room().saturating_add(self.spill.as_slice().len())
    }

    /// Keeps the rest of some input for later, for a caller whose source cannot keep it.
    pub fn stash(&mut self, rest: &[u8]) -> Result<(), Full> {
        self.forget_done();
        self.spill.append(rest)
    }

    /// Forgets all that is kept.
    pub fn clear(&mut self) {
        self.spill.release();
        (self.done, self.skip, self.refused) = (0, 0, false);
    }

    /// Cuts the next frame off, unless `wanted` says no to its code: then it stays where it is, and so does
    /// the input from it on.
    pub fn next_if<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        cutting: &Cutting,
        wanted: impl Fn(Code) -> bool,
    ) -> Result<Cut<'a>, StreamError> {
        self.refused = false;
        self.pass_over(input);
        if self.rest().is_empty() {
            self.forget_done();
            self.in_place(input, cutting, wanted)
        } else {
            self.gathered(input, cutting, wanted)
        }
    }

    fn rest(&self) -> &[u8] {
        self.spill.as_slice().get(self.done as usize..).unwrap_or_default()
    }

    fn forget_done(&mut self) {
        match self.done as usize {
            0 => {}
            done if done == self.spill.as_slice().len() => self.spill.release(),
            done => self.spill.consume(done),
        }
        self.done = 0;
    }

    /// The frame lies in the input, or begins there.
    fn in_place<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        cutting: &Cutting,
        wanted: impl Fn(Code) -> bool,
    ) -> Result<Cut<'a>, StreamError> {
        match look(input, cutting)? {
            Look::Frame { size, code } => {
                let Some((frame, rest)) = input.split_at_checked(size) else {
                    return Ok(Cut::Nothing);
                };
                if !wanted(code) {
                    return Ok(self.refuse());
                }
                *input = rest;
                Ok(Cut::Frame(frame))
            }
            Look::Oversized(head) if !wanted(head.code) => Ok(self.refuse()),
            Look::Oversized(head) => {
                let bytes: &'i [u8] = input;
                self.begin_skip(&head, 0);
                self.pass_over(input);
                Ok(oversized(head, bytes))
            }
            Look::More(_) => {
                self.spill.append(input)?;
                *input = &[];
                Ok(Cut::Nothing)
            }
        }
    }

    /// The frame begins in the spill; what it lacks comes from the input, and not a byte more.
    fn gathered<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        cutting: &Cutting,
        wanted: impl Fn(Code) -> bool,
    ) -> Result<Cut<'a>, StreamError> {
        let found = loop {
            let need = match look(self.rest(), cutting)? {
                Look::More(need) => need,
                found => break found,
            };
            if input.is_empty() {
                return Ok(Cut::Nothing);
            }
            self.forget_done();
            let (taken, rest) = input.split_at_checked(need).unwrap_or((input, &[]));
            self.spill.append(taken)?;
            *input = rest;
        };
        match found {
            Look::Frame { code, .. } | Look::Oversized(Head { code, .. }) if !wanted(code) => {
                Ok(self.refuse())
            }
            Look::Frame { size, .. } => {
                let start = self.done as usize;
                self.done += size as u32;
                Ok(Cut::Frame(self.spill.as_slice().get(start..start + size).unwrap_or_default()))
            }
            Look::Oversized(head) => {
                let (start, held) = (self.done as usize, self.rest().len() as u64);
                let inside = head.total().min(held) as u32;
                self.done += inside;
                self.begin_skip(&head, inside);
                self.pass_over(input);
                Ok(oversized(head, self.spill.as_slice().get(start..).unwrap_or_default()))
            }
            Look::More(_) => Ok(Cut::Nothing),
        }
    }

    fn refuse<'a>(&mut self) -> Cut<'a> {
        self.refused = true;
        Cut::Refused
    }

    /// `look` has seen that the size fits 32 bits.
    fn begin_skip(&mut self, head: &Head, inside: u32) {
        self.skipped = head.total() as u32;
        self.skip = self.skipped - inside;
    }

    /// Drops input that belongs to an oversized frame.
    fn pass_over(&mut self, input: &mut &[u8]) {
        let n = input.len().min(self.skip as usize);
        self.skip -= n as u32;
        *input = input.get(n..).unwrap_or_default();
    }
}

/// What stands at the start of some bytes.
enum Look {
    Frame { size: usize, code: Code },
    Oversized(Head),
    More(usize),
}

fn look(bytes: &[u8], cutting: &Cutting) -> Result<Look, StreamError> {
    let limit = u64::from(cutting.max_message_size.max(cutting.max_skipped));
    match head(bytes, cutting.extended)? {
        Prefix::Partial { least, .. } if least > limit => Err(StreamError::TooLarge),
        Prefix::Partial { need, .. } => Ok(Look::More(need)),
        Prefix::Head(head) if head.total() > limit => Err(StreamError::TooLarge),
        Prefix::Head(head) => {
            let oversized = head.total() > u64::from(cutting.max_message_size);
            let wanted = if oversized { head.fixed + head.token } else { head.total() as usize };
            // A token over the limit would be gathered whole, only to be named in the answer.
            if wanted as u64 > u64::from(cutting.max_message_size) {
                return Err(StreamError::TooLarge);
            }
            if wanted as u64 > cutting.max_message_size.into() {
                return Err(StreamError::TooLarge);
            }
            Ok(match wanted.checked_sub(bytes.len()) {
                Some(need @ 1..) => Look::More(need),
                _ if oversized => Look::Oversized(head),
                _ => Look::Frame { size: wanted, code: head.code },
            })
        }
    }
}

fn oversized(head: Head, frame: &[u8]) -> Cut<'_> {
    Cut::Oversized { head, token: frame.get(head.fixed..head.fixed + head.token).unwrap_or_default() }
}

#[cfg(test)]
mod tests;
