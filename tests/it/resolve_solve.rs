//! What the solver chooses, and what it says when there is nothing to choose.

use ferrywheel::model::Diagnostic as _;
use ferrywheel::resolve::preset;

use crate::resolve_universe::Universe;

#[test]
fn the_newest_final_versions_that_fit_together_are_chosen() {
    let universe = Universe::default()
        .file("flask-2.0", &["werkzeug>=1"])
        .file("flask-3.0", &["werkzeug>=2", "click"])
        .file("flask-3.1rc1", &["werkzeug>=3"])
        .file("werkzeug-1.0", &[])
        .file("werkzeug-2.0", &[])
        .file("werkzeug-2.1", &[])
        .file("click-8.0", &[]);
    for (request, expected) in [
        (&["flask"][..], &["click-8.0", "flask-3.0", "werkzeug-2.1"][..]),
        (&["flask", "werkzeug<2"], &["flask-2.0", "werkzeug-1.0"]),
        (&["werkzeug<2", "flask"], &["flask-2.0", "werkzeug-1.0"]),
        (&["Werkzeug==2.*"], &["werkzeug-2.1"]),
        (&["werkzeug~=2.0.0"], &["werkzeug-2.0"]),
        (&["werkzeug!=2.1,>1"], &["werkzeug-2.0"]),
    ] {
        assert_eq!(universe.versions(request), expected, "{request:?}");
    }
}

#[test]
fn the_best_wheel_of_a_version_is_the_one_an_installer_would_take() {
    let tags = [
        ("x-1-py3-none-any.whl", "x-1-cp311-cp311-manylinux_2_17_x86_64.whl", "native before portable"),
        (
            "x-1-cp38-abi3-manylinux_2_17_x86_64.whl",
            "x-1-cp311-cp311-manylinux_2_17_x86_64.whl",
            "own ABI before stable",
        ),
        ("x-1-cp311-cp311-manylinux_2_17_x86_64.whl", "x-1-cp311-cp311-manylinux_2_28_x86_64.whl", "newer glibc first"),
        ("x-1-cp311-cp311-manylinux_2_28_x86_64.whl", "x-1-1-cp311-cp311-manylinux_2_28_x86_64.whl", "build tag"),
        ("x-1-2-py3-none-any.whl", "x-1-10-py3-none-any.whl", "build tags are numbers"),
        ("x-1-cp311-cp311-manylinux_2_39_x86_64.whl", "x-1-py3-none-any.whl", "glibc of the target is older"),
        ("x-1-cp311-cp311-musllinux_1_2_x86_64.whl", "x-1-py3-none-any.whl", "the target has glibc"),
        ("x-1-cp311-cp311-manylinux_2_17_aarch64.whl", "x-1-py3-none-any.whl", "the target is x86_64"),
        ("x-1-cp312-cp312-manylinux_2_17_x86_64.whl", "x-1-py3-none-any.whl", "the target has Python 3.11"),
        ("x-1-py30-none-any.whl", "x-1-py3-none-any.whl", "py3 before py30"),
        ("x-1.0-py3-none-any.whl", "X-1-py3-none-any.whl", "equal but for the spelling: by file name"),
    ];
    for (other, best, why) in tags {
        for universe in
            [Universe::default().file(other, &[]).file(best, &[]), Universe::default().file(best, &[]).file(other, &[])]
        {
            assert_eq!(universe.solve(&["x"]).unwrap(), [best], "{why}");
        }
    }
}

#[test]
fn source_distributions_are_never_chosen() {
    let universe = Universe::default().file("x-2.tar.gz", &[]).file("x-1", &[]);
    assert_eq!(universe.versions(&["x"]), ["x-1"]);
}

#[test]
fn requires_python_is_judged_against_the_full_version() {
    let universe = Universe::default()
        .file("x-1", &[])
        .needs_python(">=3.9.*")
        .file("x-2", &[])
        .needs_python(">=3.11.3")
        .file("x-3", &[])
        .needs_python("this is no specifier");
    assert_eq!(universe.versions(&["x"]), ["x-1"]);
    let debian_13 = preset("debian-13").unwrap();
    assert_eq!(universe.solve_for(&["x"], &debian_13).unwrap(), ["x-2-py3-none-any.whl"]);
}

#[test]
fn markers_are_judged_for_the_target_and_not_for_this_machine() {
    let universe = Universe::default()
        .file(
            "x-1",
            &["win; sys_platform == 'win32'", "old; python_version < '3.10'", "new; python_full_version >= '3.11.2'"],
        )
        .file("win-1", &[])
        .file("old-1", &[])
        .file("new-1", &[]);
    assert_eq!(universe.versions(&["x"]), ["new-1", "x-1"]);
    let debian_11 = universe.solve_for(&["x", "missing; sys_platform == 'win32'"], &preset("debian-11").unwrap());
    assert_eq!(debian_11.unwrap(), ["old-1-py3-none-any.whl", "x-1-py3-none-any.whl"]);
}

