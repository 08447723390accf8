//! The bodies of the fuzz targets over what is known: the seeds that scripts give, the committed corpus, and
//! a fixed number of mutations.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use testkit::conformance::SCRIPTS;
use testkit::fuzz::BODIES;
use testkit::fuzz::seeds::seeds;
use testkit::rng::Rng;
use testkit::script::load;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus");

/// Runs a body and says which input it was that broke.
fn run(name: &str, of: &str, body: fn(&[u8]), data: &[u8]) {
    if let Err(panic) = std::panic::catch_unwind(|| body(data)) {
        eprintln!("{name} on {of}: {data:02x?}");
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn seeds_and_their_mutations() {
    let seeds = seeds(&load(Path::new(SCRIPTS)).unwrap());
    for &(name, body) in BODIES {
        let seeds: Vec<_> = seeds.get(name).unwrap().iter().collect();
        assert!(seeds.len() > 20, "{name} has few seeds");
        for (of, data) in &seeds {
            run(name, of, body, data);
        }
        let mut rng = Rng::new(8323);
        for _ in 0..500 {
            let (of, data) = seeds[rng.below(seeds.len())];
            let mut data = data.clone();
            for _ in 0..=rng.below(4) {
                let (_, other) = seeds[rng.below(seeds.len())];
                mutate(&mut data, &mut rng, other);
            }
            run(name, of, body, &data);
        }
    }
}

fn mutate(data: &mut Vec<u8>, rng: &mut Rng, other: &[u8]) {
    let at = rng.below(data.len() + 1);
    match rng.below(5) {
        0 => data.truncate(at),
        1 => data.insert(at, rng.next() as u8),
        2 => data.extend_from_slice(&other[rng.below(other.len())..]),
        3 if at < data.len() => data[at] ^= 1 << rng.below(8),
        _ if at < data.len() => data[at] = rng.next() as u8,
        _ => {}
    }
}

#[test]
fn committed_corpus() {
    for &(name, body) in BODIES {
        let folder = Path::new(CORPUS).join(name);
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            run(name, &path.display().to_string(), body, &std::fs::read(&path).unwrap());
        }
    }
}
