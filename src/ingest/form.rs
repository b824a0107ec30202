//! The fields of the legacy upload form, judged together (standards UPL-03, MET-05). Pure.

use std::str::FromStr;

use super::{Declared, SentProvenance, UploadError};
use crate::model::{FileKind, Finding};
use crate::packaging::{ProjectName, parse_version, shown};

/// Fields that are read. All others repeat what the file itself says, and the file is believed, not the form
/// (standards MET-01); they are counted and dropped.
const KNOWN: [&str; 10] = [
    ":action",
    "protocol_version",
    "filetype",
    "name",
    "version",
    "metadata_version",
    "sha256_digest",
    "blake2_256_digest",
    "md5_digest",
    "attestations",
];

/// Actions of clients from before 2016; standards UPL-03 has them answered with 410.
const GONE: [&str; 3] = ["submit", "submit_pkg_info", "doc_upload"];

/// One text field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormField {
    /// Its name.
    pub name: String,
    /// Its bytes as sent.
    pub value: Vec<u8>,
}

/// The text fields of one form, in the order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    fields: Vec<FormField>,
}

impl Form {
    /// Whether the value of this field is looked at.
    pub fn is_known(name: &str) -> bool {
        KNOWN.contains(&name)
    }

    /// Adds a field; one that is not [known](Form::is_known) is dropped.
    pub fn push(&mut self, field: FormField) {
        if Self::is_known(&field.name) {
            self.fields.push(field);
        }
    }

    /// Judges the whole form of a file called `filename`; every fault is told at once.
    ///
    /// Whether name and version are those of the file is judged with the file.
    pub fn read(&self, filename: &str) -> Result<Declared, UploadError> {
        let mut faults = Vec::new();
        if let Some(action) = self.action(&mut faults) {
            return Err(UploadError::ActionGone { action });
        }
        if let Some(protocol) = self.text("protocol_version", &mut faults).filter(|protocol| protocol != "1") {
            faults.push(invalid("protocol_version", format!("the upload protocol `{}` is unknown", shown(&protocol))));
        }
        if let Some(version) = self.text("metadata_version", &mut faults) {
            let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
            if !matches!(major, Some(1 | 2)) {
                let text = format!("metadata version `{}` is unknown", shown(&version));
                faults.push(Finding::refuse("MET-03", "metadata-invalid", text).at("metadata_version"));
            }
        }
        self.check_kind(filename, &mut faults);
        let declared = Declared {
            project: self.required("name", "name-invalid", &mut faults, |text| text.parse::<ProjectName>().ok()),
            version: self.required("version", "version-invalid", &mut faults, |text| parse_version(text).ok()),
            sha256: self.digest("sha256_digest", &mut faults),
            blake2b_256: self.digest("blake2_256_digest", &mut faults),
            md5: self.digest("md5_digest", &mut faults),
        };
        match faults.is_empty() {
            true => Ok(declared),
            false => Err(UploadError::FormInvalid { findings: faults }),
        }
    }

    /// The attestations that were sent; they are judged with the file. Of two fields neither is taken.
    pub fn attestations(&self) -> Result<Option<SentProvenance>, UploadError> {
        let is_sent = |field: &&FormField| field.name == "attestations" && !field.value.is_empty();
        let mut sent = self.fields.iter().filter(is_sent);
        match (sent.next(), sent.next()) {
            (None, _) => Ok(None),
            (Some(field), None) => Ok(Some(SentProvenance::Attestations(field.value.clone().into()))),
            (Some(_), Some(_)) => Err(UploadError::form("attestations", "`attestations` was sent twice")),
        }
    }

    /// Whether a digest by MD5 was sent among the fields so far.
    pub fn has_md5(&self) -> bool {
        self.fields.iter().any(|field| field.name == "md5_digest" && !field.value.is_empty())
    }

    /// The action if it is one of [`GONE`].
    fn action(&self, faults: &mut Vec<Finding>) -> Option<String> {
        match self.text(":action", faults) {
            None => faults.push(invalid(":action", "the form has no `:action`; `file_upload` is expected")),
            Some(action) if action == "file_upload" => {}
            Some(action) if GONE.contains(&action.as_str()) => return Some(action),
            Some(action) => faults.push(invalid(":action", format!("the action `{}` is unknown", shown(&action)))),
        }
        None
    }

    /// `filetype` names a kind that is taken here, and that of the file name.
    fn check_kind(&self, filename: &str, faults: &mut Vec<Finding>) {
        let kind = match self.text("filetype", faults).as_deref() {
            None => {
                return faults.push(invalid("filetype", "the form has no `filetype`"));
            }
            Some("bdist_wheel") => FileKind::Wheel,
            Some("sdist") => FileKind::Sdist,
            Some(other) => {
                let text = format!("`{}` is not taken here; `bdist_wheel` and `sdist` are", shown(other));
                let is_taken = filename.ends_with(".whl") || filename.ends_with(".tar.gz");
                return faults.push(match is_taken {
                    true => invalid("filetype", text),
                    false => Finding::refuse("UPL-10", "type-not-allowed", text).at("filetype"),
                });
            }
        };
        let is_other = match kind {
            FileKind::Wheel => filename.ends_with(".tar.gz"),
            FileKind::Sdist => filename.ends_with(".whl"),
        };
        if is_other {
            let text = format!("`filetype` says {}, the file name `{}` does not", kind.as_str(), shown(filename));
            faults.push(invalid("filetype", text));
        }
    }

