//! The rules of the PyPA specifications under our names: pure functions over text and bytes.
//!
//! Versions, specifiers, markers, platform tags and file names are judged by uv's published leaf crates; this folder is
//! the only place that names them for that purpose, so the choice can be changed here. It does no IO and reads no clock.

mod attestations;
mod certificates;
mod entry_points;
mod faults;
mod filenames;
mod headers;
mod licenses;
mod markers;
mod metadata;
mod metadata_fields;
mod names;
mod platforms;
mod pylock;
mod record;
mod requirements;
mod standard_modules;
mod tags;
mod trust_roots;
mod versions;
mod wheel_file;

pub use attestations::{
    AttestationFault, AttestedFile, MAX_PROVENANCE_BYTES, Provenance, parse_provenance, provenance_of_attestations,
};
pub use entry_points::{
    EntryPoints, MAX_ENTRY_POINTS_BYTES, Script, ScriptKind, is_dotted, is_interpreter_name, parse_entry_points,
};
pub use faults::{FaultLevel, MetadataFault, shown};
pub use filenames::{
    BuildTag, DistFileName, FileNameError, MAX_FILE_NAME_BYTES, SdistName, WheelName, parse_dist_filename,
};
pub use markers::{MarkerEnvironment, MarkerError, MarkerTree, MarkerValues, VersionOrUrl};
pub use metadata::{CoreMetadata, MAX_METADATA_BYTES, parse_core_metadata};
pub use metadata_fields::is_identifier;
pub use names::{ExtraName, NameError, ProjectName, is_valid_display_name};
pub use platforms::{PlatformForm, platform_form};
pub use pylock::{Pylock, PylockError, PylockFile, PylockPackage, render_pylock};
pub use record::{HashAlgorithm, MAX_RECORD_BYTES, RecordEntry, RecordFile, RecordHash, is_unhashed, parse_record};
pub use requirements::{
    Requirement, RequirementError, RequirementsFileError, is_direct_url, parse_requirement, parse_requirements_file,
};
pub use standard_modules::is_standard_module;
pub use tags::{AcceptedTags, Os, PlatformSpec, TagError, TagPriority, WheelTag, accepted_tags};
pub use trust_roots::{PUBLIC_GOOD_ROOT, Signer, TrustRootFault, TrustRoots};
pub use versions::{
    Operator, Version, VersionError, VersionSpecifier, VersionSpecifiers, parse_requires_python, parse_version,
    release_key,
};
pub use wheel_file::{WheelFile, parse_wheel_file};
