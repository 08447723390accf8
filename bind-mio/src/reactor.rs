//! All connections of one thread.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use coap_tcp_app::{Counters, Driver, Layer, Role, Turn};
use coap_tcp_core::{Config, Instant, Stats, Wheel};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::clock::Clock;
use crate::door::{Accepting, Door};
use crate::line::Line;
use crate::stream::Stream;
use crate::wake::{Alarm, Bell};

/// Tokens below are places of connections.
const ALARM: Token = Token(usize::MAX);
const DOOR: Token = Token(usize::MAX - 1);

/// All connections of one thread: their places, one timer wheel, one read buffer, one `mio::Poll`. An idle
/// connection takes its place, its deadline and its [`Layer`], and no buffer.
///
/// [`Reactor::run`] does it all. Whoever has a loop or a clock of their own calls [`Reactor::wait`] and
/// [`Reactor::turn`] instead, again and again.
pub struct Reactor<'c, L: Layer, S = TcpStream> {
    config: &'c Config,
    poll: Poll,
    events: Events,
    places: Vec<Option<Box<Line<'c, L, S>>>>,
    free: Vec<u32>,
    max_connections: usize,
    wheel: Wheel,
    /// Connections to be looked after.
    list: Vec<u32>,
    doors: Vec<Door<'c, S, L>>,
    accepting: Accepting,
    alarm: Arc<Alarm>,
    calls: Arc<Calls<'c, L, S>>,
    counters: Arc<Counters>,
    stopping: bool,
}

type Call<'c, L, S> = Box<dyn FnOnce(&mut Reactor<'c, L, S>, Instant) + Send>;

/// What other threads want done.
struct Calls<'c, L: Layer, S> {
    waiting: Mutex<Vec<Call<'c, L, S>>>,
    stop: AtomicBool,
}

impl<'c, L: Layer, S> Calls<'c, L, S> {
    fn lock(&self) -> MutexGuard<'_, Vec<Call<'c, L, S>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'c, L: Layer, S: Stream> Reactor<'c, L, S> {
    /// Without connections. At most 1,000,000 will be accepted.
    ///
    /// # Errors
    /// When the system has no means for it.
    pub fn new(config: &'c Config) -> io::Result<Self> {
        let poll = Poll::new()?;
        let alarm = Arc::new(Alarm::new(mio::Waker::new(poll.registry(), ALARM)?));
        Ok(Self {
            config,
            poll,
            events: Events::with_capacity(1024),
            places: Vec::new(),
            free: Vec::new(),
            max_connections: 1_000_000,
            wheel: Wheel::new(),
            list: Vec::new(),
            doors: Vec::new(),
            accepting: Accepting::Waits,
            alarm,
            calls: Arc::new(Calls { waiting: Mutex::default(), stop: AtomicBool::new(false) }),
            counters: Arc::default(),
            stopping: false,
        })
    }

    /// Connections at once above which none is accepted; they wait in the system's queue (F-34).
    #[must_use]
    pub const fn max_connections(mut self, max: usize) -> Self {
        self.max_connections = max;
        self
    }

    /// Counts into these: where several reactors count together.
    #[must_use]
    pub fn counting(mut self, counters: Arc<Counters>) -> Self {
        self.counters = counters;
        self
    }

    /// What has been ignored, refused or given up on all its connections.
    pub fn stats(&self) -> Stats {
        self.counters.snapshot()
    }

    /// Speaks to it from other threads.
    pub fn remote(&self) -> Remote<'c, L, S> {
        Remote { alarm: self.alarm.clone(), calls: self.calls.clone() }
    }

