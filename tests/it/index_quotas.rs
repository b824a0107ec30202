//! Contracts of the index for what bounds a project: the bytes of its files, names like its own, the age of its releases.

use ferrywheel::index::Survey;
use ferrywheel::model::NewFile;

use crate::index_site::{Site, at, code, commit, name, on_both, wheel};

on_both! {
    a_project_has_no_more_bytes_than_it_may,
    a_release_is_as_old_as_its_first_file,
    names_that_look_alike_are_found,
    the_bytes_of_a_project_are_those_of_its_files,
}

fn of_size(project: &str, version: &str, size_bytes: u64) -> NewFile {
    let mut file = wheel(project, version);
    file.digests.size_bytes = size_bytes;
    file
}

/// What a file of these bytes would meet.
async fn survey(site: &Site, file: &NewFile) -> Survey {
    let (staging, release) = ("staging".parse().unwrap(), (&file.project, &file.version));
    site.index.survey(&staging, &file.filename, release, &file.digests.sha256).await.unwrap()
}

async fn the_bytes_of_a_project_are_those_of_its_files(site: Site) {
    let (staging, blessed) = (site.channel("staging").await, site.channel("blessed").await);
    let bytes = async || survey(&site, &wheel("demo", "9.0")).await.project_bytes;
    assert_eq!(bytes().await, None);
    let ids = site.publish(&staging, &[of_size("demo", "1.0", 30), of_size("demo", "2.0", 12)]).await;
    site.publish(&staging, &[of_size("other", "1.0", 1000)]).await;
    assert_eq!(bytes().await, Some(42));
    // In a second channel, and again in the first, it is the same file.
    site.publish(&blessed, &[of_size("demo", "1.0", 30)]).await;
    site.publish(&staging, &[of_size("demo", "1.0", 30)]).await;
    assert_eq!(bytes().await, Some(42));
    let mut tx = site.index.begin().await.unwrap();
    tx.retire(&ids[..1].iter().copied().collect()).await.unwrap();
    commit(tx).await;
    assert_eq!(bytes().await, Some(12));
}

async fn a_project_has_no_more_bytes_than_it_may(site: Site) {
    let staging = site.channel("staging").await;
    let index = site.index.clone().limiting_projects(100);
    site.publish(&staging, &[of_size("demo", "1.0", 60)]).await;
    for (project, room) in [("demo", 40), ("new", 100)] {
        let survey = survey(&site, &wheel(project, "2.0")).await;
        index.check_room(&survey, &of_size(project, "2.0", room)).unwrap();
        assert_eq!(code(index.check_room(&survey, &of_size(project, "2.0", room + 1))), "limit/project-size");
    }
    let mut tx = index.begin().await.unwrap();
    tx.add_file(&of_size("demo", "2.0", 40)).await.unwrap();
    assert_eq!(code(tx.add_file(&of_size("demo", "3.0", 1)).await), "limit/project-size");
    drop(tx);
    let bytes = survey(&site, &wheel("demo", "9.0")).await.project_bytes;
    assert_eq!(bytes, Some(60), "dropped, it counts nothing");
    let mut tx = index.begin().await.unwrap();
    assert!(!tx.add_file(&of_size("demo", "1.0", 60)).await.unwrap().is_new, "the same file again is no more");
}

async fn names_that_look_alike_are_found(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("lib-tool", "1.0"), wheel("unlike", "1.0")]).await;
    for (project, expected) in
        [("libtool", Some("lib-tool")), ("l1b-t0ol", Some("lib-tool")), ("lib-tool", None), ("libtools", None)]
    {
        assert_eq!(survey(&site, &wheel(project, "1.0")).await.alike, expected.map(name), "{project}");
    }
}

async fn a_release_is_as_old_as_its_first_file(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("demo", "1.0")]).await;
    let mut later = wheel("demo", "1.0.0");
    later.filename = later.filename.replace("py3", "py2");
    later.identity.push('2');
    later.received_at = at("2030-01-01T00:00:00Z");
    site.publish(&staging, &[later]).await;
    let begun = async |version: &str| survey(&site, &wheel("demo", version)).await.release_begun_at;
    assert_eq!(begun("1").await, Some(wheel("demo", "1.0").received_at));
    assert_eq!(begun("2").await, None);
}
