//! Block-wise transfer: each rule under its ID, then anything with anything.

mod cut;
mod gather;
mod whole;

use alloc::vec::Vec;

use super::{Chunks, Terms, Wanted, Written};
use crate::wire::{Block, BlockSize, Writer};
use crate::{Code, Config, Message, OptionNumber, SendError, event::Settings};

type Options<'a> = &'a [(OptionNumber, &'a [u8])];

const PATH: (OptionNumber, &[u8]) = (OptionNumber::URI_PATH, b"large");

/// Both sides announce BERT; the peer takes messages of this size.
fn bert(max_message_size: u32) -> Terms {
    const OURS: Config = Config::new().max_message_size(1 << 20);
    Terms::new(&OURS, &Settings { max_message_size, block_wise: true, token_length: 8 })
}

/// No BERT on our side.
fn plain(max_message_size: u32) -> Terms {
    const OURS: Config = Config::new();
    Terms::new(&OURS, &Settings { max_message_size, block_wise: true, token_length: 8 })
}

/// A message with a token of 2 bytes.
fn message(code: Code, options: Options<'_>, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let mut writer = Writer::new(&mut frame, code, &[7, 7]).unwrap();
    for (number, value) in options {
        writer.option(*number, value).unwrap();
    }
    writer.payload(payload).unwrap();
    writer.finish();
    frame
}

fn block(number: u32, more: bool, size: BlockSize) -> Block {
    Block { number, more, size }
}

/// The bytes of a Block option.
fn value(number: u32, more: bool, size: BlockSize) -> Vec<u8> {
    let bytes = block(number, more, size).value().to_be_bytes();
    bytes[bytes.iter().position(|&byte| byte != 0).unwrap_or(4)..].to_vec()
}

fn put(chunks: &mut Chunks, options: Options<'_>, body: &[u8], terms: &Terms) -> Result<Vec<u8>, SendError> {
    let mut frame = Vec::new();
    let mut writer = Writer::new(&mut frame, Code::PUT, &[7, 7]).unwrap();
    chunks.write(&mut writer, options.iter().copied(), body, terms)?;
    writer.finish();
    Ok(frame)
}

fn answer(
    wanted: &Wanted,
    code: Code,
    options: Options<'_>,
    body: &[u8],
    terms: &Terms,
) -> Result<(Vec<u8>, Written), SendError> {
    let mut frame = Vec::new();
    let mut writer = Writer::new(&mut frame, code, &[7, 7]).unwrap();
    let written = wanted.write(&mut writer, code, options.iter().copied(), body, terms)?;
    writer.finish();
    Ok((frame, written))
}

fn wanted(request: &[u8], terms: &Terms) -> Wanted {
    Wanted::of(&Message::parse(request).unwrap(), terms).unwrap()
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n / 16 * 7 + n) as u8).collect()
}

fn block1(frame: &[u8]) -> Option<Block> {
    Message::parse(frame).unwrap().block(OptionNumber::BLOCK1).unwrap()
}

fn block2(frame: &[u8]) -> Option<Block> {
    Message::parse(frame).unwrap().block(OptionNumber::BLOCK2).unwrap()
}
