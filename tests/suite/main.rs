//! Everything that is tested from outside, one file per subject.

mod api;
mod bench;
mod callback;
mod canary;
mod commands;
mod config;
mod faults;
mod fence;
mod help;
mod keys;
mod kill;
mod media;
mod official;
mod reading;
mod rooms;
mod search;
