//! What a side of the reference is configured with.

use std::time::Duration;

use coap_tcp_core::{Config, KeepAlive};

/// What a side is configured with. The rest is as by default.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "as the setters of `Config`")]
pub struct Rules {
    pub max_message_size: u32,
    pub block_wise: bool,
    pub tx_limit: u32,
    pub reply_room: u16,
    pub max_outstanding: u16,
    pub max_inbound: u16,
    pub max_observers: u16,
    pub await_csm: bool,
    pub custody: bool,
    pub keep_alive: KeepAlive,
    pub token_salt: Option<u64>,
    pub idle_timeout: Option<Duration>,
}

impl Rules {
    /// As the defaults have it.
    pub const DEFAULT: Self = Self {
        max_message_size: 1152,
        block_wise: true,
        tx_limit: 64 * 1024,
        reply_room: 128,
        max_outstanding: 64,
        max_inbound: 64,
        max_observers: 64,
        await_csm: false,
        custody: true,
        keep_alive: KeepAlive::Off,
        token_salt: None,
        idle_timeout: Some(Duration::from_secs(300)),
    };

    /// For the core.
    pub const fn config(&self) -> Config {
        Config::new()
            .max_message_size(self.max_message_size)
            .block_wise(self.block_wise)
            .tx_limit(self.tx_limit)
            .reply_room(self.reply_room)
            .max_outstanding(self.max_outstanding)
            .max_inbound(self.max_inbound)
            .max_observers(self.max_observers)
            .await_csm(self.await_csm)
            .custody(self.custody)
            .keep_alive(self.keep_alive)
            .token_salt(self.token_salt)
            .idle_timeout(self.idle_timeout)
    }
}