#[test]
fn an_extra_brings_its_requirements_and_keeps_the_version() {
    let universe = Universe::default()
        .file("x-1", &["a", "b; extra == 'Big.One'"])
        .extras(&["big-one"])
        .file("x-2", &["a", "b>=2; extra == 'big-one'", "x[big_one]; extra == 'all'"])
        .extras(&["big-one", "all"])
        .file("a-1", &[])
        .file("b-1", &[]);
    assert_eq!(universe.versions(&["x"]), ["a-1", "x-2"]);
    assert_eq!(universe.versions(&["x[BIG_one]"]), ["a-1", "b-1", "x-1"]);
    let universe = universe.file("b-2", &[]);
    assert_eq!(universe.versions(&["x[all]"]), ["a-1", "b-2", "x-2"]);
}

#[test]
fn an_unknown_extra_is_refused_in_a_request_and_ignored_between_wheels() {
    let universe = Universe::default().file("x-1", &["y[gone]"]).extras(&["async", "dotenv"]).file("y-1", &[]);
    assert_eq!(universe.versions(&["x"]), ["x-1", "y-1"]);
    let error = universe.solve(&["x[asink]"]).unwrap_err();
    assert_eq!(error.to_string(), "x 1 has no extra `asink`; it has `async`, `dotenv`");
    assert_eq!(error.code(), "resolve/extra-unknown");
}

#[test]
fn pre_releases_are_taken_only_when_asked_for_or_when_nothing_else_fits() {
    let universe = Universe::default()
        .file("x-1", &[])
        .file("x-2rc1", &[])
        .file("only-1b1", &[])
        .file("only-1b2.dev1", &[])
        .file("wants-1", &["x>=2.dev0"])
        .file("plain-1", &["x"]);
    for (request, expected) in [
        (&["x"][..], &["x-1"][..]),
        (&["x>=1"], &["x-1"]),
        (&["x>=2rc1"], &["x-2rc1"]),
        (&["x>=1rc1"], &["x-2rc1"]),
        (&["x>1"], &["x-2rc1"]),
        (&["x==2rc1", "plain"], &["plain-1", "x-2rc1"]),
        (&["only"], &["only-1b2.dev1"]),
        (&["wants"], &["wants-1", "x-2rc1"]),
    ] {
        assert_eq!(universe.versions(request), expected, "{request:?}");
    }
}

#[test]
fn a_yanked_version_is_taken_only_when_pinned() {
    let universe = Universe::default()
        .file("x-1", &[])
        .file("x-2", &[])
        .yanked()
        .file("gone-1", &[])
        .yanked()
        .file("pins-1", &["x==2"])
        .file("plain-1", &["x>=1"]);
    for (request, expected) in [
        (&["x"][..], &["x-1"][..]),
        (&["x==2"], &["x-2"]),
        (&["x===2"], &["x-2"]),
        (&["x==2", "plain"], &["plain-1", "x-2"]),
        (&["pins"], &["pins-1", "x-2"]),
    ] {
        assert_eq!(universe.versions(request), expected, "{request:?}");
    }
    for request in [&["gone"], &["x>=2"], &["x==2.*"]] {
        assert!(universe.explanation(request).contains("is yanked"), "{request:?}");
    }
}

#[test]
fn a_version_keeps_the_wheels_that_are_not_yanked() {
    let universe = Universe::default()
        .file("x-1-cp311-cp311-manylinux_2_17_x86_64.whl", &[])
        .yanked()
        .file("x-1-py3-none-any.whl", &[]);
    assert_eq!(universe.solve(&["x"]).unwrap(), ["x-1-py3-none-any.whl"]);
}

#[test]
fn a_direct_url_is_refused_by_its_text() {
    let universe = Universe::default().file("x-1", &[]);
    let error = universe.solve(&["x @ https://files.example/x-1-py3-none-any.whl"]).unwrap_err();
    assert_eq!(error.code(), "resolve/direct-url");
    assert!(error.to_string().contains("`x @ https://files.example/x-1-py3-none-any.whl`"), "{error}");
}

#[test]
fn a_version_that_cannot_be_read_or_points_outside_is_passed_over() {
    let universe = Universe::default()
        .file("x-1", &[])
        .file("x-2", &["this is not a requirement"])
        .file("x-3", &["y @ https://files.example/y.whl"])
        .file("x-4", &[])
        .broken("`x-4-py3-none-any.whl` has no METADATA");
    assert_eq!(universe.versions(&["x"]), ["x-1"]);
}

#[test]
fn an_empty_request_is_refused() {
    assert_eq!(Universe::default().solve(&[]).unwrap_err().code(), "resolve/requirement-invalid");
}

#[test]
fn a_version_that_excludes_itself_is_passed_over() {
    let universe = Universe::default().file("x-1", &["x[more]>=1"]).file("x-2", &["x<2"]).file("x-3", &["x[more]<3"]);
    assert_eq!(universe.versions(&["x"]), ["x-1"]);
}

const HEAD: &str = "No set of wheels in channel `blessed` at serial 7 satisfies";
const TAIL: &str = "for the target `debian-12`.";

