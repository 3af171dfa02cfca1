//! The platform's whole surface as declarations, one file per family, 133 rows in all (wecom-api §4).
//!
//! Enters: what the surface reference says. Leaves: a request type, an answer type and a [`Row`] per endpoint, and
//! one table of them all. Times are Unix seconds in UTC unless a field says otherwise; ids are opaque.
//!
//! Every row can answer the general codes: busy (-1), token (40014, 42001), limits (45009, 45033), rights (48002,
//! 60011), address not trusted (60020). A row's own codes stand in its documentation.
//!
//! Must not know: how a call is made.

pub mod agent;
pub mod batch;
pub mod callbacks;
pub mod contacts;
pub mod customer_tags;
pub mod departments;
pub mod group_send;
pub mod groups;
pub mod ids;
pub mod kf;
pub mod media;
pub mod members;
pub mod messages;
pub mod msgaudit;
pub mod open;
pub mod shapes;
pub mod statistics;
pub mod tags;
pub mod tickets;
pub mod token;
pub mod transfer;
pub mod ways;

use super::row::{Entry, Row};

/// The tables of all families, in the order of the reference.
const TABLES: [&[Entry]; 21] = [
    token::TABLE,
    msgaudit::TABLE,
    members::TABLE,
    batch::TABLE,
    departments::TABLE,
    tags::TABLE,
    contacts::TABLE,
    customer_tags::TABLE,
    ways::TABLE,
    groups::TABLE,
    group_send::TABLE,
    statistics::TABLE,
    transfer::TABLE,
    agent::TABLE,
    messages::TABLE,
    media::TABLE,
    ids::TABLE,
    tickets::TABLE,
    callbacks::TABLE,
    kf::TABLE,
    open::TABLE,
];

/// Every row.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    TABLES.iter().copied().flatten()
}

/// The row of that name or id.
pub fn find(name: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.row.name == name || entry.row.id.eq_ignore_ascii_case(name))
}

/// The rows alone.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    entries().map(|entry| entry.row)
}
