//! The session as an adapter sees it: bytes and time in, bytes and events out. Test names carry the
//! requirement that they keep.

mod csm;
mod rig;
