//! Section C: connection start and CSM.

use crate::rig::Rig;
use coap_tcp_core::{Config, State};

#[test]
fn smoke() {
    let mut rig = Rig::accept(Config::new());
    assert_eq!(rig.said_hex(), "40E122048020");
    assert_eq!(rig.session.conn().state(), State::Starting);
    rig.feed("00 E1 C1 01 71 BB 74 65 6D 70 65 72 61 74 75 72 65").unwrap();
    assert_eq!(rig.heard().len(), 2);
    assert_eq!(rig.said(), ["2.05 Content token=71 \"ok\""]);
}
