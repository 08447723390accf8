//! The scripts' server, which asks the device `dev1`.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use coap_tcp_core::{Instant, SendError};
use lwm2m_app::core::path::Path;
use lwm2m_app::core::server::{Config, DownlinkError};
use lwm2m_app::{Answer, AskError, Events, Observation, Server, ServerEvent, ServerLayer};

use super::acting::Actor;
use crate::model::Plain;
use crate::rig::{Seen, kebab};
use crate::script::{Command, Lwm2m, Role};

/// A server whose locations are 1, 2, 3 and so on.
pub struct ServerActor {
    server: Server,
    events: Events<ServerEvent>,
    asked: BTreeMap<u32, Asked>,
}

enum Asked {
    Read(Pin<Box<dyn Future<Output = Result<Answer, AskError>> + Send>>),
    Observation(Observation),
}

impl Asked {
    /// The next answer, and whether it is the last.
    fn next(&mut self) -> Option<(Result<Answer, AskError>, bool)> {
        let mut cx = Context::from_waker(Waker::noop());
        match self {
            Self::Read(read) => match read.as_mut().poll(&mut cx) {
                Poll::Ready(answer) => Some((answer, true)),
                Poll::Pending => None,
            },
            Self::Observation(observation) => {
                let next = pin!(observation.next()).poll(&mut cx);
                match next {
                    Poll::Ready(Some(answer)) => Some((answer, observation.is_over())),
                    Poll::Ready(None) | Poll::Pending => None,
                }
            }
        }
    }
}

impl Actor for ServerActor {
    type Layer = ServerLayer;
    const ROLE: Role = Role::Server;

    fn new(_: impl Fn() -> Instant + Send + Sync + 'static) -> (Self, ServerLayer) {
        let mut number = 0;
        let (server, events) = Server::new(Config::new(), move || {
            number += 1;
            number
        });
        let layer = server.layer();
        (Self { server, events, asked: BTreeMap::new() }, layer)
    }

    fn act(&mut self, command: &Command, seen: &mut Vec<Seen>) {
        let path = |path: &str| path.parse::<Path>().unwrap_or_else(|error| panic!("{path}: {error}"));
        match command {
            Command::Lwm2m(Lwm2m::Read { tag, path: at }) => {
                let (server, at) = (self.server.clone(), path(at));
                let read = Box::pin(async move { server.read("dev1", at, None).await });
                self.asked.insert(*tag, Asked::Read(read));
            }
            Command::Lwm2m(Lwm2m::Observe { tag, path: at }) => {
                match self.server.observe("dev1", path(at), None) {
                    Ok(observation) => drop(self.asked.insert(*tag, Asked::Observation(observation))),
                    Err(error) => seen.push(unanswered(*tag, error)),
                }
            }
            // Dropped, it is cancelled on the wire (IR-1).
            Command::Forget(tag) => {
                self.asked.remove(tag);
                seen.push(Seen::Forgotten(*tag));
            }
            other => panic!("a server cannot {other:?}"),
        }
        // What asks has to be polled to ask.
        self.gather(seen);
    }

    fn turn(&mut self, cx: &mut Context<'_>, now: Instant) -> Option<Instant> {
        self.server.poll(cx, now)
    }

    fn gather(&mut self, seen: &mut Vec<Seen>) {
        let told = core::iter::from_fn(|| self.events.try_recv());
        seen.extend(told.map(|event| Seen::Lwm2m(kebab(&event))));
        self.asked.retain(|&tag, asked| {
            while let Some((answer, last)) = asked.next() {
                let over = last || answer.is_err();
                seen.push(match answer {
                    Ok(answer) => {
                        let message = Plain::of(&answer.message().view());
                        Seen::Response { tag, last, message }
                    }
                    Err(error) => unanswered(tag, error),
                });
                if over {
                    return false;
                }
            }
            true
        });
    }
}

fn unanswered(tag: u32, why: AskError) -> Seen {
    match why {
        AskError::Timeout => Seen::Expired(tag),
        AskError::Failed(why) => Seen::Failed { tag, why },
        AskError::Downlink(DownlinkError::Send(why)) => Seen::Refused { tag: Some(tag), why },
        AskError::Busy => Seen::Refused { tag: Some(tag), why: SendError::TooMany },
        _ => Seen::Lost(tag),
    }
}

impl fmt::Debug for ServerActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerActor").field("asked", &self.asked.len()).finish_non_exhaustive()
    }
}
