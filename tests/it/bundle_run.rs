//! Built bundles started with the host's Python in an empty environment.

use std::path::Path;

use ferrywheel::packaging::Version;
use serde_json::{Value, json};

use crate::support::bundles::{SHOUT, build, hello, shop, start, write};

/// A target that is the Python of this machine, on a glibc old enough for every host.
fn this_python() -> Value {
    let program = "import platform; print(platform.python_version(), platform.machine())";
    let output = std::process::Command::new("python3").args(["-c", program]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (version, arch) = text.trim().split_once(' ').unwrap();
    assert!(version.parse::<Version>().is_ok(), "{version}");
    json!({
        "name": "here", "implementation": "cpython", "python_full_version": version, "arch": arch, "os": "linux",
        "libc": {"name": "glibc", "version": [2, 17]},
    })
}

fn request(change: Value) -> Value {
    let mut request = hello();
    request["target"] = this_python();
    for (key, value) in change.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

/// Everything below a folder that is not a stamp or a compiled module, with inode numbers.
fn inodes(folder: &Path) -> Vec<(std::path::PathBuf, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            if metadata.is_dir() && path.file_name().unwrap() != "__pycache__" {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "py") {
                found.push((path, metadata.ino()));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn each_kind_of_entry_point_starts_and_children_find_the_same_packages() {
    let server = shop().await;
    let directory = tempfile::tempdir().unwrap();
    for (number, change) in [
        json!({"script": "hello"}),
        json!({"script": null, "entry_point": "hello.cli:main"}),
        json!({"script": null, "module": "hello"}),
    ]
    .into_iter()
    .enumerate()
    {
        let (_, file) = build(&server, &request(change.clone())).await;
        let path = write(directory.path(), &format!("{number}.pyz"), &file);
        let output = start(directory.path(), &path, &["a", "b c"], &[]);
        assert!(output.status.success(), "{change}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), SHOUT, "{change}");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn without_an_entry_point_it_is_the_environments_own_python() {
    let server = shop().await;
    let directory = tempfile::tempdir().unwrap();
    let (_, file) = build(&server, &request(json!({"script": null}))).await;
    let path = write(directory.path(), "python.pyz", &file);
    let program = "import greet, importlib.metadata as m; print(greet.VERSION, m.version('hello'))";
    let output = start(directory.path(), &path, &["-c", program], &[]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1.1 1.0\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn scripts_of_the_wheels_are_on_disk_and_run() {
    let server = shop().await;
    let directory = tempfile::tempdir().unwrap();
    let (_, file) = build(&server, &request(json!({"script": "greet-raw"}))).await;
    let path = write(directory.path(), "raw.pyz", &file);
    let output = start(directory.path(), &path, &[], &[]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "raw\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn the_second_start_unpacks_nothing() {
    let server = shop().await;
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let (_, file) = build(&server, &request(json!({}))).await;
    let path = write(directory.path(), "hello.pyz", &file);
    assert!(start(&root, &path, &[], &[]).status.success());
    let unpacked = inodes(&root);
    assert!(unpacked.len() >= 4, "{unpacked:?}");
    assert!(start(&root, &path, &[], &[]).status.success());
    assert_eq!(inodes(&root), unpacked);
}

#[tokio::test]
async fn the_wrong_python_is_refused_in_one_line() {
    let server = shop().await;
    let directory = tempfile::tempdir().unwrap();
    let mut target = this_python();
    target["python_full_version"] = "3.99.0".into();
    let (_, file) =
        build(&server, &request(json!({"requirements": ["future"], "script": null, "target": target}))).await;
    let path = write(directory.path(), "future.pyz", &file);
    let output = start(directory.path(), &path, &[], &[("PATH", "/nowhere")]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(65), 1), "{text}");
    assert!(text.contains("3.99"), "{text}");
}

#[tokio::test]
async fn a_file_that_was_damaged_on_the_way_is_refused() {
    let server = shop().await;
    let directory = tempfile::tempdir().unwrap();
    let (_, file) = build(&server, &request(json!({}))).await;
    let mut damaged = file.to_vec();
    let inside = damaged.windows(8).position(|window| window == b"VERSION ").unwrap();
    damaged[inside] ^= 1;
    let path = write(directory.path(), "hello.pyz", &damaged);
    let output = start(directory.path(), &path, &[], &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(66), "{text}");
    assert!(text.contains("greet-1.1-py3-none-any.whl") && !text.contains("Traceback"), "{text}");
}
