//! Lists of projects in memory: one for each channel's head, brought up to date by what changed since.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::runs::{Change, Runs};
use crate::index::{Index, IndexError, ListChange};
use crate::model::{ListedProject, Serial, View};

/// Projects of all lists together: above, the others make room for the newest. Each takes some hundred bytes.
const MOST_PROJECTS: usize = 400_000;

/// The projects of a channel at a serial, by normalized name.
#[derive(Clone, Debug)]
struct List {
    serial: Serial,
    projects: Runs<ListedProject>,
}

/// The newest list of each channel that was asked for. All clones share them.
#[derive(Clone, Default)]
pub(super) struct Lists(Arc<Mutex<BTreeMap<i64, List>>>);

impl Lists {
    /// The projects of a channel's head. One caller at a time for each channel, or two do the same work.
    pub(super) async fn of_head(&self, index: &Index, view: &View) -> Result<Runs<ListedProject>, IndexError> {
        let known = self.lists().get(&view.channel_id).cloned();
        // A list that is newer than the view is left to those who look at the newer head.
        let projects = match known.filter(|list| list.serial <= view.serial) {
            Some(list) if list.serial == view.serial => return Ok(list.projects),
            Some(list) => {
                let changes = index.list_changed_projects(view, list.serial).await?;
                list.projects.changed(changes.into_iter().map(change).collect())
            }
            None => Runs::new(index.list_projects(view).await?).kept(),
        };
        self.keep(view, projects.clone());
        Ok(projects)
    }

    fn lists(&self) -> MutexGuard<'_, BTreeMap<i64, List>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, view: &View, projects: Runs<ListedProject>) {
        let mut lists = self.lists();
        let others = lists.iter().filter(|(id, _)| **id != view.channel_id);
        let own = projects.count();
        if own + others.map(|(_, list)| list.projects.count()).sum::<usize>() > MOST_PROJECTS {
            lists.clear();
        }
        if own <= MOST_PROJECTS {
            lists.insert(view.channel_id, List { serial: view.serial, projects });
        }
    }
}

fn change(change: ListChange) -> Change<ListedProject> {
    match change {
        ListChange::Listed(project) => Change::Listed(project),
        // Its name is all that its place goes by.
        ListChange::Unlisted(name) => {
            Change::Unlisted(ListedProject { name, display_name: String::new(), last_serial: Serial(0) })
        }
    }
}
