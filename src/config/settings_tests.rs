//! Where settings come from, which wins, and what is refused.

use super::*;

fn source(environment: &[(&str, &str)], flags: &[(&str, &str)]) -> SettingsSource {
    let owned =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    SettingsSource { file: None, environment: owned(environment), flags: owned(flags) }
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_default() {
    let settings = Settings::load(&source(
        &[("FERRYWHEEL_LISTEN", "127.0.0.1:1"), ("FERRYWHEEL_MAX_CONNECTIONS", "7"), ("FERRYWHEEL_TOKEN", "x")],
        &[("listen", "127.0.0.1:2")],
    ))
    .unwrap();
    assert_eq!((settings.listen.as_str(), settings.max_connections), ("127.0.0.1:2", 7));
    assert_eq!(settings.read, ReadPolicy::Open);
}

#[test]
fn an_unknown_name_is_refused_where_it_stands() {
    let error = Settings::load(&source(&[("FERRYWHEEL_LISTNE", "x")], &[])).unwrap_err().to_string();
    assert!(error.starts_with("`FERRYWHEEL_LISTNE`: there is no setting `listne`"), "{error}");
}

#[test]
fn a_value_of_the_wrong_sort_is_refused_where_it_stands() {
    let error = Settings::load(&source(&[], &[("max_connections", "many")])).unwrap_err().to_string();
    assert_eq!(error, "`--max-connections`: `max_connections` is `many`; a whole number from 0 on is expected");
}

#[test]
fn a_value_out_of_bounds_is_refused_where_it_stands() {
    for (name, value, fault) in [
        ("max_connections", "0", "`max_connections` is 0; 1 to 1000000 are expected"),
        ("max_connections", "9223372036854775807", "`max_connections` is 9223372036854775807; 1 to"),
        ("max_head_bytes", "100", "`max_head_bytes` is 100; 8192 to 1048576 are expected"),
        ("upload_idle_seconds", "0", "`upload_idle_seconds` is 0; 1 to 86400 are expected"),
        (
            "max_uploads_per_principal",
            "-1",
            "`max_uploads_per_principal` is `-1`; a whole number from 0 on is expected",
        ),
        ("public_url", "ftp://wheels.example/", "`public_url` is not an `http` or `https` URL"),
    ] {
        let error = Settings::load(&source(&[], &[(name, value)])).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`--{}`: {fault}", name.replace('_', "-"))), "{error}");
    }
}

#[test]
fn a_value_that_no_server_could_work_with_is_refused_and_not_repeated() {
    for (name, value) in [
        ("data", ""),
        ("public_url", "https://user:secret@wheels.example/"),
        ("public_url", "https://wheels.example/?secret"),
        ("public_url", "https://wheels.example/#secret"),
        ("database", "mysql://user:secret@host/index"),
    ] {
        let error = Settings::load(&source(&[], &[(name, value)])).err().map(|error| error.to_string());
        let error = error.unwrap_or_else(|| panic!("{name} = {value} was taken"));
        assert!(error.contains(&format!("`{name}`")) && !error.contains("secret"), "{name} = {value}: {error}");
    }
    for (name, value) in [("public_url", "http://wheels.example:8080/pkg/"), ("database", "postgresql://host/index")] {
        Settings::load(&source(&[], &[(name, value)])).unwrap();
    }
}

#[test]
fn a_switch_and_a_list_can_stand_in_the_environment() {
    let settings = Settings::load(&source(
        &[("FERRYWHEEL_NAMESPACES", "true"), ("FERRYWHEEL_RESERVED_NAMES", "Acme-*, secret")],
        &[],
    ))
    .unwrap();
    let names = settings.reserved_names.0.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!((settings.namespaces, names), (true, vec!["acme-*".to_owned(), "secret".to_owned()]));
    let error = Settings::load(&source(&[("FERRYWHEEL_NAMESPACES", "perhaps")], &[])).unwrap_err().to_string();
    assert_eq!(error, "`FERRYWHEEL_NAMESPACES`: `namespaces` is `perhaps`; `true` or `false` is expected");
    let error = Settings::load(&source(&[("FERRYWHEEL_RESERVED_NAMES", "a*b")], &[])).unwrap_err().to_string();
    assert!(
        error.starts_with("`FERRYWHEEL_RESERVED_NAMES`: `reserved_names` is `[\"a*b\"]`; a list of project names"),
        "{error}"
    );
}

#[test]
fn other_sites_read_only_what_everybody_may() {
    let open = source(&[], &[("cross_origin_reads", "allowed")]);
    assert_eq!(Settings::load(&open).unwrap().cross_origin_reads, CrossOriginReads::Allowed);
    let closed = source(&[], &[("cross_origin_reads", "allowed"), ("read", "token")]);
    assert!(Settings::load(&closed).is_err());
}

#[test]
fn a_password_is_in_no_debug_output() {
    let settings = Settings::load(&source(&[("FERRYWHEEL_DATABASE", "postgres://x:secret@h/db")], &[])).unwrap();
    assert!(!format!("{settings:?}").contains("secret"), "{settings:?}");
}

#[test]
fn a_file_is_read_and_an_unknown_name_in_it_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ferrywheel.toml");
    std::fs::write(&path, "read = \"token\"\npublic_url = \"https://wheels.example/\"\n").unwrap();
    let settings = Settings::load(&SettingsSource { file: Some(path.clone()), ..source(&[], &[]) }).unwrap();
    assert_eq!(settings.read, ReadPolicy::Token);
    std::fs::write(&path, "raed = \"token\"\n").unwrap();
    let error = Settings::load(&SettingsSource { file: Some(path), ..source(&[], &[]) }).unwrap_err();
    assert!(error.to_string().ends_with("there is no setting `raed`"), "{error}");
}

#[test]
fn a_value_of_the_wrong_sort_in_a_file_is_refused_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ferrywheel.toml");
    std::fs::write(&path, "read = \"token\"\nreserved_names = \"acme-*\"\n").unwrap();
    let error = Settings::load(&SettingsSource { file: Some(path.clone()), ..source(&[], &[]) }).unwrap_err();
    let expected = format!("`reserved_names` in `{}`: `reserved_names` is `acme-*`; a list of", path.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
}
