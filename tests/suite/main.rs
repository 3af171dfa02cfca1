//! (skeleton)

mod keys;
