//! The suite: one file per subject, through the public doors only.

mod reading;
