//! The simple repository API (PEP 503, 629, 658, 691, 700, 714, 792): page model, HTML, JSON, negotiation, cache; and the
//! legacy JSON API beside it.
//!
//! Pages are bytes that are made once. Nothing here knows a status code or a header; `http/pages.rs` does.

mod cache;
mod html;
mod json;
mod legacy;
mod legacy_pages;
pub mod negotiate;
mod page;

pub use cache::{PageBody, PageCache, PageError, RenderedPage};
pub use legacy::LegacyUrls;
pub use legacy_pages::{LegacyBody, LegacyError, LegacyPage, LegacyPages, LegacyWish};
pub use negotiate::{Encoding, Format};
pub use page::{Base, PageFile, ProjectPage, RootPage, file_path};

/// Version of the simple repository API that the pages follow (PEP 629); 1.4 brought the project status (PEP 792).
pub const API_VERSION: &str = "1.4";
