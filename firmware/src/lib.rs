//! What the images share: the board, and counterparts for those without a network.
#![no_std]
#![deny(unsafe_code)]

pub mod board;
pub mod canned;