#[test]
fn an_explanation_names_the_one_thing_that_is_wrong() {
    let universe = Universe::default()
        .file("numpy-1.26-cp312-cp312-manylinux_2_17_x86_64.whl", &[])
        .file("numpy-2.0-cp311-cp311-win_amd64.whl", &[])
        .file("modern-5", &[])
        .needs_python(">=3.12")
        .file("odd-5", &[])
        .needs_python("three")
        .file("source-1.tar.gz", &[])
        .file("bad-1", &["(what"])
        .file("gone-1", &[])
        .yanked()
        .file("early-1", &[])
        .file("early-2rc1", &[])
        .file("plain-1", &["early>1"])
        .file("many-1", &[])
        .file("many-2", &[])
        .file("many-3", &[])
        .file("many-4", &[])
        .file("many-5", &[]);
    for (request, facts) in [
        ("nothere", "`nothere` is not in channel `blessed` at serial 7."),
        ("numpy", "`numpy` 1.26 and 2.0 have no wheel for cp311 on manylinux_2_36_x86_64."),
        ("modern", "`modern` 5 needs Python >=3.12; the target has 3.11.2."),
        ("odd", "`odd` 5 needs Python `three`, which is not a version specifier."),
        ("source", "`source` 1 has no wheel, only source, and nothing is built here."),
        ("gone", "`gone` 1 is yanked, taken only if the request pins it, like `gone==1`."),
        ("many>=9", "Of `many`, channel `blessed` at serial 7 has 1 to 5 (5 versions) only."),
        (
            "bad",
            "`bad` 1 cannot be used: its metadata cannot be read: `(what` is not a dependency specifier: Expected package \
             name starting with an alphanumeric character, found `(`.",
        ),
    ] {
        assert_eq!(universe.explanation(&[request]), format!("{HEAD} `{request}` {TAIL}\n{facts}"));
    }
}

#[test]
fn an_explanation_tells_only_what_takes_part_from_the_request_downward() {
    let universe = Universe::default()
        .file("flask-3.0.0", &["werkzeug>=3.0.0", "click; sys_platform == 'linux'"])
        .file("flask-3.1.0", &["werkzeug>=3.1", "click"])
        .file("werkzeug-2.3.1", &[])
        .file("werkzeug-3.0.0-cp313-cp313-manylinux_2_28_x86_64.whl", &[])
        .file("werkzeug-3.1.0", &["click>=8"])
        .file("click-7.0", &[])
        .file("unrelated-1", &[]);
    assert_eq!(
        universe.explanation(&["unrelated", "flask"]),
        [
            &format!("{HEAD} `flask` and `unrelated` {TAIL}"),
            "The request needs `flask`.",
            "Of `flask`, channel `blessed` at serial 7 has 3.0.0 and 3.1.0 only.",
            "`flask` 3.0.0 needs `werkzeug>=3.0.0`.",
            "`flask` 3.1.0 needs `werkzeug>=3.1`.",
            "`werkzeug` 3.0.0 has no wheel for cp311 on manylinux_2_36_x86_64.",
            "`werkzeug` 3.1.0 needs `click>=8`.",
            "Of `click`, channel `blessed` at serial 7 has 7.0 only.",
        ]
        .join("\n")
    );
}

#[test]
fn an_explanation_of_two_wishes_that_exclude_each_other_names_both() {
    let universe = Universe::default()
        .file("x-1", &["shared<2"])
        .file("y-1", &["shared>=2"])
        .file("shared-1", &[])
        .file("shared-2", &[]);
    assert_eq!(
        universe.explanation(&["y", "x"]),
        [
            &format!("{HEAD} `x` and `y` {TAIL}"),
            "Of `x`, channel `blessed` at serial 7 has 1 only.",
            "`x` 1 needs `shared<2`.",
            "Of `y`, channel `blessed` at serial 7 has 1 only.",
            "`y` 1 needs `shared>=2`.",
        ]
        .join("\n")
    );
}

#[test]
fn an_explanation_of_a_request_that_contradicts_itself_needs_no_files() {
    let universe = Universe::default();
    for (request, fact) in [
        (&["b==1", "b==2"][..], "`b==1` and `b==2` exclude each other, whatever there is."),
        (&["b>2,<1"], "No version can satisfy `b<1,>2`."),
    ] {
        assert_eq!(universe.explanation(request).lines().nth(1), Some(fact));
    }
}

#[test]
fn an_explanation_says_how_to_ask_for_a_pre_release() {
    let universe =
        Universe::default().file("x-1", &[]).file("x-2rc1", &[]).file("y-1", &["x==2rc1"]).file("z-1", &["x"]);
    assert_eq!(
        universe.explanation(&["y", "z"]),
        [
            &format!("{HEAD} `y` and `z` {TAIL}"),
            "Of `y`, channel `blessed` at serial 7 has 1 only.",
            "`y` 1 needs `x==2rc1`.",
            "Of `z`, channel `blessed` at serial 7 has 1 only.",
            "`z` 1 needs `x`.",
            "`x` 2rc1 is a pre-release, taken only if the request names one, like `x==2rc1`.",
        ]
        .join("\n")
    );
    assert_eq!(universe.versions(&["y", "z", "x==2rc1"]), ["x-2rc1", "y-1", "z-1"]);
}
