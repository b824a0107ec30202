//! Tables of file names: valid, refused, and which are one and the same.

use proptest::prelude::*;

use super::*;

#[test]
fn ok_wheels() {
    for (filename, project, version, build, tags) in [
        ("demo-1.0-py3-none-any.whl", "demo", "1.0", None, vec!["py3-none-any"]),
        ("demo-1.0-2abc-py3-none-any.whl", "demo", "1.0", Some("2abc"), vec!["py3-none-any"]),
        ("demo-1.0-1-py3-none-any.whl", "demo", "1.0", Some("1"), vec!["py3-none-any"]),
        ("Foo.Bar_Baz-1.0.0-py2.py3-none-any.whl", "foo-bar-baz", "1.0.0", None, vec!["py2-none-any", "py3-none-any"]),
        (
            "demo-1.0+cu124.g0-cp312-cp312-linux_x86_64.whl",
            "demo",
            "1.0+cu124.g0",
            None,
            vec!["cp312-cp312-linux_x86_64"],
        ),
        ("demo-1!2.0-py3-none-any.whl", "demo", "1!2.0", None, vec!["py3-none-any"]),
        ("demo-01.0-py3-none-any.whl", "demo", "1.0", None, vec!["py3-none-any"]),
        ("demo-1.0rc1.post2.dev3-py3-none-any.whl", "demo", "1.0rc1.post2.dev3", None, vec!["py3-none-any"]),
        ("demo-1.0-cp314-cp314t-macosx_11_0_arm64.whl", "demo", "1.0", None, vec!["cp314-cp314t-macosx_11_0_arm64"]),
        (
            "demo-1.0-cp312-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "demo",
            "1.0",
            None,
            vec!["cp312-abi3-manylinux2014_x86_64", "cp312-abi3-manylinux_2_17_x86_64"],
        ),
    ] {
        let wheel: WheelName = filename.parse().unwrap();
        assert_eq!(wheel.project.as_str(), project, "{filename}");
        assert_eq!(wheel.version.to_string(), version, "{filename}");
        assert_eq!(wheel.build.as_ref().map(ToString::to_string).as_deref(), build, "{filename}");
        assert_eq!(wheel.tags.iter().map(ToString::to_string).collect::<Vec<_>>(), tags, "{filename}");
        assert_eq!(wheel.to_string(), filename);
    }
}

#[test]
fn ok_sdists() {
    for (filename, project, version) in [
        ("demo-1.0.tar.gz", "demo", "1.0"),
        ("foo_bar-1.0rc1.tar.gz", "foo-bar", "1.0rc1"),
        ("foo-bar-1.0.tar.gz", "foo-bar", "1.0"),
    ] {
        let sdist: SdistName = filename.parse().unwrap();
        assert_eq!((sdist.project.as_str(), sdist.version.to_string().as_str()), (project, version));
        assert_eq!(format!("{}.tar.gz", sdist.top_folder()), filename);
    }
}

