//! What files are by their first bytes: native code and SBOM documents (standards WHL-14, WHL-15). Pure.

use super::findings::Findings;
use crate::archive::ZipEntry;
use crate::model::Finding;

/// How much of an SBOM is looked at, in bytes: every format names itself near its start.
const SBOM_HEAD_BYTES: usize = 4096;

/// How much of native code is looked at, in bytes.
const NATIVE_HEAD_BYTES: usize = 4;

/// First bytes of programs and libraries: ELF, Mach-O in both orders and for several machines, PE, WebAssembly.
const NATIVE_FORMATS: [&[u8]; 8] = [
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"MZ",
    b"\0asm",
];

/// Texts by which an SBOM says what it is: CycloneDX as JSON and XML, SPDX 2 as JSON and as tags, SPDX 3.
const SBOM_FORMATS: [&str; 5] =
    ["\"bomFormat\"", "cyclonedx.org/schema/bom", "\"spdxVersion\"", "SPDXVersion:", "spdx.org/rdf/3"];

/// Files of one wheel that are not what their place or name says: the first of each sort, and how many.
pub(super) struct Kinds {
    /// `demo-1.0.dist-info/sboms/`, if the folder is known.
    sboms: Option<String>,
    odd_native: Odd,
    odd_sboms: Odd,
}

#[derive(Default)]
struct Odd {
    first: Option<String>,
    others: usize,
}

/// The first bytes of one file, as far as they are asked for.
pub(super) struct Head {
    bytes: Vec<u8>,
    wanted: usize,
}

impl Kinds {
    pub(super) fn new(dist_info: Option<&str>) -> Self {
        let sboms = dist_info.map(|folder| format!("{folder}/sboms/"));
        Self { sboms, odd_native: Odd::default(), odd_sboms: Odd::default() }
    }

    fn is_sbom(&self, entry: &ZipEntry) -> bool {
        self.sboms.as_ref().is_some_and(|sboms| entry.path.as_str().starts_with(sboms.as_str()))
    }

    /// Judges a file by its head.
    pub(super) fn judge(&mut self, entry: &ZipEntry, head: &Head) {
        if head.wanted == 0 {
            return;
        }
        if self.is_sbom(entry) {
            let text = String::from_utf8_lossy(&head.bytes);
            if !SBOM_FORMATS.iter().any(|format| text.contains(format)) {
                self.odd_sboms.add(entry);
            }
        } else if !NATIVE_FORMATS.iter().any(|format| head.bytes.starts_with(format)) {
            self.odd_native.add(entry);
        }
    }

    /// Adds one note for each sort that was met.
    pub(super) fn tell(self, findings: &mut Findings) {
        self.odd_native.tell(
            "WHL-14",
            "native-unknown",
            "is called like native code, but is no program of a known format",
            findings,
        );
        self.odd_sboms.tell("WHL-15", "sbom-unknown", "is neither a CycloneDX nor an SPDX document", findings);
    }
}

impl Odd {
    fn add(&mut self, entry: &ZipEntry) {
        match self.first {
            None => self.first = Some(entry.path.to_string()),
            Some(_) => self.others += 1,
        }
    }

    fn tell(self, rule: &'static str, reason: &'static str, fact: &str, findings: &mut Findings) {
        let Some(first) = self.first else { return };
        let others = match self.others {
            0 => String::new(),
            count => format!(" (and {count} more)"),
        };
        findings.add(Finding::note(rule, reason, format!("`{first}`{others} {fact}")).at(first));
    }
}

impl Head {
    /// Nothing is kept of a file that no rule is about.
    pub(super) fn of(kinds: &Kinds, entry: &ZipEntry) -> Self {
        let wanted = match (entry.is_dir, kinds.is_sbom(entry), is_native_file(entry.path.file_name())) {
            (false, true, _) => SBOM_HEAD_BYTES,
            (false, false, true) => NATIVE_HEAD_BYTES,
            _ => 0,
        };
        Self { bytes: Vec::new(), wanted }
    }

    /// Takes what is still wanted of the next piece.
    pub(super) fn take(&mut self, piece: &[u8]) {
        let missing = self.wanted - self.bytes.len();
        self.bytes.extend_from_slice(&piece[..piece.len().min(missing)]);
    }
}

/// Compiled modules and shared libraries by their names: `x.so`, `libx.so.1.2`, `x.pyd`, `x.dylib`, `x.dll`.
pub(super) fn is_native_file(file_name: &str) -> bool {
    [".so", ".pyd", ".dylib", ".dll"].iter().any(|suffix| file_name.ends_with(suffix)) || file_name.contains(".so.")
}
