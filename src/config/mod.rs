//! Settings: defaults, then a TOML file, then `FERRYWHEEL_*` variables, then flags. Unknown names are refused.

mod settings;

pub use settings::{CrossOriginReads, DatabaseUrl, SendFilesBy, Settings, SettingsError, SettingsSource};
