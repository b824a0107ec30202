//! Target environments: the presets against real hosts, and what is refused.

use ferrywheel::model::{Diagnostic as _, Sha256Digest, Target};
use ferrywheel::packaging::parse_requirement;
use ferrywheel::resolve::{TargetEnv, preset, presets};

/// Tags of a target that name a libc floor or no machine, in order.
fn tags_without_bare_linux(target: &Target) -> Vec<String> {
    let mut tags = TargetEnv::try_from(target).unwrap().tags.tag_strings();
    tags.retain(|tag| !tag.ends_with("-linux_x86_64"));
    tags
}

#[test]
fn presets_accept_the_tags_that_real_hosts_accept_in_their_order() {
    // From `packaging.tags.sys_tags()` (26.3; 24.2 on Debian 11) under /usr/bin/python3 of each release. Bare `linux` tags are left out: its
    // releases disagree on whether they come before or after manylinux.
    for (name, count, first, digest) in [
        ("debian-11", 642, "cp39-cp39-manylinux_2_31_x86_64", "c056b017878636a4"),
        ("debian-12", 889, "cp311-cp311-manylinux_2_36_x86_64", "f0079948cd8858ee"),
        ("debian-13", 1176, "cp313-cp313-manylinux_2_41_x86_64", "e5b22cf365136f38"),
    ] {
        let tags = tags_without_bare_linux(&preset(name).unwrap());
        let text = Sha256Digest::of(tags.join("\n").as_bytes()).to_hex();
        assert_eq!((tags.len(), tags[0].as_str(), &text[..16]), (count, first, digest), "{name}");
    }
}

#[test]
fn presets_have_the_marker_values_of_real_hosts() {
    for (name, python, short) in
        [("debian-11", "3.9.2", "3.9"), ("debian-12", "3.11.2", "3.11"), ("debian-13", "3.13.5", "3.13")]
    {
        let target = TargetEnv::try_from(&preset(name).unwrap()).unwrap();
        for marker in [
            "implementation_name == 'cpython'".to_owned(),
            format!("implementation_version == '{python}'"),
            "os_name == 'posix'".to_owned(),
            "platform_machine == 'x86_64'".to_owned(),
            "platform_python_implementation == 'CPython'".to_owned(),
            "platform_system == 'Linux'".to_owned(),
            format!("python_full_version == '{python}'"),
            format!("python_version == '{short}'"),
            "sys_platform == 'linux'".to_owned(),
        ] {
            let requirement = parse_requirement(&format!("x; {marker}")).unwrap();
            assert!(requirement.evaluate_markers(&target.markers, &[]), "{name}: {marker}");
        }
    }
}

#[test]
fn presets_are_found_under_both_spellings() {
    let names: Vec<String> = presets().into_iter().map(|target| target.name).collect();
    assert_eq!(names, ["debian-11", "debian-12", "debian-13"]);
    for name in names {
        assert_eq!(preset(&name), preset(&format!("{name}/x86_64")), "{name}");
    }
    for name in ["", "debian-12/aarch64", "debian-12/", "debian", "Debian-12", "debian-12/x86_64/x86_64"] {
        assert_eq!(preset(name), None, "{name}");
    }
}

#[test]
fn a_written_out_target_may_list_its_own_tags() {
    let mut target = preset("debian-12").unwrap();
    target.tags = Some(vec!["py3-none-any".to_owned(), "cp311-cp311-linux_x86_64".to_owned()]);
    let listed = TargetEnv::try_from(&target).unwrap();
    assert_eq!(listed.tags.tag_strings(), ["py3-none-any", "cp311-cp311-linux_x86_64"]);
    let json = serde_json::to_value(&target).unwrap();
    assert_eq!(serde_json::from_value::<Target>(json).unwrap(), target);
}

#[test]
fn a_written_out_target_that_cannot_be_is_refused_by_its_field() {
    let change = |change: fn(&mut Target)| {
        let mut target = preset("debian-12").unwrap();
        change(&mut target);
        let error = TargetEnv::try_from(&target).unwrap_err();
        assert_eq!(error.code(), "resolve/target-invalid");
        error.to_string()
    };
    for (text, expected) in [
        (change(|it| it.name = "a b".to_owned()), "`name` is `a b`"),
        (change(|it| it.name = String::new()), "`name` is ``"),
        (change(|it| it.os = "windows".to_owned()), "`os` is `windows`, only `linux`"),
        (change(|it| it.implementation = "jython".to_owned()), "`implementation` is `jython`"),
        (change(|it| it.implementation = "pypy".to_owned()), "its `tags` have to be listed"),
        (change(|it| it.python_full_version = "3.11".to_owned()), "`python_full_version` is `3.11`, three numbers"),
        (change(|it| it.python_full_version = "three".to_owned()), "`python_full_version` is `three`"),
        (change(|it| it.python_full_version = "3.999.1".to_owned()), "`python_full_version` is `3.999.1`"),
        (change(|it| it.python_full_version = "2.7.18".to_owned()), "`python_full_version` is `"),
        (change(|it| it.arch = "pdp11".to_owned()), "`arch` is `pdp11`"),
        (change(|it| it.libc = None), "`libc` is `null`"),
        (change(|it| it.libc.as_mut().unwrap().name = "bionic".to_owned()), "`libc` is `bionic 2.36`"),
        (change(|it| it.libc.as_mut().unwrap().version = (3, 1)), "`libc` is `glibc 3.1`"),
        (change(|it| it.tags = Some(Vec::new())), "`tags` is `"),
        (change(|it| it.tags = Some(vec!["nonsense".to_owned()])), "`tags` is `"),
    ] {
        assert!(text.contains(expected), "{text}\n{expected}");
    }
}
