//! entry_points.txt: the scripts and plug-ins a distribution offers (entry points specification).

use super::faults::MetadataFault;

/// One `name = value` of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// Name as written, case kept.
    pub name: String,
    /// Value as written, such as `pkg.mod:attr [extra]`.
    pub value: String,
}

/// Whether a script runs in a console or in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScriptKind {
    /// `console_scripts`.
    Console,
    /// `gui_scripts`.
    Gui,
}

/// A script with its target taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Name of the program.
    pub name: String,
    /// Console or window.
    pub kind: ScriptKind,
    /// Module to import.
    pub module: String,
    /// Attribute to call, dotted.
    pub attribute: String,
}

/// All groups, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryPoints {
    /// Group name and its entries.
    pub groups: Vec<(String, Vec<EntryPoint>)>,
    /// What was found and refuses nothing.
    pub notes: Vec<MetadataFault>,
}

impl EntryPoints {
    /// Console and window scripts, in the order of the file.
    pub fn scripts(&self) -> Vec<Script> {
        todo!("the next commit reads it")
    }
}

/// Reads entry_points.txt; names and values of scripts are judged, other groups only for their form.
pub fn parse_entry_points(bytes: &[u8]) -> Result<EntryPoints, Vec<MetadataFault>> {
    let _ = bytes;
    todo!("the next commit reads it")
}