    fn digest<T: FromStr>(&self, name: &str, faults: &mut Vec<Finding>) -> Option<T> {
        let text = self.text(name, faults)?;
        let digest = text.parse().ok();
        if digest.is_none() {
            faults.push(invalid(name, format!("`{name}` is not the hexadecimal form of its digest")));
        }
        digest
    }

    fn required<T>(
        &self,
        name: &str,
        reason: &'static str,
        faults: &mut Vec<Finding>,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let before = faults.len();
        let Some(text) = self.text(name, faults) else {
            if faults.len() == before {
                faults.push(invalid(name, format!("the form has no `{name}`")));
            }
            return None;
        };
        let value = parse(&text);
        if value.is_none() {
            let text = format!("the {name} `{}` of the form is none", shown(&text));
            faults.push(Finding::refuse("UPL-03", reason, text).at(name));
        }
        value
    }

    /// The text of a field that has one value. `UNKNOWN` and nothing at all count as absent (standards MET-05);
    /// two values that differ are a fault, because two readers could take one each.
    fn text(&self, name: &str, faults: &mut Vec<Finding>) -> Option<String> {
        let mut values = self.fields.iter().filter(|field| field.name == name).map(|field| &field.value);
        let value = values.next()?;
        if values.any(|other| other != value) {
            faults.push(invalid(name, format!("`{name}` was sent twice with different values")));
        }
        let Ok(text) = std::str::from_utf8(value) else {
            faults.push(invalid(name, format!("`{name}` is not UTF-8")));
            return None;
        };
        (!text.is_empty() && text != "UNKNOWN").then(|| text.to_owned())
    }
}

fn invalid(field: &str, message: impl Into<String>) -> Finding {
    Finding::refuse("UPL-03", "form-invalid", message).at(field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Diagnostic as _;

    const MINIMAL: [(&str, &str); 4] =
        [(":action", "file_upload"), ("filetype", "bdist_wheel"), ("name", "demo"), ("version", "1.0")];

    fn form(fields: &[(&str, &str)]) -> Form {
        let mut form = Form::default();
        for (name, value) in fields {
            form.push(FormField { name: (*name).to_owned(), value: value.as_bytes().to_vec() });
        }
        form
    }

    fn faults(changes: &[(&str, &str)]) -> Vec<String> {
        let kept = MINIMAL.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let fields: Vec<_> = kept.chain(changes).copied().collect();
        match form(&fields).read("demo-1.0-py3-none-any.whl") {
            Ok(_) => Vec::new(),
            Err(error) if error.findings().is_empty() => vec![error.code().to_owned()],
            Err(error) => error
                .findings()
                .iter()
                .map(|found| format!("{}: {}", found.entry.as_deref().unwrap_or_default(), found.reason))
                .collect(),
        }
    }

    #[test]
    fn ok_what_clients_send() {
        let declared = form(&MINIMAL).read("demo-1.0-py3-none-any.whl").unwrap();
        assert_eq!(declared.project.unwrap().as_str(), "demo");
        for changes in [
            &[("protocol_version", "1"), ("metadata_version", "2.6"), ("md5_digest", "")][..],
            &[("name", "Demo_X"), ("license", "UNKNOWN"), ("requires_python", "")],
            &[("sha256_digest", &"AB".repeat(32)), ("md5_digest", &"0f".repeat(16))],
            &[("version", "1.0"), ("version", "1.0")],
            &[("gpg_signature", "x"), ("anything", "\0")],
        ] {
            assert_eq!(faults(changes), [""; 0], "{changes:?}");
        }
    }

    #[test]
    fn err_one_row_per_rule() {
        for (changes, expected) in [
            (&[(":action", "submit")][..], "ingest/action-gone"),
            (&[(":action", "doc_upload")], "ingest/action-gone"),
            (&[(":action", "list_classifiers")], ":action: form-invalid"),
            (&[(":action", "")], ":action: form-invalid"),
            (&[("protocol_version", "2")], "protocol_version: form-invalid"),
            (&[("metadata_version", "3.0")], "metadata_version: metadata-invalid"),
            (&[("filetype", "bdist_wininst")], "filetype: form-invalid"),
            (&[("filetype", "sdist")], "filetype: form-invalid"),
            (&[("name", "")], "name: form-invalid"),
            (&[("name", "demo\n")], "name: name-invalid"),
            (&[("name", "demo"), ("name", "other")], "name: form-invalid"),
            (&[("version", "one")], "version: version-invalid"),
            (&[("version", "1.0\0")], "version: version-invalid"),
            (&[("sha256_digest", "zz")], "sha256_digest: form-invalid"),
        ] {
            assert_eq!(faults(changes), [expected], "{changes:?}");
        }
    }

    #[test]
    fn all_faults_of_a_form_are_told_at_once() {
        assert_eq!(
            faults(&[(":action", ""), ("name", "é"), ("md5_digest", "1")]),
            [":action: form-invalid", "name: name-invalid", "md5_digest: form-invalid"]
        );
    }
}
