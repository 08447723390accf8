//! The budget of all buffers is the process's, so this test has one for itself.

#![allow(clippy::unwrap_used)]

use bind_tokio::core::{Closed, Config, Count};
use bind_tokio::{Draft, Endpoint, NoService, set_buffer_budget};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// row-71
#[tokio::test]
async fn row_71_without_memory_a_connection_ends_instead_of_spinning() {
    let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
    let endpoint = Endpoint::new(Config::new().block_wise(false));
    let (handle, driver) = endpoint.connect_over(ours, NoService);
    tokio::spawn(driver);
    let mut csm = [0; 5];
    theirs.read_exact(&mut csm).await.unwrap();
    theirs.write_all(&[0x00, 0xe1]).await.unwrap();
    set_buffer_budget(1);
    assert!(handle.request(Draft::get("/")).await.is_err());
    drop(theirs);
    assert_eq!(handle.closed().await, Closed::OutOfMemory);
    assert_eq!(endpoint.stats().get(Count::OutOfMemory), 1);

    // There is none for another connection, either.
    let listener = endpoint.listen_plain("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(|_| NoService, std::future::pending()));
    let mut refused = tokio::net::TcpStream::connect(to).await.unwrap();
    let mut said = Vec::new();
    assert!(matches!(refused.read_to_end(&mut said).await, Ok(0) | Err(_)));
    assert_eq!(endpoint.stats().get(Count::OutOfMemory), 2);
}
