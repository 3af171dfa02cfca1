//! Measuring: benches over seeded corpora, and `store-bench` for the archive alone.
