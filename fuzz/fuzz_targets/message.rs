//! One frame: lengths, view, round trip, beside the model codec. The body, and the laws it watches over, are in `testkit`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::message(data));
