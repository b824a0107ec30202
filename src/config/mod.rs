//! Settings: defaults, then a TOML file, then `FERRYWHEEL_*` variables, then flags. Unknown names are refused.

mod faults;
mod settings;

pub use faults::SettingsError;
pub use settings::{CrossOriginReads, DatabaseUrl, SendFilesBy, Settings, SettingsSource};
