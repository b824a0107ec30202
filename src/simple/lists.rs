//! Lists of projects in memory: one for each channel's head, brought up to date by what changed since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::index::{Index, IndexError, ListChange};
use crate::model::{ListedProject, Serial, View};

/// Projects of all lists together: above, the others make room for the newest. Each takes some hundred bytes.
const MOST_PROJECTS: usize = 400_000;

/// The projects of a channel at a serial, by normalized name.
#[derive(Clone, Debug)]
struct List {
    serial: Serial,
    projects: Arc<Vec<ListedProject>>,
}

/// The newest list of each channel that was asked for. All clones share them.
#[derive(Clone, Default)]
pub(super) struct Lists(Arc<Mutex<BTreeMap<i64, List>>>);

impl Lists {
    /// The projects of a channel's head. One caller at a time for each channel, or two do the same work.
    pub(super) async fn of_head(&self, index: &Index, view: &View) -> Result<Arc<Vec<ListedProject>>, IndexError> {
        let known = self.lists().get(&view.channel_id).map(|list| list.serial);
        // A list that is newer than the view is left to those who look at the newer head.
        if let Some(serial) = known.filter(|serial| *serial <= view.serial) {
            let changes = match serial == view.serial {
                true => Vec::new(),
                false => index.list_changed_projects(view, serial).await?,
            };
            if let Some(projects) = self.bring_up(view, serial, changes) {
                return Ok(projects);
            }
        }
        let projects = Arc::new(index.list_projects(view).await?);
        self.keep(view, projects.clone());
        Ok(projects)
    }

    fn lists(&self) -> MutexGuard<'_, BTreeMap<i64, List>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the list in its place, unless it has left meanwhile.
    fn bring_up(&self, view: &View, from: Serial, changes: Vec<ListChange>) -> Option<Arc<Vec<ListedProject>>> {
        let mut lists = self.lists();
        let list = lists.get_mut(&view.channel_id).filter(|list| list.serial == from)?;
        apply(Arc::make_mut(&mut list.projects), changes);
        list.serial = view.serial;
        Some(list.projects.clone())
    }

    fn keep(&self, view: &View, projects: Arc<Vec<ListedProject>>) {
        let mut lists = self.lists();
        let others = lists.iter().filter(|(id, _)| **id != view.channel_id);
        let count = projects.len() + others.map(|(_, list)| list.projects.len()).sum::<usize>();
        if count > MOST_PROJECTS {
            lists.clear();
        }
        if projects.len() <= MOST_PROJECTS {
            lists.insert(view.channel_id, List { serial: view.serial, projects });
        }
    }
}

/// Makes changes in a list that is sorted by name, in about one walk through it however many they are.
fn apply(projects: &mut Vec<ListedProject>, changes: Vec<ListChange>) {
    let (mut added, mut removed) = (Vec::new(), BTreeSet::new());
    for change in changes {
        match change {
            ListChange::Listed(project) => match projects.binary_search_by(|known| known.name.cmp(&project.name)) {
                Ok(at) => projects[at] = project,
                Err(_) => added.push(project),
            },
            ListChange::Unlisted(name) => drop(removed.insert(name)),
        }
    }
    if !removed.is_empty() {
        projects.retain(|project| !removed.contains(&project.name));
    }
    if !added.is_empty() {
        projects.append(&mut added);
        // Two runs that are sorted each, which this sort merges.
        projects.sort_by(|left, right| left.name.cmp(&right.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(name: &str, serial: i64) -> ListedProject {
        ListedProject { name: name.parse().unwrap(), display_name: name.to_owned(), last_serial: Serial(serial) }
    }

    #[test]
    fn ok_changes() {
        let [listed, unlisted] = [
            |name: &str| ListChange::Listed(project(name, 2)),
            |name: &str| ListChange::Unlisted(name.parse().unwrap()),
        ];
        for (before, changes, after) in [
            ("", vec![], ""),
            ("b d", vec![], "b1 d1"),
            ("", vec![listed("a")], "a2"),
            ("b d", vec![listed("a"), listed("c"), listed("e")], "a2 b1 c2 d1 e2"),
            ("b d", vec![listed("b"), listed("d")], "b2 d2"),
            ("b d", vec![unlisted("a"), unlisted("b"), unlisted("c")], "d1"),
            ("b d", vec![unlisted("b"), unlisted("d")], ""),
        ] {
            let before: Vec<ListedProject> = before.split_whitespace().map(|name| project(name, 1)).collect();
            let mut projects = before;
            apply(&mut projects, changes);
            let shown = projects.iter().map(|project| format!("{}{}", project.name, project.last_serial));
            assert_eq!(shown.collect::<Vec<_>>().join(" "), after);
        }
    }
}
