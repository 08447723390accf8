//! What an idle connection takes: servers have thousands of them.

use coap_tcp_app::{Coap, Driver, NoService};

#[test]
#[cfg(target_pointer_width = "64")]
fn sizes_have_ceilings() {
    let sizes = [size_of::<Coap<NoService>>(), size_of::<Driver<'static, Coap<NoService>>>()];
    for (size, ceiling) in sizes.into_iter().zip([128, 360]) {
        assert!(size <= ceiling, "{sizes:?}");
    }
}
