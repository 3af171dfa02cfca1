//! (skeleton)
pub mod contract;
