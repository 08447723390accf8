//! A stream, cut anywhere into the same frames. The body, and the laws it watches over, are in `testkit`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::deframe(data));
