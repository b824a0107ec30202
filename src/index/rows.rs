//! Rows of files, and how they become our nouns again.
