//! The simple repository API (PEP 503, 629, 658, 691, 700, 714, 792): page model, HTML, JSON, negotiation, cache; and the
//! legacy JSON API beside it.
//!
//! Pages are bytes that are made once. Nothing here knows a status code or a header; `http/pages.rs` does.

mod body;
mod cache;
#[cfg(test)]
mod equality_tests;
mod html;
mod json;
mod large;
mod legacy;
mod legacy_pages;
mod lists;
mod names;
pub mod negotiate;
mod page;
mod preview;
mod runs;
mod stage;
mod text;

pub use body::PageBody;
pub use cache::{Form, PageCache, PageError};
pub use legacy::LegacyUrls;
pub use legacy_pages::{LegacyBody, LegacyError, LegacyPage, LegacyPages, LegacyWish};
pub use names::NameRules;
pub use negotiate::{Encoding, Format};
pub use page::{Base, file_path};
use page::{ProjectPage, RootPage};

/// Version of the simple repository API that the pages follow (PEP 629); 1.4 brought the project status (PEP 792).
pub const API_VERSION: &str = "1.4";

/// Version of the JSON pages where namespaces are offered (PEP 752). HTML stays at [`API_VERSION`] for ever (PEP 833).
pub const API_VERSION_WITH_NAMESPACES: &str = "1.5";
