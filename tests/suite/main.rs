//! Everything that is tested from outside, one file per subject.

mod alerts;
mod api;
mod bench;
mod callback;
mod canary;
mod commands;
mod config;
mod consent;
mod daemon;
mod events;
mod faults;
mod fence;
mod groups;
mod help;
mod hour;
mod keys;
mod kill;
mod media;
mod memory;
mod modes;
mod official;
mod people;
mod pipes;
mod reading;
mod rooms;
mod search;