#[test]
fn err_file_names() {
    let tag_bomb = format!(
        "d-1-{}-{}-a.b.c.d.e.f.whl",
        (0..15).map(|i| format!("p{i}")).collect::<Vec<_>>().join("."),
        (0..15).map(|i| format!("a{i}")).collect::<Vec<_>>().join("."),
    );
    let long = format!("demo-1.0-py3-none-{}.whl", "x".repeat(229));
    for (filename, rule, class) in [
        ("../../demo-1.0-py3-none-any.whl", "WHL-01", "filename-invalid"),
        ("..\\demo-1.0-py3-none-any.whl", "WHL-01", "filename-invalid"),
        ("/tmp/demo-1.0-py3-none-any.whl", "WHL-01", "filename-invalid"),
        ("%2e%2e%2fdemo-1.0-py3-none-any.whl", "WHL-01", "filename-invalid"),
        ("demo-1.0-py3-none-any.whl\0.txt", "WHL-01", "filename-invalid"),
        ("demo-1.0\r\nSet-Cookie: x=1\r\n-py3-none-any.whl", "WHL-01", "filename-invalid"),
        ("demo-1.0\x7f-py3-none-any.whl", "WHL-01", "filename-invalid"),
        ("demo-1.0-py3-none-any\u{202e}lhw.exe.whl", "WHL-01", "filename-invalid"),
        ("demo-1.0-py3-none-any\"><script>.whl", "WHL-01", "filename-invalid"),
        ("demo-1.0-py3-none-any.whl?x=#sha256=00", "WHL-01", "filename-invalid"),
        ("b\u{456}-1.0-py3-none-any.whl", "WHL-01", "filename-invalid"),
        ("demo-1.0-py3-none-any.whl.exe", "WHL-01", "filename-invalid"),
        ("demo-1.0-py3-none-any.WHL", "WHL-01", "filename-invalid"),
        ("demo-1.0-py3-none-any.whl.", "WHL-01", "filename-invalid"),
        ("demo-1.0-py3-none-any.whl ", "WHL-01", "filename-invalid"),
        ("demo-1.0.whl", "WHL-01", "filename-invalid"),
        ("demo-1.0-1-2-py3-none-any-x.whl", "WHL-01", "filename-invalid"),
        ("demo-1.0-a1-py3-none-any.whl", "VAR-01", "filename-invalid"),
        ("demo-1.0-py3-none-any-null.whl", "VAR-01", "filename-invalid"),
        ("demo-1.0-1-py3-none-any-null.whl", "VAR-01", "filename-invalid"),
        ("demo-1.0-99999999999999999999999-py3-none-any.whl", "WHL-01", "filename-invalid"),
        ("demo-1.0-1+2-py3-none-any.whl", "WHL-01", "filename-invalid"),
        (&long, "WHL-01", "filename-invalid"),
        ("_demo-1.0-py3-none-any.whl", "WHL-01", "name-invalid"),
        ("de__mo-1.0-py3-none-any.whl", "WHL-02", "name-invalid"),
        ("-1.0-py3-none-any.whl", "WHL-01", "name-invalid"),
        ("demo-1.0.x-py3-none-any.whl", "WHL-01", "version-invalid"),
        ("demo-1.0_cu1-py3-none-any.whl", "WHL-01", "version-invalid"),
        ("demo--py3-none-any.whl", "WHL-01", "version-invalid"),
        ("demo-1.0-py3.-none-any.whl", "WHL-01", "tag-invalid"),
        ("demo-1.0-py3-none-any!.whl", "WHL-01", "tag-invalid"),
        ("demo-1.0-py3-none-.whl", "WHL-01", "tag-invalid"),
        (&tag_bomb, "WHL-01", "tag-invalid"),
        ("demo-1.0-py3.11.egg", "WHL-01", "type-not-allowed"),
        ("demo-1.0.zip", "WHL-01", "type-not-allowed"),
        ("", "WHL-01", "type-not-allowed"),
        ("demo.tar.gz", "WHL-01", "filename-invalid"),
        ("demo-x.tar.gz", "WHL-01", "version-invalid"),
        ("a/demo-1.0.tar.gz", "WHL-01", "filename-invalid"),
    ] {
        let error = parse_dist_filename(filename).unwrap_err();
        assert_eq!((error.rule(), error.class()), (rule, class), "{filename:?}: {error}");
    }
}

#[test]
fn ok_spellings_of_one_wheel_share_the_key() {
    let key = |filename: &str| filename.parse::<WheelName>().unwrap().identity_key();
    assert_eq!(key("foo_bar-1.0-py3-none-any.whl"), key("Foo_Bar-1.0.0-py3-none-any.whl"));
    assert_eq!(key("foo_bar-1.0-py2.py3-none-any.whl"), key("foo.bar-1-py3.py2-none-any.whl"));
    assert_ne!(key("foo_bar-1.0-py3-none-any.whl"), key("foo_bar-1.0-1-py3-none-any.whl"));
    assert_ne!(key("foo_bar-1.0-py3-none-any.whl"), key("foo_bar-1.0-py2-none-any.whl"));
    assert_ne!(key("foo_bar-1.0-py3-none-any.whl"), key("foo_bar-1.0.post1-py3-none-any.whl"));
}

#[test]
fn ok_native_wheels_are_told_apart() {
    for (filename, is_native) in [
        ("a-1-py3-none-any.whl", false),
        ("a-1-cp311-cp311-linux_x86_64.whl", true),
        ("a-1-py3-none-win_amd64.whl", true),
        ("a-1-cp311-abi3-any.whl", true),
    ] {
        assert_eq!(filename.parse::<WheelName>().unwrap().is_native(), is_native, "{filename}");
    }
}

#[test]
fn ok_a_name_is_its_text_in_serde_too() {
    let name: DistFileName = serde_json::from_str("\"Demo-1.0-py3-none-any.whl\"").unwrap();
    assert_eq!(serde_json::to_string(&name).unwrap(), "\"Demo-1.0-py3-none-any.whl\"");
    assert!(serde_json::from_str::<WheelName>("\"demo-1.0.tar.gz\"").is_err());
    assert!(serde_json::from_str::<SdistName>("\"demo-1.0-py3-none-any.whl\"").is_err());
}

proptest! {
    #[test]
    fn any_text_is_judged_without_panic(text in "\\PC{0,300}") {
        let _ = parse_dist_filename(&text);
    }

    #[test]
    fn near_names_are_judged_without_panic(text in "[a-zA-Z0-9._+!-]{0,40}(-py3-none-any)?(\\.whl|\\.tar\\.gz)") {
        if let Ok(name) = parse_dist_filename(&text) {
            prop_assert_eq!(name.as_str(), text.as_str());
            prop_assert_eq!(parse_dist_filename(name.as_str()).unwrap(), name);
        }
    }
}
