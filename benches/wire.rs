//! The codec by wall time, beside `coap-lite`'s. Reports only: nothing fails by being slow.

use std::hint::black_box;
use std::time::Duration;

use benches::Sample;
use criterion::{Criterion, criterion_group, criterion_main};

fn wire(c: &mut Criterion) {
    for sample in Sample::all() {
        let mut group = c.benchmark_group(sample.name);
        group.bench_function("read", |b| b.iter(|| Sample::read(black_box(&sample.frame))));
        group.bench_function("read, coap-lite", |b| {
            b.iter(|| Sample::read_lite(black_box(&sample.datagram)));
        });
        let mut tx = Vec::with_capacity(2048);
        group.bench_function("write", |b| {
            b.iter(|| {
                tx.clear();
                sample.write(black_box(&mut tx));
                tx.len()
            });
        });
        group.bench_function("write, coap-lite", |b| b.iter(|| black_box(&sample).write_lite()));
        group.finish();
    }
}

/// Short enough that all benches together take less than a minute.
fn short() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = short(); targets = wire);
criterion_main!(benches);
