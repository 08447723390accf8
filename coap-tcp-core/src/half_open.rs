//! Half-open connections: how soon one ends when the peer, or the path to it, has died without a word.

use core::time::Duration;

use crate::config::Config;
use crate::keep_alive::KeepAlive;

impl Config {
    /// Within what time a connection ends by itself ([`Shutdown::Now`](crate::Shutdown)), counted from the last byte
    /// that came, **whatever is under way and whatever the application says** on it: requests unanswered, bytes
    /// stuck, a CSM missing. Only when the application itself ends it, with a Release, `close` or `abort`, this begins
    /// to count anew.
    ///
    /// `None`: nothing bounds it. The deadline of a request ends the request, and not the connection; an Empty message
    /// finds nothing out; and each word that the application says puts [`Config::idle_timeout`] off. Then it is for TCP
    /// to give up, which with nothing unacknowledged it never does, or for the application: a connection that is left
    /// alone has [`Config::idle_detection_bound`].
    ///
    /// A period that is learned counts with its ceiling, one that jitter shortens in full.
    pub fn detection_bound(&self) -> Option<Duration> {
        // Instead of the Ping there may be bytes that cannot leave, or the last words after another deadline.
        let last = self.write_timeout.max(self.linger);
        let open = self.ping_wait()?.saturating_add(last.max(self.ping_timeout));
        let beginning_or_end = self.csm_timeout.max(self.release_timeout).max(self.drain_timeout);
        Some(open.max(beginning_or_end.saturating_add(last)))
    }

    /// The same for a connection that is open, with nothing under way or observed, and left alone. A request of ours
    /// that is still under way puts it off until its deadline at most.
    pub fn idle_detection_bound(&self) -> Option<Duration> {
        let wait = self.ping_wait();
        let found = wait.map(|wait| wait.saturating_add(self.ping_timeout));
        let Some(idle) = self.idle_timeout else {
            return found;
        };
        let ends = idle.saturating_add(self.linger);
        let least = self.keep_alive.periods().map_or(Duration::MAX, |(least, _)| least);
        let never_first = if self.jitter.is_some() { least / 5 * 4 > idle } else { least > idle };
        // A keep-alive that comes first is a word of ours, and puts the idle time off: a Ping without its Pong once; an
        // Empty message, which counts from what we said, once or for ever.
        match (&self.keep_alive, wait.zip(found)) {
            (KeepAlive::Empty(_), _) => never_first.then(|| idle.saturating_add(ends)),
            (_, Some((wait, found))) if !never_first => {
                let put_off = found.min(wait.min(idle).saturating_add(ends));
                Some(if wait <= idle { put_off } else { put_off.max(ends) })
            }
            _ => Some(ends),
        }
    }

    /// From the last byte that came to the Ping that finds it out.
    fn ping_wait(&self) -> Option<Duration> {
        let (_, period) = self.keep_alive.periods()?;
        if let KeepAlive::Empty(_) = self.keep_alive {
            return None;
        }
        // The Ping before may have got other bytes but no Pong: its time must be over first. And where a CSM may be
        // missing, none is sent before that is clear.
        let before = if self.tolerance.missing_csm { self.csm_timeout } else { Duration::ZERO };
        Some(period.max(self.ping_timeout).max(before))
    }
}
