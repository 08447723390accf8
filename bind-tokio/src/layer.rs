//! What runs on top of a connection.

pub use coap_tcp_app::layer::{Layer, Lent, Slots};
