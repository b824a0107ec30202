//! How to repair what a rule found: one sentence for each rule, told with every finding that brings none of its own.
//!
//! The same sentences stand in the manual (`static/manual/rules.html`), beside what the rule demands.

use crate::model::Finding;

/// The finding with the remedy of its rule.
pub(super) fn with_remedy(finding: Finding) -> Finding {
    match remedy(&finding.rule, &finding.reason).filter(|_| finding.hint.is_none()) {
        Some(text) => finding.with_hint(text),
        None => finding,
    }
}

fn remedy(rule: &str, reason: &str) -> Option<&'static str> {
    of_archive(rule).or_else(|| of_wheel(rule, reason)).or_else(|| of_metadata(rule))
}

/// Rules of the zip and of the tar.
fn of_archive(rule: &str) -> Option<&'static str> {
    Some(match rule {
        "ZIP-END" => "Check that the upload is a wheel and arrived whole.",
        "ZIP-TRAILING" => "Rebuild the wheel; something was appended to it.",
        "ZIP-TILING" => "Rebuild the wheel; something was put between or before its files.",
        "ZIP-CASE" => "Rename one of the two and rebuild.",
        "ZIP-TREE" => "Rename one of the two and rebuild.",
        "ZIP-NAME" => "Rename the file in the project and rebuild.",
        "ZIP-TYPE" => "Put a regular file in its place and rebuild.",
        "ZIP-DUPLICATE" => "Rebuild the wheel; a file was added to it twice.",
        "ZIP-METHOD" => "Rebuild the wheel with stored or deflated files.",
        "ZIP-ENCRYPTED" => "Rebuild the wheel without a password.",
        "ZIP-LIMIT" | "TAR-LIMIT" => {
            "Leave large data out, or have the limits raised: the settings `max_archive_entries`, \
             `max_unpacked_size_bytes` and `max_compression_ratio`."
        }
        "ZIP-DATA" => "The wheel was damaged or changed; build or fetch it again.",
        "ZIP-01" => "Rebuild the wheel with a smaller file there.",
        _ if rule.starts_with("ZIP-") => {
            "Rebuild the wheel with a build tool; tools that sign, patch or repack wheels often leave such traces."
        }
        "TAR-DAMAGED" => "It was damaged; build or fetch it again.",
        "TAR-NAME" => "Rename the file in the project and rebuild.",
        "TAR-TRAILING" => "Rebuild it; something was appended.",
        "TAR-TYPE" | "SDT-LINK" => "Put the file itself into the archive.",
        _ if rule.starts_with("TAR-") || rule.starts_with("SDT-") => "Build it with a current tool.",
        _ => return None,
    })
}

/// Rules of the file name, of `.dist-info` and of RECORD.
fn of_wheel(rule: &str, reason: &str) -> Option<&'static str> {
    Some(match (rule, reason) {
        ("WHL-01" | "WHL-02", _) => "Build with a current tool and keep the name that it gave.",
        ("WHL-03", _) => "Do not rename wheels; rebuild with the right name and version.",
        ("WHL-04", _) => "Nothing to do; some installers show the tags in another order.",
        ("TAG-02", _) => "Rebuild the wheel; it was renamed, or its tags were changed by hand.",
        ("TAG-03", _) => {
            "Check that the target has this platform; build for a tag of the specification if it should be found elsewhere."
        }
        ("VAR-01", _) => "Upload the plain wheel.",
        ("WHL-10", "dist-info-missing") => {
            "Check that it is a wheel; an sdist or a plain zip becomes one with `pip wheel`."
        }
        ("WHL-10", _) => "Rebuild the wheel; it was merged or renamed by hand.",
        ("WHL-11", _) => "Rebuild the wheel with a build tool.",
        ("WHL-12", _) => "Rebuild the wheel with a current build tool.",
        ("WHL-13", _) => "Move the file in the project and rebuild.",
        ("WHL-14", _) => "Look at it before the wheel is promoted.",
        ("WHL-15", _) => "Move the file elsewhere, or give it the form that its folder is for.",
        ("WHL-16", _) => "Build from the source, not from an installed environment.",
        ("REC-01", _) => "Rebuild the wheel; files were added or removed after it was built.",
        ("REC-02", "record-invalid") => "Rebuild the wheel with a current tool, which writes SHA-256 for every file.",
        ("REC-02", _) => "Rebuild the wheel; it was changed after it was built.",
        ("REC-04", _) => "Rebuild the wheel with a current tool, which writes plain paths with `/`.",
        ("EPT-01", _) => "Correct the entry points in the project and rebuild.",
        ("REL-01", _) => "Build all files of a release from one state of the project.",
        _ => return None,
    })
}

/// Rules of the metadata and of the request.
fn of_metadata(rule: &str) -> Option<&'static str> {
    Some(match rule {
        "MET-01" => "Upload the file that the form describes.",
        "MET-02" => "Rebuild with a current tool, which writes each field once and as plain text.",
        "MET-03" => "Rebuild with a tool that writes a version this server knows, or update the server.",
        "MET-04" => "Correct the field in the project and rebuild.",
        "VER-05" => "Make sure that the epoch is meant.",
        "UPL-03" => "Use twine, uv or another current tool.",
        "UPL-06" => "Keep one of the two names.",
        "UPL-10" => "Convert eggs and installers to wheels at the source.",
        "ING-01" => "Repair those that are listed and send the file again.",
        _ => return None,
    })
}
