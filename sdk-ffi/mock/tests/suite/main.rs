//! The mock from outside: corpora, faults at engine level, and the built library in processes of its own.

mod call_faults;
mod client;
mod corpora;
mod library;
mod media;
mod page_faults;
mod record_faults;
mod rules;
mod scene;
