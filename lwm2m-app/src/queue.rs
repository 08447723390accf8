//! What one task tells another: a queue with a limit, and somebody who waits for the next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// At most so many items. What goes over that is lost, and counted.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    limit: usize,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    lost: u64,
    /// Nothing more comes.
    over: bool,
    /// Nobody takes anything more.
    deaf: bool,
    waker: Option<Waker>,
}

impl<T> Queue<T> {
    pub(crate) const fn new(limit: usize) -> Self {
        let state = State { items: VecDeque::new(), lost: 0, over: false, deaf: false, waker: None };
        Self { limit, state: Mutex::new(state) }
    }

    /// Items that were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Nothing more comes.
    pub(crate) fn is_over(&self) -> bool {
        self.lock().over
    }

    /// Where it is full the new item is lost.
    pub(crate) fn push(&self, item: T) {
        self.change(|state| match state.deaf || state.items.len() >= self.limit {
            true => state.lost += 1,
            false => state.items.push_back(item),
        });
    }

    /// Where it is full the oldest item is lost.
    pub(crate) fn push_newest(&self, item: T) {
        self.change(|state| {
            if state.items.len() >= self.limit {
                state.items.pop_front();
                state.lost += 1;
            }
            state.items.push_back(item);
        });
    }

    /// What is there can still be taken.
    pub(crate) fn finish(&self) {
        self.change(|state| state.over = true);
    }

    pub(crate) fn try_next(&self) -> Option<T> {
        self.lock().items.pop_front()
    }

    /// `None` after the last.
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<T>> {
        let mut state = self.lock();
        match state.items.pop_front() {
            Some(item) => Poll::Ready(Some(item)),
            None if state.over => Poll::Ready(None),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn stop_listening(&self) {
        let items = {
            let mut state = self.lock();
            state.deaf = true;
            core::mem::take(&mut state.items)
        };
        drop(items);
    }

    fn change(&self, change: impl FnOnce(&mut State<T>)) {
        let waker = {
            let mut state = self.lock();
            change(&mut state);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a device or a server reports, in the order in which it happened. As many as are not taken are kept up
/// to a limit; then new ones are dropped, and counted by the handle.
#[derive(Debug)]
pub struct Events<E>(Arc<Queue<E>>);

impl<E> Events<E> {
    /// The next one; `None` when nothing more will come.
    pub async fn recv(&mut self) -> Option<E> {
        core::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next one, if there is one now.
    pub fn try_recv(&mut self) -> Option<E> {
        self.0.try_next()
    }

    /// [`Events::recv`] for who polls.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<E>> {
        self.0.poll_next(cx)
    }
}

impl<E> Drop for Events<E> {
    fn drop(&mut self) {
        self.0.stop_listening();
    }
}

/// Who reports. When all clones are gone, nothing more comes.
#[derive(Debug)]
pub(crate) struct Reports<E>(Arc<Last<E>>);

#[derive(Debug)]
struct Last<E>(Arc<Queue<E>>);

impl<E> Reports<E> {
    pub(crate) fn new(limit: usize) -> (Self, Events<E>) {
        let queue = Arc::new(Queue::new(limit));
        (Self(Arc::new(Last(queue.clone()))), Events(queue))
    }

    pub(crate) fn tell(&self, event: E) {
        self.0.0.push(event);
    }

    /// To count what is lost, also when nothing more comes.
    pub(crate) fn queue(&self) -> Arc<Queue<E>> {
        self.0.0.clone()
    }
}

impl<E> Clone for Reports<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> Drop for Last<E> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_over_the_limit_is_counted_and_the_end_is_told() {
        let (reports, mut events) = Reports::new(2);
        (0..3).for_each(|n| reports.tell(n));
        let queue = reports.queue();
        let clone = reports.clone();
        drop(reports);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!((events.try_recv(), queue.lost()), (Some(0), 1));
        assert_eq!(events.poll_recv(&mut cx), Poll::Ready(Some(1)));
        assert_eq!(events.poll_recv(&mut cx), Poll::Pending);
        drop(clone);
        assert_eq!(events.poll_recv(&mut cx), Poll::Ready(None));
    }

    #[test]
    fn o_4_1_the_newest_are_kept_where_only_they_matter() {
        let queue = Queue::new(2);
        (0..5).for_each(|n| queue.push_newest(n));
        assert_eq!((queue.try_next(), queue.try_next(), queue.try_next()), (Some(3), Some(4), None));
        assert_eq!(queue.lost(), 3);
    }

    #[test]
    fn what_nobody_takes_is_not_kept() {
        let (reports, events) = Reports::new(2);
        reports.tell(1);
        drop(events);
        reports.tell(2);
        assert_eq!((reports.queue().try_next(), reports.queue().lost()), (None, 1));
    }
}
