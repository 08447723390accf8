//! `icount CASE TIMES`: does one thing so many times and nothing else, for the script beside this crate to
//! count its instructions. Without arguments: lists the cases.
//!
//! To parse is to check and to cut; to read is to look at path, an option and the payload as well.

use std::hint::black_box;

use benches::{Sample, Server};
use coap_lite::Packet;
use coap_tcp_core::Message;

type Case = (&'static str, fn(usize));

const CASES: &[Case] = &[
    ("parse small GET", |n| parse(n, &Sample::small_get())),
    ("parse small GET, coap-lite", |n| parse_lite(n, &Sample::small_get())),
    ("read small GET", |n| read(n, &Sample::small_get())),
    ("read small GET, coap-lite", |n| read_lite(n, &Sample::small_get())),
    ("write small GET", |n| write(n, &Sample::small_get())),
    ("write small GET, coap-lite", |n| write_lite(n, &Sample::small_get())),
    ("parse 1 KiB POST", |n| parse(n, &Sample::large_post())),
    ("parse 1 KiB POST, coap-lite", |n| parse_lite(n, &Sample::large_post())),
    ("read 1 KiB POST", |n| read(n, &Sample::large_post())),
    ("read 1 KiB POST, coap-lite", |n| read_lite(n, &Sample::large_post())),
    ("write 1 KiB POST", |n| write(n, &Sample::large_post())),
    ("write 1 KiB POST, coap-lite", |n| write_lite(n, &Sample::large_post())),
    ("parse 32 options", |n| parse(n, &Sample::many_options())),
    ("parse 32 options, coap-lite", |n| parse_lite(n, &Sample::many_options())),
    ("read 32 options", |n| read(n, &Sample::many_options())),
    ("read 32 options, coap-lite", |n| read_lite(n, &Sample::many_options())),
    ("write 32 options", |n| write(n, &Sample::many_options())),
    ("write 32 options, coap-lite", |n| write_lite(n, &Sample::many_options())),
    ("serve small GET", |n| serve(n, &Sample::small_get().frame, usize::MAX)),
    ("serve small GET, 16 a read", |n| serve(n / 16, &Sample::small_get().frame.repeat(16), usize::MAX)),
    ("serve small GET, 61-byte reads", |n| serve(n / 16, &Sample::small_get().frame.repeat(16), 61)),
    ("serve 1 KiB POST", |n| serve(n, &Sample::large_post().frame, usize::MAX)),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let case = arguments.next();
    let times = arguments.next().and_then(|times| times.parse().ok());
    match (case, times) {
        (Some(case), Some(times)) => match CASES.iter().find(|(name, _)| *name == case) {
            Some((_, run)) => run(times),
            None => panic!("no case {case}"),
        },
        _ => CASES.iter().for_each(|(name, _)| println!("{name}")),
    }
}

fn parse(times: usize, sample: &Sample) {
    for _ in 0..times {
        let _ = black_box(Message::parse(black_box(&sample.frame)));
    }
}

fn parse_lite(times: usize, sample: &Sample) {
    for _ in 0..times {
        let _ = black_box(Packet::from_bytes(black_box(&sample.datagram)));
    }
}

fn read(times: usize, sample: &Sample) {
    for _ in 0..times {
        black_box(Sample::read(black_box(&sample.frame)));
    }
}

fn read_lite(times: usize, sample: &Sample) {
    for _ in 0..times {
        black_box(Sample::read_lite(black_box(&sample.datagram)));
    }
}

fn write(times: usize, sample: &Sample) {
    let mut tx = Vec::with_capacity(2048);
    for _ in 0..times {
        tx.clear();
        black_box(sample).write(&mut tx);
        black_box(&tx);
    }
}

fn write_lite(times: usize, sample: &Sample) {
    for _ in 0..times {
        black_box(black_box(sample).write_lite());
    }
}

fn serve(times: usize, bytes: &[u8], read: usize) {
    let mut server = Server::open();
    for _ in 0..times {
        for bytes in black_box(bytes).chunks(read) {
            black_box(server.serve(bytes));
        }
    }
}
