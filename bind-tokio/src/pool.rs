//! Buffers that exist only while there is something in them.

pub use coap_tcp_app::pool::{Pooled, buffer_bytes_in_use, set_buffer_budget};
