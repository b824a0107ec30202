//! Ferrywheel: an offline Python package repository.
