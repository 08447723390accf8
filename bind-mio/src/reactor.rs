//! All connections of one thread.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use coap_tcp_app::{Counters, KnownPath, Layer, Role, Turn, check, tune};
use coap_tcp_core::{Advice, Closed, Config, Instant, Stats, Tally};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::clock::Clock;
use crate::door::{Accepting, Door};
use crate::line::{Line, Terms};
use crate::places::Places;
use crate::stream::Stream;
use crate::task::{Attend, Task};
use crate::wake::{Alarm, Bell, Who};

/// Tokens below are places of connections.
const ALARM: Token = Token(usize::MAX);
const DOOR: Token = Token(usize::MAX - 1);

/// All connections of one thread: their places, one timer wheel, one read buffer, one `mio::Poll`. An idle
/// connection takes its place, its deadline and its [`Layer`], and no buffer.
///
/// [`Reactor::run`] does it all. Whoever has a loop or a clock of their own calls [`Reactor::wait`] and
/// [`Reactor::turn`] instead, again and again.
pub struct Reactor<'c, L: Layer, S = TcpStream> {
    terms: Terms<'c>,
    poll: Poll,
    events: Events,
    lines: Places<Line<'c, L, S>>,
    tasks: Places<Task<'c, Self>>,
    max_connections: usize,
    connect_timeout: Duration,
    advice: Advice,
    doors: Vec<Door<'c, S, L>>,
    accepting: Accepting,
    alarm: Arc<Alarm>,
    calls: Arc<Calls<'c, L, S>>,
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
    /// Without connections. At most 1,000,000 will be accepted, and one that it opens has 10 s to stand.
    ///
    /// # Errors
    /// When the system has no means for it, or the configuration cannot work.
    pub fn new(config: &'c Config) -> io::Result<Self> {
        check(config).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let poll = Poll::new()?;
        let alarm = Arc::new(Alarm::new(mio::Waker::new(poll.registry(), ALARM)?));
        Ok(Self {
            terms: Terms { config, counters: Arc::default(), path: Arc::default() },
            poll,
            events: Events::with_capacity(1024),
            lines: Places::new(),
            tasks: Places::new(),
            max_connections: 1_000_000,
            connect_timeout: Duration::from_secs(10),
            advice: Advice::acceptor(config),
            doors: Vec::new(),
            accepting: Accepting::Waits,
            alarm,
            calls: Arc::new(Calls { waiting: Mutex::default(), stop: AtomicBool::new(false) }),
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
        self.terms.counters = counters;
        self
    }

    /// Connections that it opens begin with what is known of the path, and add to it: the way out that they have in
    /// common, whose NAT an adaptive keep-alive learns.
    #[must_use]
    pub fn over(mut self, path: Arc<KnownPath>) -> Self {
        self.terms.path = path;
        self
    }

    /// What has been ignored, refused or given up on all its connections.
    pub fn stats(&self) -> Stats {
        self.terms.counters.snapshot()
    }

    /// For a transport that it opens to stand; 10 s.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Has TCP probe idle connections, from now on, after so long. Off: two hours, as is usual, are too late for
    /// a NAT, and the configuration's keep-alive proves more (K-4.3-4, F-31).
    #[must_use]
    pub const fn tcp_keep_alive(mut self, after: Duration) -> Self {
        self.advice.keep_alive = Some(after);
        self
    }

    /// Has TCP give up, from now on, when sent bytes are not acknowledged for so long (TCP_USER_TIMEOUT; only
    /// where the system has it). Off: its own limit holds (F-31).
    #[must_use]
    pub const fn tcp_user_timeout(mut self, timeout: Duration) -> Self {
        self.advice.user_timeout = Some(timeout);
        self
    }

    /// Speaks to it from other threads.
    pub fn remote(&self) -> Remote<'c, L, S> {
        Remote { alarm: self.alarm.clone(), calls: self.calls.clone() }
    }

    /// Connections there are, those being opened among them.
    pub fn len(&self) -> usize {
        self.lines.len()
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

    /// Speaks on a stream from now on, or, where we open it, from when it stands.
    ///
    /// # Errors
    /// When mio cannot watch it, or the reactor has been stopped.
    pub fn open(&mut self, now: Instant, role: Role, mut stream: S, layer: L) -> io::Result<()> {
        if self.stopping {
            return Err(io::Error::other("the reactor has been stopped"));
        }
        let key = self.lines.next_key().ok_or(io::ErrorKind::OutOfMemory)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(key as usize), both)?;
        let bell = Bell::new(Who::Line(key), &self.alarm);
        let line = match role {
            Role::Initiator => Line::opening(stream, layer, now + self.connect_timeout),
            Role::Acceptor => Line::accepted(&self.terms, stream, layer, now)?,
        };
        self.lines.insert(line, bell);
        Ok(())
    }

    /// Runs something beside the connections until it is over, or the reactor is stopped: it is called soon,
    /// and then as it says. What opens connections again when they are lost is run so, for example.
    pub fn attend(&mut self, task: impl FnMut(&mut Self, &mut Context<'_>, Instant) -> Attend + Send + 'c) {
        // Nobody has so many that there is no place.
        if let Some(key) = self.tasks.next_key() {
            self.tasks.insert(Box::new(task), Bell::new(Who::Task(key), &self.alarm));
        }
    }

    /// Waits until there is something to do, but not longer than `limit`.
    ///
    /// # Errors
    /// As the system says.
    pub fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        let quiet = self.lines.is_quiet() && self.tasks.is_quiet();
        let limit = if quiet { limit } else { Some(Duration::ZERO) };
        match self.poll.poll(&mut self.events, limit) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let Self { events, lines, accepting, .. } = self;
        for event in &*events {
            match event.token() {
                ALARM => {}
                DOOR if *accepting == Accepting::Waits => *accepting = Accepting::At(Instant::ZERO),
                DOOR => {}
                Token(key) => lines.enlist(key as u32),
            }
        }
        Ok(())
    }

    /// Does what there is to do, and once.
    pub fn turn(&mut self, now: Instant) {
        for who in self.alarm.take() {
            match who {
                Who::Line(key) => self.lines.handle_ring(key),
                Who::Task(key) => self.tasks.handle_ring(key),
            }
        }
        let calls = core::mem::take(&mut *self.calls.lock());
        calls.into_iter().for_each(|call| call(self, now));
        if self.calls.stop.swap(false, Ordering::AcqRel) {
            self.stop(now);
        }
        self.accept(now);
        for key in self.lines.take_list(now) {
            self.look_after(key, now);
        }
        for key in self.tasks.take_list(now) {
            self.run_task(key, now);
        }
    }

    /// When [`Reactor::turn`] wants to be called, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Instant> {
        let door = match self.accepting {
            Accepting::At(at) => Some(at),
            Accepting::Waits | Accepting::Full => None,
        };
        [self.lines.next_deadline(), self.tasks.next_deadline(), door].into_iter().flatten().min()
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

    /// Accepts and attends no more, and releases all connections: what is owed is still answered, the peers close.
    pub fn stop(&mut self, now: Instant) {
        self.stopping = true;
        self.doors.clear();
        self.tasks = Places::new();
        self.lines.for_each(|line| line.release(now));
        self.lines.enlist_all();
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
                match door.next(now, &self.advice) {
                    // What there are no means for is dropped, and thereby closed.
                    Ok((stream, layer)) => {
                        if self.open(now, Role::Acceptor, stream, layer).is_err() {
                            (&*self.terms.counters).closed(Closed::OutOfMemory);
                        }
                    }
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
        let Some(line) = self.lines.get_mut(key) else {
            return;
        };
        match line.turn(|line, cx| line.turns(cx, &self.terms, now)) {
            Turn::Again => self.lines.enlist(key),
            Turn::Rest(until) => self.lines.rest(key, until),
            Turn::Closed(_) => {
                // A failure to deregister leaves nothing behind: the stream goes.
                let _ = self.poll.registry().deregister(&mut line.it.stream);
                self.lines.remove(key);
                if self.accepting == Accepting::Full {
                    self.accepting = Accepting::At(now);
                }
            }
        }
    }

    fn run_task(&mut self, key: u32, now: Instant) {
        let Some(mut task) = self.tasks.lend(key) else {
            return;
        };
        match task.turn(|task, cx| task(self, cx, now)) {
            _ if self.stopping => {}
            Attend::Wait(until) => {
                self.tasks.put_back(key, task);
                self.tasks.rest(key, until);
            }
            Attend::Over => self.tasks.remove(key),
        }
    }
}

impl<L: Layer> Reactor<'_, L> {
    /// Opens a TCP connection. What does not stand in time ends with
    /// [`Closed::Transport`](coap_tcp_core::Closed::Transport).
    ///
    /// # Errors
    /// When the system refuses at once.
    pub fn connect(&mut self, now: Instant, to: SocketAddr, layer: L) -> io::Result<()> {
        let stream = TcpStream::connect(to)?;
        tune(&stream, &self.advice)?;
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
