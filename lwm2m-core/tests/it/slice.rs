//! The whole way: register, read, observe, update, de-register.

use coap_tcp_core::Instant;
use lwm2m_core::client::State;
use lwm2m_core::content::ContentFormat;

use super::rig::*;

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| value.to_string()).collect()
}

/// From nothing to nothing, over whatever memory.
fn whole<M: Memory>(cut: usize) -> Vec<String> {
    let mut world = World::<M>::cut(cut);
    assert_eq!(world.device.client.state(0), State::Registered);
    let registration = world.host.registry.find("dev").unwrap();
    let objects: Vec<_> = registration.objects().iter().map(|listed| listed.path.to_string()).collect();
    assert_eq!(objects, ["/1", "/1/0", "/3", "/3/0", "/3303", "/3303/0", "/3303/1"]);
    assert_eq!(registration.preferred_format(), ContentFormat::SENML_CBOR);

    // Read in three formats: one value, a structure, a structure without being asked for a format.
    let now = Instant::ZERO;
    world.ask(|registry, id, peer| {
        registry.read(now, id, path("/3303/0/5700"), Some(ContentFormat::TEXT), 1, peer).unwrap();
        registry.read(now, id, path("/3/0"), Some(ContentFormat::TLV), 2, peer).unwrap();
        registry.read(now, id, path("/3303"), None, 3, peer).unwrap();
    });
    let device = [
        "/3/0/0 String(\"Example\")",
        "/3/0/1 String(\"T1\")",
        "/3/0/6/0 Integer(1)",
        "/3/0/6/1 Integer(5)",
        "/3/0/9 Integer(80)",
        "/3/0/11/0 Integer(0)",
        "/3/0/16 String(\"T\")",
    ];
    let temperatures = [
        "/3303/0/5601 Float(21.5)",
        "/3303/0/5602 Float(21.5)",
        "/3303/0/5700 Float(21.5)",
        "/3303/0/5701 String(\"Cel\")",
        "/3303/1/5701 String(\"Cel\")",
    ];
    let read = "Read".to_string();
    assert_eq!(
        std::mem::take(&mut world.host.answers),
        [
            (1, read.clone(), strings(&["/3303/0/5700 Float(21.5)"])),
            (2, read.clone(), strings(&device)),
            (3, read, strings(&temperatures)),
        ]
    );

    // Observe, three changes, cancel.
    world.ask(|registry, id, peer| {
        registry.observe(now, id, path("/3303/0/5700"), None, 4, peer).unwrap();
    });
    for value in [22.0, 22.5, 23.0] {
        world.wait(s(1.0));
        world.device.objects.2[0].measure(value);
        world.device.client.changed(world.device.now, path("/3303/0"));
        world.settle();
    }
    world.ask(|registry, id, peer| registry.cancel(now, id, 4, peer).unwrap());
    world.device.client.changed(world.device.now, path("/3303/0"));
    world.settle();
    let told = |operation: &str, value: &str| {
        (4, operation.to_string(), vec![format!("/3303/0/5700 Float({value})")])
    };
    assert_eq!(
        std::mem::take(&mut world.host.answers),
        [
            told("Observe", "21.5"),
            told("Notify", "22.0"),
            told("Notify", "22.5"),
            told("Notify", "23.0"),
            told("Cancel", "23.0")
        ]
    );
    let id = world.host.registry.find("dev").unwrap().id();
    assert_eq!(world.host.registry.observations(id).count(), 0);

    // The registration is kept up, and given back.
    world.wait(s(600.0));
    assert_eq!(world.host.events.iter().filter(|event| event.starts_with("Updated")).count(), 2);
    world.device.client.deregister(world.device.now, 0);
    world.wait(s(5.0));
    assert_eq!(world.device.client.state(0), State::Stopped);
    assert_eq!(world.host.events.last().unwrap(), "deregistered dev");
    assert!(world.host.registry.find("dev").is_none());
    assert_eq!(world.device.connects.len(), 1);
    world.wire
}

#[test]
fn the_whole_slice_with_growing_buffers() {
    whole::<Heap>(usize::MAX);
}

#[test]
fn the_whole_slice_with_fixed_buffers_and_slots() {
    whole::<Firmware>(usize::MAX);
}

/// What is said does not depend on how it is cut, nor on whose memory it is in.
#[test]
fn the_whole_slice_in_pieces() {
    let expected = whole::<Heap>(usize::MAX);
    for cut in [1, 2, 7, 61] {
        assert_eq!(whole::<Heap>(cut), expected, "{cut}");
        assert_eq!(whole::<Firmware>(cut), expected, "{cut}");
    }
}

#[test]
fn a_device_is_small() {
    use lwm2m_core::client::Client;
    assert!(size_of::<Client<'_, 1, 8>>() <= 768, "{}", size_of::<Client<'_, 1, 8>>());
}

#[test]
fn tcp_40_reg_69_a_new_connection_registers_and_has_no_observations() {
    let mut world = World::<Heap>::new();
    world.ask(|registry, id, peer| {
        registry.observe(Instant::ZERO, id, path("/3303/0"), None, 1, peer).unwrap();
    });
    world.wait(s(10.0));
    world.device.disconnect();
    world.wire.clear();
    world.settle();
    assert_eq!(world.device.connects.len(), 2);
    assert_eq!(world.host.events, ["registered, replaced false", "registered, replaced true"]);
    let registration = world.host.registry.find("dev").unwrap();
    assert_eq!(registration.connection(), Some(2));
    assert_eq!(world.host.registry.observations(registration.id()).count(), 0);
    world.wire.clear();
    world.device.client.changed(world.device.now, path("/3303/0/5700"));
    world.settle();
    assert!(world.wire.is_empty(), "{:?}", world.wire);
}

#[test]
fn reg_66_a_server_that_has_forgotten_is_told_everything_again() {
    let mut world = World::<Heap>::new();
    let before = world.host.registry.find("dev").unwrap().id();
    world.host.registry = lwm2m_core::server::Registry::new(Default::default(), || 5);
    world.host.registry.handle_connected(world.host.now, world.k, None);
    world.device.client.update(world.device.now, 0);
    world.settle();
    let after = world.host.registry.find("dev").unwrap().id();
    assert_ne!(before, after);
    assert!(world.device.events.iter().any(|event| event == "Forgotten(4.04)"), "{:?}", world.device.events);
    assert_eq!(world.device.connects.len(), 1);
}