    /// Connections there are.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Listens for TCP connections. `welcome` makes of each what speaks on it.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn listen(
        &mut self,
        on: SocketAddr,
        welcome: impl FnMut(TcpStream, SocketAddr) -> (S, L) + Send + 'c,
    ) -> io::Result<SocketAddr> {
        let mut listener = TcpListener::bind(on)?;
        let address = listener.local_addr()?;
        self.poll.registry().register(&mut listener, DOOR, Interest::READABLE)?;
        self.doors.push(Door::new(listener, welcome));
        Ok(address)
    }

    /// Speaks on a stream from now on; the first words go out in the next turn.
    ///
    /// # Errors
    /// When mio cannot watch it, the configuration cannot work, or the reactor has been stopped.
    pub fn open(&mut self, now: Instant, role: Role, mut stream: S, layer: L) -> io::Result<()> {
        if self.stopping {
            return Err(io::Error::other("the reactor has been stopped"));
        }
        let driver = Driver::new(role, self.config, layer, now).map_err(io::Error::other)?;
        let driver = driver.counting(self.counters.clone());
        let key = match self.free.last() {
            Some(&key) => key,
            None => u32::try_from(self.places.len()).map_err(io::Error::other)?,
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(key as usize), both)?;
        let bell = Bell::new(key, &self.alarm);
        let line = Some(Box::new(Line { driver, stream, bell, listed: false }));
        match self.free.pop() {
            Some(_) => self.places[key as usize] = line,
            None => self.places.push(line),
        }
        self.enlist(key);
        Ok(())
    }

    /// Waits until there is something to do, but not longer than `limit`.
    ///
    /// # Errors
    /// As the system says.
    pub fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        let limit = if self.list.is_empty() { limit } else { Some(Duration::ZERO) };
        match self.poll.poll(&mut self.events, limit) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let Self { events, places, list, accepting, .. } = self;
        for event in &*events {
            match event.token() {
                ALARM => {}
                DOOR if *accepting == Accepting::Waits => *accepting = Accepting::At(Instant::ZERO),
                DOOR => {}
                Token(key) => enlist(places, list, key as u32),
            }
        }
        Ok(())
    }

    /// Does what there is to do, and once.
    pub fn turn(&mut self, now: Instant) {
        self.alarm.take().into_iter().for_each(|key| self.enlist(key));
        let calls = core::mem::take(&mut *self.calls.lock());
        calls.into_iter().for_each(|call| call(self, now));
        if self.calls.stop.swap(false, Ordering::AcqRel) {
            self.stop(now);
        }
        self.accept(now);
        while let Some(key) = self.wheel.advance(now) {
            self.enlist(key);
        }
        for key in core::mem::take(&mut self.list) {
            self.look_after(key, now);
        }
    }

    /// When [`Reactor::turn`] wants to be called, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Instant> {
        let door = match self.accepting {
            Accepting::At(at) => Some(at),
            Accepting::Waits | Accepting::Full => None,
        };
        [self.wheel.next_deadline(), door].into_iter().flatten().min()
    }

    /// Waits and turns until [`Reactor::stop`] or [`Remote::stop`], and on until the last connection is over.
    ///
    /// # Errors
    /// As the system says.
    pub fn run(&mut self, clock: Clock) -> io::Result<()> {
        while !self.stopping || !self.is_empty() {
            let until = self.next_deadline().map(|at| at.duration_since(clock.now()));
            // Rounded up: what is a fraction of a millisecond away would be asked for in vain.
            self.wait(until.map(|limit| limit + Duration::from_micros(999)))?;
            self.turn(clock.now());
        }
        Ok(())
    }

    /// Accepts no more, and releases all connections: what is owed is still answered, the peers close.
    pub fn stop(&mut self, now: Instant) {
        self.stopping = true;
        self.doors.clear();
        for key in 0..self.places.len() {
            if let Some(line) = self.places.get_mut(key).and_then(Option::as_mut) {
                line.driver.release(now);
                self.enlist(key as u32);
            }
        }
    }

    fn accept(&mut self, now: Instant) {
        if !matches!(self.accepting, Accepting::At(at) if at <= now) {
            return;
        }
        self.accepting = Accepting::Waits;
        let mut doors = core::mem::take(&mut self.doors);
        for door in &mut doors {
            loop {
                if self.len() >= self.max_connections {
                    self.accepting = Accepting::Full;
                    break;
                }
                match door.next(now) {
                    // What cannot be watched is dropped, and thereby closed.
                    Ok((stream, layer)) => drop(self.open(now, Role::Acceptor, stream, layer)),
                    Err(Accepting::Waits) => break,
                    Err(later) => {
                        self.accepting = later;
                        break;
                    }
                }
            }
        }
        self.doors = doors;
    }

    fn look_after(&mut self, key: u32, now: Instant) {
        let Some(place) = self.places.get_mut(key as usize) else {
            return;
        };
        let Some(line) = place else {
            return;
        };
        match line.turns(now) {
            Turn::Again => self.enlist(key),
            Turn::Rest(Some(at)) => self.wheel.set(key, at),
            Turn::Rest(None) => drop(self.wheel.remove(key)),
            Turn::Closed(_) => {
                // A failure to deregister leaves nothing behind: the stream goes.
                let _ = self.poll.registry().deregister(&mut line.stream);
                *place = None;
                self.free.push(key);
                self.wheel.remove(key);
                if self.accepting == Accepting::Full {
                    self.accepting = Accepting::At(now);
                }
            }
        }
    }

    fn enlist(&mut self, key: u32) {
        enlist(&mut self.places, &mut self.list, key);
    }
}

fn enlist<L: Layer, S>(places: &mut [Option<Box<Line<'_, L, S>>>], list: &mut Vec<u32>, key: u32) {
    if let Some(Some(line)) = places.get_mut(key as usize) {
        if !core::mem::replace(&mut line.listed, true) {
            list.push(key);
        }
    }
}

impl<L: Layer> Reactor<'_, L> {
    /// Opens a TCP connection. What is not connected in time ends like one whose peer says nothing.
    ///
    /// # Errors
    /// When the system refuses at once.
    pub fn connect(&mut self, now: Instant, to: SocketAddr, layer: L) -> io::Result<()> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        self.open(now, Role::Initiator, stream, layer)
    }
}

impl<L: Layer, S: Stream> fmt::Debug for Reactor<'_, L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor").field("connections", &self.len()).finish_non_exhaustive()
    }
}

/// Speaks to a [`Reactor`] from other threads. A connection has a [`Handle`](crate::Handle) for itself.
pub struct Remote<'c, L: Layer, S = TcpStream> {
    alarm: Arc<Alarm>,
    calls: Arc<Calls<'c, L, S>>,
}

impl<'c, L: Layer, S: Stream> Remote<'c, L, S> {
    /// Has something done on the reactor's thread, soon: connecting, for example.
    ///
    /// # Errors
    /// When the reactor cannot be woken.
    pub fn call(
        &self,
        call: impl FnOnce(&mut Reactor<'c, L, S>, Instant) + Send + 'static,
    ) -> io::Result<()> {
        self.calls.lock().push(Box::new(call));
        self.alarm.ring()
    }

    /// See [`Reactor::stop`].
    ///
    /// # Errors
    /// When the reactor cannot be woken.
    pub fn stop(&self) -> io::Result<()> {
        self.calls.stop.store(true, Ordering::Release);
        self.alarm.ring()
    }
}

impl<L: Layer, S> Clone for Remote<'_, L, S> {
    fn clone(&self) -> Self {
        Self { alarm: self.alarm.clone(), calls: self.calls.clone() }
    }
}

impl<L: Layer, S> fmt::Debug for Remote<'_, L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote")
    }
}
