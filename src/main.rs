//! The `ferrywheel` program.
fn main() {}
