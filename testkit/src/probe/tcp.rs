//! Connections over TCP, blocking, in real time.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use super::wire::{Heard, Lost, Meeting, Missed, Wire};

/// How long it is waited.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// For each thing that should come.
    pub each: Duration,
    /// Until a foreign client calls.
    pub call: Duration,
    /// All of it ends then.
    pub end: Instant,
}

/// Opens connections.
#[derive(Debug)]
pub struct Caller {
    address: SocketAddr,
    times: Times,
}

impl Caller {
    /// To this address.
    pub const fn new(address: SocketAddr, times: Times) -> Self {
        Self { address, times }
    }
}

impl Meeting for Caller {
    fn meet(&mut self) -> Result<Box<dyn Wire + '_>, Missed> {
        let left = left(self.times.end).ok_or(Missed::OutOfTime)?;
        let stream = TcpStream::connect_timeout(&self.address, self.times.call.min(left));
        let stream = stream.map_err(|error| Missed::Refused(error.kind().to_string()))?;
        Ok(Box::new(Tcp::new(stream, self.times, None)?))
    }
}

/// Waits for connections.
#[derive(Debug)]
pub struct Host {
    listener: TcpListener,
    times: Times,
    /// Run for each connection.
    client: Option<String>,
}

impl Host {
    /// On a listener; `client` is a command that calls.
    ///
    /// # Errors
    /// The listener cannot be asked without waiting.
    pub fn new(listener: TcpListener, times: Times, client: Option<String>) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener, times, client })
    }
}

impl Meeting for Host {
    fn meet(&mut self) -> Result<Box<dyn Wire + '_>, Missed> {
        let left = left(self.times.end).ok_or(Missed::OutOfTime)?;
        let until = Instant::now() + self.times.call.min(left);
        let client = self.client.as_deref().map(Called::new).transpose().map_err(|error| refused(&error))?;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).map_err(|error| refused(&error))?;
                    return Ok(Box::new(Tcp::new(stream, self.times, client)?));
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(refused(&error)),
                Err(_) if Instant::now() >= until => return Err(Missed::Nobody),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

fn refused(error: &std::io::Error) -> Missed {
    Missed::Refused(error.kind().to_string())
}

fn left(end: Instant) -> Option<Duration> {
    end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
}

/// A foreign client, which is ended with its connection.
#[derive(Debug)]
struct Called(Child);

impl Called {
    fn new(command: &str) -> std::io::Result<Self> {
        // `exec`: the client takes the shell's place, so that it is the one that is ended.
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec {command}")]);
        let quiet = std::process::Stdio::null;
        shell.stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().map(Self)
    }
}

impl Drop for Called {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One connection.
struct Tcp {
    stream: TcpStream,
    times: Times,
    until: Instant,
    /// Dropped behind the stream.
    _client: Option<Called>,
}

impl Tcp {
    fn new(stream: TcpStream, times: Times, client: Option<Called>) -> Result<Self, Missed> {
        let made = stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(times.each)));
        made.map_err(|error| refused(&error))?;
        Ok(Self { stream, times, until: Instant::now(), _client: client })
    }
}

impl Wire for Tcp {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        self.stream.write_all(bytes).map_err(|_| Lost)
    }

    fn end(&mut self) {
        // The peer may have gone before.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    fn pause(&mut self) {
        thread::sleep(Duration::from_millis(5));
    }

    fn patience(&mut self) {
        self.until = (Instant::now() + self.times.each).min(self.times.end);
    }

    fn hear(&mut self) -> Heard {
        let Some(left) = left(self.until) else {
            return Heard::Silence;
        };
        let mut bytes = vec![0; 64 << 10];
        let read = self.stream.set_read_timeout(Some(left)).and_then(|()| self.stream.read(&mut bytes));
        match read {
            Ok(0) => Heard::End,
            Ok(n) => {
                bytes.truncate(n);
                Heard::Bytes(bytes)
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Heard::Silence,
                ErrorKind::Interrupted => Heard::Bytes(vec![]),
                _ => Heard::End,
            },
        }
    }
}
