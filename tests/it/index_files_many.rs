//! Many files at once in the index, on both databases: each as if it came alone.

use ferrywheel::index::{AddedFile, IndexError};
use ferrywheel::model::{Change, FileKind, NewFile};

use crate::index_site::{Site, code, commit, digests, on_both, wheel};

on_both! {
    each_of_many_files_is_judged_as_if_it_came_alone,
    many_files_come_back_as_they_were_recorded,
    projects_that_would_hold_too_much_are_named,
}

/// The code of each error, or whether the file is new.
fn told(added: Vec<Result<AddedFile, IndexError>>) -> Vec<Result<bool, &'static str>> {
    let one = |added: Result<AddedFile, IndexError>| match added {
        Ok(added) => Ok(added.is_new),
        error => Err(code(error)),
    };
    added.into_iter().map(one).collect()
}

/// What became of each file.
async fn add(site: &Site, files: &[NewFile]) -> Vec<Result<bool, &'static str>> {
    let mut tx = site.index.begin().await.unwrap();
    let files: Vec<&NewFile> = files.iter().collect();
    let looked = site.index.find_all_published(&files).await.unwrap();
    let told = told(tx.add_files(&files).await.unwrap());
    for (looked, told) in looked.into_iter().zip(&told) {
        let expected = match looked {
            Ok(found) => Ok(found.is_none()),
            error => Err(code(error)),
        };
        // A look sees what is there, not the others of the list.
        assert!(expected == *told || expected == Ok(true), "{expected:?} {told:?}");
    }
    commit(tx).await;
    told
}

async fn each_of_many_files_is_judged_as_if_it_came_alone(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("demo", "1.0"), wheel("gone", "1.0")]).await;
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(&staging, None).await.unwrap();
    tx.apply(&advanced, &[Change::Remove { file_id: ids[1] }]).await.unwrap();
    tx.retire(&[ids[1]].into_iter().collect()).await.unwrap();
    commit(tx).await;
    let spelling = |text: &str, of: NewFile| NewFile { filename: text.to_owned(), ..of };
    let files = [
        wheel("new", "1.0"),
        wheel("demo", "1.0"),
        NewFile { digests: digests(b"other"), ..wheel("demo", "1.0") },
        spelling("Demo-1.0.0-py3-none-any.whl", wheel("demo", "1.0")),
        wheel("gone", "1.0"),
        spelling("New-1.0-py3-none-any.whl", wheel("new", "1.0")),
        wheel("new", "2.0"),
        wheel("demo", "2.0"),
    ];
    // Equal names are no input of a batch, so the third goes alone.
    let (third, others): (Vec<_>, Vec<_>) = files.into_iter().enumerate().partition(|(at, _)| *at == 2);
    let others: Vec<NewFile> = others.into_iter().map(|(_, file)| file).collect();
    assert_eq!(
        add(&site, &others).await,
        [
            // Of two spellings in one list, the first by name wins.
            Err("index/same-wheel"),
            Ok(false),
            Err("index/same-wheel"),
            Err("index/filename-retired"),
            Ok(true),
            Ok(true),
            Ok(true)
        ]
    );
    assert_eq!(add(&site, &[third[0].1.clone()]).await, [Err("index/file-conflict")]);
    assert_eq!(add(&site, &[]).await, []);
}

async fn many_files_come_back_as_they_were_recorded(site: Site) {
    site.channel("staging").await;
    let full = NewFile {
        display_name: "De.Mo".to_owned(),
        requires_dist: vec!["six>=1.16 ; python_version < '3'".into(), "a\0ünï \"\\".into()],
        provides_extra: vec!["Test".into()],
        summary: Some("A \"demo\" — 'quoted' \\u0041".into()),
        ..wheel("de-mo", "1.0")
    };
    let plain = NewFile {
        filename: "de_mo-1.0.tar.gz".into(),
        identity: "de-mo/1/sdist".into(),
        kind: FileKind::Sdist,
        metadata_sha256: None,
        requires_python: None,
        ..wheel("de-mo", "1.0")
    };
    let files = [full, plain, wheel("other", "3.0")];
    assert_eq!(add(&site, &files).await, [Ok(true); 3]);
    for file in files {
        assert_eq!(site.index.find_file(&file.filename).await.unwrap().unwrap().file, file);
    }
    let unstorable = NewFile { summary: Some("a\0b".into()), ..wheel("odd", "1.0") };
    let mut tx = site.index.begin().await.unwrap();
    assert_eq!(code(tx.add_files(&[&unstorable]).await), "index/value-unstorable");
}

async fn projects_that_would_hold_too_much_are_named(site: Site) {
    assert_eq!(add(&site, &[wheel("demo", "1.0")]).await, [Ok(true)]);
    let mut tx = site.index.clone().limiting_projects(2_100).begin().await.unwrap();
    let files = [wheel("demo", "2.0"), wheel("demo", "3.0"), wheel("other", "1.0")];
    let added = tx.add_files(&files.iter().collect::<Vec<_>>()).await.unwrap();
    assert_eq!(told(added), [Err("limit/project-size"), Err("limit/project-size"), Ok(true)]);
    drop(tx);
    // Dropped, it leaves the bytes as they were: there is room for one more.
    let mut tx = site.index.clone().limiting_projects(2_100).begin().await.unwrap();
    assert!(tx.add_file(&files[0]).await.unwrap().is_new);
}
