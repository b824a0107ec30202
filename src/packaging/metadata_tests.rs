//! One row for each rule of core metadata.

use proptest::prelude::*;

use super::*;

const HEAD: &str = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";

fn with(version: &str, lines: &str) -> String {
    format!("Metadata-Version: {version}\nName: demo\nVersion: 1.0\n{lines}")
}

#[test]
fn ok_everything_is_read() {
    let text = "Metadata-Version: 2.4\nName: Foo.Bar\nVersion: 1.0RC1\nSummary: short\nRequires-Python: >=3.8,<4\n\
        Requires-Dist: six>=1.16\nRequires-Dist: tomli (>=1) ; extra == 'x'\nProvides-Extra: x\nClassifier: A :: B\n\
        Classifier: C\nLicense-Expression: MIT OR Apache-2.0\nLicense-File: LICENSE\nLicense-File: sub/NOTICE\n\
        Project-URL: Home, https://x.example/a,b\nAuthor: René 李\nAuthor-email: r@x.example\nHome-page: UNKNOWN\n\
        Keywords: a,b\nDynamic: Requires-Dist\nX-Internal-Build: 42\nDescription-Content-Type: text/markdown; charset=UTF-8\n\
        \n# hello\n\nbody\n";
    let metadata = parse_core_metadata(text.as_bytes()).unwrap();
    assert_eq!(metadata.name, "Foo.Bar");
    assert_eq!(metadata.project.as_str(), "foo-bar");
    assert_eq!(metadata.version.to_string(), "1.0rc1");
    assert_eq!(metadata.summary.as_deref(), Some("short"));
    assert_eq!(metadata.requires_python.as_deref(), Some(">=3.8,<4"));
    assert_eq!(metadata.requires_dist, ["six>=1.16", "tomli (>=1) ; extra == 'x'"]);
    assert_eq!(metadata.requirements[1].to_string(), "tomli>=1 ; extra == 'x'");
    assert_eq!(metadata.provides_extra[0].as_str(), "x");
    assert_eq!(metadata.classifiers, ["A :: B", "C"]);
    assert_eq!(metadata.license_expression.as_deref(), Some("MIT OR Apache-2.0"));
    assert_eq!(metadata.license_files, ["LICENSE", "sub/NOTICE"]);
    assert_eq!(metadata.project_urls, [("Home".to_owned(), "https://x.example/a,b".to_owned())]);
    assert_eq!(metadata.author.as_deref(), Some("René 李"));
    assert_eq!(metadata.home_page, None);
    assert_eq!(metadata.dynamic, ["requires-dist"]);
    assert_eq!(metadata.description.as_deref(), Some("# hello\n\nbody\n"));
    assert!(metadata.fields.contains(&("x-internal-build".to_owned(), "42".to_owned())));
    assert!(metadata.notes.is_empty(), "{:?}", metadata.notes);
}

#[test]
fn ok_old_and_odd_files() {
    for text in [
        HEAD.to_owned(),
        with("1.0", ""),
        with("2.0", ""),
        with("2.5", "Import-Name: demo\nImport-Namespace: ns.x; private\n"),
        with("2.6", ""),
        HEAD.replace('\n', "\r\n") + "\r\nhello\r\n",
        HEAD.trim_end().to_owned(),
        with("2.1", "License: line one\n        line two\n        \n        line four\n"),
        with("2.1", "License: GPL\n        \u{c}GNU GENERAL PUBLIC LICENSE\n"),
        with("2.1", "License: MIT\nLicense-File: anything/../goes\n"),
        with("2.1", "Classifier: Private :: Do Not Upload\n"),
        with("2.1", "Requires-Python: >=3.7, !=3.8.*\n"),
    ] {
        let metadata = parse_core_metadata(text.as_bytes()).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
        assert!(metadata.notes.is_empty(), "{text}: {:?}", metadata.notes);
    }
    let old = parse_core_metadata(with("2.1", "License: x\n  y\nDescription: a\n        b\n").as_bytes()).unwrap();
    assert_eq!(old.description.as_deref(), Some("a\nb"));
    assert_eq!(old.license.as_deref(), Some("x\ny"));
    assert!(old.license_files.is_empty());
}

