//! PyPA specifications under our names. Imports nothing of ours.

pub use uv_normalize::PackageName as ProjectName;
pub use uv_pep440::Version;
