//! (skeleton)

mod config;
mod keys;