#[test]
fn ok_what_is_only_noted() {
    for (text, rule, field) in [
        (with("2.9", ""), "MET-03", "Metadata-Version"),
        (with("2.1", "Requires-Python: >=3.6.*\n"), "MET-04", "Requires-Python"),
        (with("2.1", "Requires-Python: >=3.6,\n"), "MET-04", "Requires-Python"),
        (with("2.1", "Requires-Dist: six; sys_platform >= 'linux'\n"), "MET-04", "Requires-Dist"),
        (with("2.1", &format!("Summary: {}\n", "x".repeat(600))), "MET-04", "Summary"),
        (with("2.1", "Provides-Extra: a b/c\n"), "MET-04", "Provides-Extra"),
        (with("2.1", "Provides-Extra: x\nProvides-Extra: x\n"), "MET-04", "Provides-Extra"),
        (with("2.4", "Provides-Extra: Foo_Bar\n"), "MET-04", "Provides-Extra"),
        (with("2.2", "Dynamic: Colour\n"), "MET-04", "Dynamic"),
        (with("2.1", "Project-URL: Home, javascript:alert(1)\n"), "MET-04", "Project-URL"),
        (with("2.1", "Project-URL: https://x.example\n"), "MET-04", "Project-URL"),
        (with("2.1", "Description: a\n\nbody\n"), "MET-04", "Description"),
        ("Metadata-Version: 2.1\nName: demo\nVersion: 1!2.0\n".to_owned(), "VER-05", "Version"),
    ] {
        let metadata = parse_core_metadata(text.as_bytes()).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
        let notes: Vec<(&str, &str)> = metadata.notes.iter().map(|n| (n.rule, n.field.as_str())).collect();
        assert_eq!(notes, [(rule, field)], "{text}");
    }
    let legacy = parse_core_metadata(with("2.1", "Requires-Python: >=3.6.*\n").as_bytes()).unwrap();
    assert_eq!(legacy.requires_python_specifiers.unwrap().to_string(), ">=3.6");
}

#[test]
fn err_fields() {
    let deep = format!("Requires-Dist: six; {}os_name=='a'{}\n", "(".repeat(5000), ")".repeat(5000));
    let many = (0..5001).map(|i| format!("Requires-Dist: dep{i}\n")).collect::<String>();
    for (text, rule, class, field) in [
        ("Name: demo\nVersion: 1.0\n".to_owned(), "MET-04", "metadata-invalid", "Metadata-Version"),
        ("Metadata-Version: 2.1\nVersion: 1.0\n".to_owned(), "MET-04", "metadata-invalid", "Name"),
        ("Metadata-Version: 2.1\nName: demo\n".to_owned(), "MET-04", "metadata-invalid", "Version"),
        ("Metadata-Version: 2.1\n\nName: demo\nVersion: 1.0\n".to_owned(), "MET-04", "metadata-invalid", "Name"),
        ("Metadata-Version: 2.1\nName: UNKNOWN\nVersion: 1.0\n".to_owned(), "MET-04", "metadata-invalid", "Name"),
        ("Metadata-Version: 2.1\nName: bі-x\nVersion: 1.0\n".to_owned(), "MET-04", "name-invalid", "Name"),
        ("Metadata-Version: 2.1\nName: de-\n mo\nVersion: 1.0\n".to_owned(), "MET-02", "metadata-invalid", "Name"),
        ("Metadata-Version: 2.1\nName: demo\nVersion: one\n".to_owned(), "MET-04", "metadata-invalid", "Version"),
        (with("3.0", ""), "MET-03", "metadata-invalid", "Metadata-Version"),
        (with("1.3", ""), "MET-03", "metadata-invalid", "Metadata-Version"),
        (with("two", ""), "MET-03", "metadata-invalid", "Metadata-Version"),
        (with("2.1", "Name: pip\n"), "MET-02", "metadata-invalid", "Name"),
        (with("2.1", "nAME: pip\n"), "MET-02", "metadata-invalid", "nAME"),
        (with("2.1", "Version: 9\n"), "MET-02", "metadata-invalid", "Version"),
        (with("2.1", "Requires-Python: >=3\nRequires-Python: >=2\n"), "MET-02", "metadata-invalid", "Requires-Python"),
        (with("2.1", "Requires-Python: 3.x\n"), "MET-04", "metadata-invalid", "Requires-Python"),
        (with("2.1", "Requires-Python: >=3\"><script>\n"), "MET-04", "metadata-invalid", "Requires-Python"),
        (with("2.1", "Requires-Python: >=3; os_name == 'nt'\n"), "MET-04", "metadata-invalid", "Requires-Python"),
        (with("2.1", "Requires-Dist: foo >>1 bar\n"), "MET-04", "metadata-invalid", "Requires-Dist"),
        (with("2.1", "Requires-Dist: six;\n os_name == 'nt'\n"), "MET-02", "metadata-invalid", "Requires-Dist"),
        (
            with("2.1", "Requires-Dist: six @ https://x.example/six.whl\n"),
            "MET-04",
            "metadata-invalid",
            "Requires-Dist",
        ),
        (with("2.1", "Requires-Dist: six @ file:///tmp/x.whl\n"), "MET-04", "metadata-invalid", "Requires-Dist"),
        (with("2.1", "Requires-Dist: six; nope == '1'\n"), "MET-04", "metadata-invalid", "Requires-Dist"),
        (with("2.1", &deep), "MET-04", "metadata-invalid", "Requires-Dist"),
        (with("2.1", &many), "MET-04", "metadata-invalid", "Requires-Dist"),
        (with("2.4", "Provides-Extra: a b/c\n"), "MET-04", "metadata-invalid", "Provides-Extra"),
        (with("2.1", "Provides-Extra: a_b\nProvides-Extra: a-b\n"), "MET-04", "metadata-invalid", "Provides-Extra"),
        (with("2.4", "License-Expression: Foo OR\n"), "MET-04", "metadata-invalid", "License-Expression"),
        (with("2.4", "License: MIT\nLicense-Expression: MIT\n"), "MET-04", "metadata-invalid", "License"),
        (with("2.4", "License-File: ../../etc/passwd\n"), "MET-04", "metadata-invalid", "License-File"),
        (with("2.4", "License-File: /etc/passwd\n"), "MET-04", "metadata-invalid", "License-File"),
        (with("2.4", "License-File: a\\b\n"), "MET-04", "metadata-invalid", "License-File"),
        (with("2.2", "Dynamic: Name\n"), "MET-04", "metadata-invalid", "Dynamic"),
        (with("2.5", "Import-Name: 1a\n"), "MET-04", "metadata-invalid", "Import-Name"),
        (with("2.5", "Import-Name: a; public\n"), "MET-04", "metadata-invalid", "Import-Name"),
        (with("2.5", "Import-Name: a\nImport-Namespace: a\n"), "MET-04", "metadata-invalid", "Import-Namespace"),
        (
            with("2.1", "Description-Content-Type: text/html\n"),
            "MET-04",
            "metadata-invalid",
            "Description-Content-Type",
        ),
    ] {
        let faults = parse_core_metadata(text.as_bytes()).expect_err(&text);
        let first = faults.iter().find(|fault| fault.is_error()).unwrap();
        assert_eq!((first.rule, first.class, first.field.as_str()), (rule, class, field), "{text}: {faults:?}");
    }
}

