//! What the images share: the board.
#![no_std]
#![deny(unsafe_code)]

pub mod board;
