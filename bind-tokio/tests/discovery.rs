//! What the example server says of itself (RFC 6690), over a pipe in memory.

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::time::Duration;

use bind_tokio::core::{Code, Config, OptionNumber};
use bind_tokio::{Coap, Draft, Endpoint, Handle, NoService, Role};
use demo::{Demo, Runtime};

#[derive(Clone)]
struct Tokio;

impl Runtime for Tokio {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn client() -> Handle {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (handle, driver) = Endpoint::new(Config::new()).connect_over(ours, NoService);
    let layer = Coap::new(Demo::new(Tokio));
    let served = Endpoint::new(demo::config()).drive(theirs, Role::Acceptor, layer, std::future::pending());
    tokio::spawn(driver);
    tokio::spawn(served);
    handle
}

/// What is in angle brackets, of links without commas and angle brackets elsewhere.
fn paths(links: &str) -> Vec<String> {
    let path = |link: &str| Some(link.strip_prefix('<')?.split_once('>')?.0.to_owned());
    links.split(',').map(|link| path(link).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn c_6690_1_the_servers_resources_are_listed_and_are_there() {
    let client = client();
    let answer = client.request(Draft::get("/.well-known/core")).await.unwrap();
    let answer = answer.view();
    assert_eq!((answer.code, answer.uint(OptionNumber::CONTENT_FORMAT)), (Code::CONTENT, Some(40)));
    let links = paths(core::str::from_utf8(answer.payload).unwrap());
    assert!(links.contains(&"/test".to_owned()), "{links:?}");
    for path in links {
        let answer = client.request(Draft::get(&format!("{path}?size=16"))).await.unwrap();
        assert!([Code::CONTENT, Code::METHOD_NOT_ALLOWED].contains(&answer.view().code), "{path}");
    }
    let nowhere = client.request(Draft::get("/nowhere")).await.unwrap();
    assert_eq!(nowhere.view().code, Code::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn c_6690_4_one_query_filters() {
    let client = client();
    let answer = client.request(Draft::get("/.well-known/core?href=/t*")).await.unwrap();
    assert_eq!(paths(core::str::from_utf8(answer.view().payload).unwrap()), ["/test", "/tick"]);
    let none = client.request(Draft::get("/.well-known/core?rt=none*")).await.unwrap();
    assert_eq!((none.view().code, none.view().payload), (Code::CONTENT, &b""[..]));
}

/// row-36
#[tokio::test(start_paused = true)]
async fn row_36_links_in_no_other_format() {
    let client = client();
    for (format, code) in [(40, Code::CONTENT), (0, Code::NOT_ACCEPTABLE)] {
        let draft = Draft::get("/.well-known/core").uint(OptionNumber::ACCEPT, format);
        assert_eq!(client.request(draft).await.unwrap().view().code, code);
    }
}
