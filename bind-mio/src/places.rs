//! Things that a reactor looks after: each in its place, when it is called or when its moment has come.

use std::sync::Arc;
use std::task::{Context, Waker};

use coap_tcp_core::{Instant, Wheel};

use crate::wake::Bell;

pub(crate) struct Places<T> {
    places: Vec<Option<Box<Place<T>>>>,
    free: Vec<u32>,
    wheel: Wheel,
    /// Those to be looked after.
    list: Vec<u32>,
}

pub(crate) struct Place<T> {
    pub(crate) it: T,
    bell: Arc<Bell>,
}

impl<T> Place<T> {
    /// Looks after it, which may ask to be called again.
    pub(crate) fn turn<R>(&mut self, turn: impl FnOnce(&mut T, &mut Context<'_>) -> R) -> R {
        let waker = Waker::from(self.bell.clone());
        turn(&mut self.it, &mut Context::from_waker(&waker))
    }
}

impl<T> Places<T> {
    pub(crate) const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), wheel: Wheel::new(), list: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Where the next one will be. `None`: there are too many.
    pub(crate) fn next_key(&self) -> Option<u32> {
        match self.free.last() {
            Some(&key) => Some(key),
            None => u32::try_from(self.places.len()).ok(),
        }
    }

    /// Puts it at [`Places::next_key`], to be looked after at once.
    pub(crate) fn insert(&mut self, it: T, bell: Arc<Bell>) {
        let it = Some(Box::new(Place { it, bell }));
        let key = match self.free.pop() {
            Some(key) => {
                self.places[key as usize] = it;
                key
            }
            None => {
                self.places.push(it);
                (self.places.len() - 1) as u32
            }
        };
        self.enlist(key);
    }

    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut Place<T>> {
        self.places.get_mut(key as usize)?.as_deref_mut()
    }

    /// Takes it out for as long as it is looked after: [`Places::put_back`] or [`Places::remove`] follows.
    pub(crate) fn lend(&mut self, key: u32) -> Option<Box<Place<T>>> {
        self.places.get_mut(key as usize)?.take()
    }

    pub(crate) fn put_back(&mut self, key: u32, it: Box<Place<T>>) {
        if let Some(place) = self.places.get_mut(key as usize) {
            *place = Some(it);
        }
    }

    /// The place is free for another.
    pub(crate) fn remove(&mut self, key: u32) {
        if let Some(place) = self.places.get_mut(key as usize) {
            *place = None;
            self.free.push(key);
            self.wheel.remove(key);
        }
    }

    pub(crate) fn for_each(&mut self, mut each: impl FnMut(&mut T)) {
        self.places.iter_mut().flatten().for_each(|place| each(&mut place.it));
    }

    /// It is to be looked after, unless it is so already.
    pub(crate) fn enlist(&mut self, key: u32) {
        if let Some(Some(place)) = self.places.get(key as usize) {
            if place.bell.call() {
                self.list.push(key);
            }
        }
    }

    /// Its bell has rung: whoever rang it was the first to call it.
    pub(crate) fn handle_ring(&mut self, key: u32) {
        self.list.push(key);
    }

    pub(crate) fn enlist_all(&mut self) {
        (0..self.places.len() as u32).for_each(|key| self.enlist(key));
    }

    /// Nothing is to be looked after.
    pub(crate) fn is_quiet(&self) -> bool {
        self.list.is_empty()
    }

    /// All that are to be looked after now. Who is enlisted meanwhile has another turn.
    pub(crate) fn take_list(&mut self, now: Instant) -> Vec<u32> {
        while let Some(key) = self.wheel.advance(now) {
            self.enlist(key);
        }
        let list = core::mem::take(&mut self.list);
        let called = list.iter().filter_map(|&key| self.places.get(key as usize)?.as_ref());
        called.for_each(|place| place.bell.answer());
        list
    }

    /// It is to be looked after at that moment, or only when called.
    pub(crate) fn rest(&mut self, key: u32, until: Option<Instant>) {
        match until {
            Some(at) => self.wheel.set(key, at),
            None => drop(self.wheel.remove(key)),
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.wheel.next_deadline()
    }
}
