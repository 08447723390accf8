//! Two sessions in the simulated world, beside the reference model. The body, and the laws it watches over, are in `testkit`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::session_ops(data));
