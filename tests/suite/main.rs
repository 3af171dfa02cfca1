//! One file per subject.

mod fence;
mod official;
