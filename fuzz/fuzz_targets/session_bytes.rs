//! A session: hostile bytes, careless commands, time. The body, and the laws it watches over, are in `testkit`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::session_bytes(data));
