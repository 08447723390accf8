//! A server's session by wall time: bytes in, answers out, nothing between.

use std::hint::black_box;
use std::time::Duration;

use benches::{Sample, Server};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn session(c: &mut Criterion) {
    let (get, post) = (Sample::small_get(), Sample::large_post());
    let cases = [
        ("GET whole", get.frame.clone(), usize::MAX, 1),
        // 61 divides nothing, so every frame is cut somewhere else.
        ("64 GET in 61-byte reads", get.frame.repeat(64), 61, 64),
        ("1 KiB POST whole", post.frame.clone(), usize::MAX, 1),
        ("64 GET in one read", get.frame.repeat(64), usize::MAX, 64),
    ];
    let mut group = c.benchmark_group("session");
    for (name, bytes, read, requests) in cases {
        let mut server = Server::open();
        group.throughput(Throughput::Elements(requests));
        group.bench_function(name, |b| {
            b.iter(|| {
                let reads = black_box(&bytes).chunks(read);
                reads.map(|bytes| server.serve(bytes)).sum::<usize>()
            });
        });
    }
    group.finish();
}

/// Short enough that all benches together take less than a minute.
fn short() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = short(); targets = session);
criterion_main!(benches);