#[test]
fn err_bytes() {
    for bytes in [
        &b""[..],
        b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nAuthor: Ren\xe9\n",
        b"\xef\xbb\xbfMetadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        b"\xff\xfeM\0e\0",
        b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nAuthor: a\0b\n",
        b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nAuthor: a\rRequires-Dist: evil\n",
        b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nno colon\nRequires-Dist: evil\n",
        &vec![b'a'; MAX_METADATA_BYTES + 1],
    ] {
        let faults = parse_core_metadata(bytes).unwrap_err();
        assert_eq!((faults[0].rule, faults[0].class), ("MET-02", "metadata-invalid"));
    }
}

#[test]
fn every_fault_is_told_at_once_and_not_too_many() {
    let faults = parse_core_metadata(b"Metadata-Version: 2.1\nName: -\nVersion: one\nRequires-Dist: >>\n").unwrap_err();
    assert_eq!(faults.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), ["Name", "Version", "Requires-Dist"]);
    let many = format!("{HEAD}{}", "Requires-Dist: >>\n".repeat(200));
    assert_eq!(parse_core_metadata(many.as_bytes()).unwrap_err().len(), 50);
    let noted =
        format!("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n{}Dynamic: name\n", "Project-URL: x\n".repeat(100));
    assert!(parse_core_metadata(noted.as_bytes()).is_err(), "notes must not crowd out an error");
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_core_metadata(&bytes);
        let _ = parse_core_metadata(&[HEAD.as_bytes(), &bytes].concat());
    }

    #[test]
    fn near_files_are_judged_without_panic(
        lines in proptest::collection::vec(
            ("(Name|Version|Requires-Dist|Requires-Python|Provides-Extra|License|License-Expression|Dynamic|Summary| |\\t)", "[ -~é\\x0c]{0,20}"), 0..8)
    ) {
        let text: String = lines.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        if let Ok(metadata) = parse_core_metadata(format!("{HEAD}{text}").as_bytes()) {
            prop_assert_eq!(metadata.requires_dist.len(), metadata.requirements.len());
        }
    }
}
