//! A database that refuses at each step of a publication in turn: the error surfaces, nothing shows, a retry works.

use ferrywheel::index::IndexLocation;
use ferrywheel::ingest::{Verdict, publish_all};
use ferrywheel::model::{Diagnostic as _, Kind, Principal};

use crate::index_site::{Site, on_both};
use crate::publish::{Store, attested};
use crate::support::Wheel;

on_both! {
    a_batch_survives_a_fault_of_the_index_at_every_step,
    an_upload_survives_a_fault_of_the_index_at_every_step,
}

/// Every table that a publication writes, and how.
const STEPS: [(&str, &str); 10] = [
    ("channels", "UPDATE"),
    ("snapshots", "INSERT"),
    ("projects", "INSERT"),
    ("releases", "INSERT"),
    ("files", "INSERT"),
    ("provenance", "INSERT"),
    ("memberships", "INSERT"),
    ("channel_projects", "INSERT"),
    ("audit_head", "UPDATE"),
    ("audit", "INSERT"),
];

/// A write that the database refuses.
pub struct Fault {
    table: String,
}

impl Fault {
    /// Refuses the row of one file.
    pub async fn of_file(site: &Site, filename: &str) -> Self {
        Self::make(site, "files", "INSERT", &format!("WHEN (NEW.filename = '{filename}')"), "ABORT").await
    }

    /// At the row of one file, SQLite takes back the whole transaction, as it does when the disk is full.
    pub async fn rolling_back(site: &Site, filename: &str) -> Self {
        Self::make(site, "files", "INSERT", &format!("WHEN (NEW.filename = '{filename}')"), "ROLLBACK").await
    }

    async fn make(site: &Site, table: &str, what: &str, when: &str, how: &str) -> Self {
        site.tamper(&match site.location {
            IndexLocation::Sqlite(_) => {
                format!("CREATE TRIGGER fault BEFORE {what} ON {table} {when} BEGIN SELECT RAISE({how}, 'fault'); END")
            }
            IndexLocation::Postgres(_) => format!(
                "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fault'; END $$; \
                 CREATE TRIGGER fault BEFORE {what} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION fault()"
            ),
        })
        .await;
        Self { table: table.to_owned() }
    }

    /// Lets the database work again.
    pub async fn clear(self, site: &Site) {
        site.tamper(&match site.location {
            IndexLocation::Sqlite(_) => "DROP TRIGGER fault".to_owned(),
            IndexLocation::Postgres(_) => format!("DROP TRIGGER fault ON {}; DROP FUNCTION fault()", self.table),
        })
        .await;
    }
}

/// The ways in which a statement fails: alone, or with the whole transaction.
fn ways(site: &Site) -> &'static [&'static str] {
    match site.location {
        IndexLocation::Sqlite(_) => &["ABORT", "ROLLBACK"],
        // A failed statement spoils a transaction of PostgreSQL up to the last savepoint anyway.
        IndexLocation::Postgres(_) => &["ABORT"],
    }
}

async fn an_upload_survives_a_fault_of_the_index_at_every_step(site: Site) {
    let store = Store::over(site).await;
    for (number, (table, what)) in STEPS.into_iter().enumerate() {
        for way in ways(&store.site) {
            let wheel = Wheel::new(&format!("{table}-{way}"), "1.0");
            let staged = store.stage_with(&wheel, attested(&wheel)).await;
            let fault = Fault::make(&store.site, table, what, "", way).await;
            let (serial, audit) = (store.serial().await, store.events(0).await.len());
            let error = store.publish(&staged).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Internal, "{way} {what} {table}");
            assert_eq!((store.serial().await, store.events(0).await.len()), (serial, audit), "{way} {what} {table}");
            assert_eq!(store.parts.index.find_file(&wheel.filename()).await.unwrap(), None, "{way} {what} {table}");
            fault.clear(&store.site).await;
            assert_eq!(store.publish(&staged).await.unwrap(), Verdict::Stored, "{way} {what} {table} {number}");
            assert_eq!(store.serial().await, serial + 1);
        }
    }
}

async fn a_batch_survives_a_fault_of_the_index_at_every_step(site: Site) {
    let store = Store::over(site).await;
    for (table, what) in STEPS {
        for way in ways(&store.site) {
            let wheels = ["1.0", "2.0"].map(|version| Wheel::new(&format!("{table}-{way}"), version));
            let staged = [store.stage(&wheels[0]).await, store.stage_with(&wheels[1], attested(&wheels[1])).await];
            let commit = || publish_all(&store.parts, &Principal::Local, &store.staging, "77", &staged);
            let fault = Fault::make(&store.site, table, what, "", way).await;
            let (serial, shown, audit) = (store.serial().await, store.shown().await, store.events(0).await.len());
            assert_eq!(commit().await.unwrap_err().kind(), Kind::Internal, "{way} {what} {table}");
            let now = (store.serial().await, store.shown().await, store.events(0).await.len());
            assert_eq!(now, (serial, shown, audit), "{way} {what} {table}");
            fault.clear(&store.site).await;
            let outcome = commit().await.unwrap();
            assert_eq!((outcome.serial.0, outcome.changed_count), (serial + 1, 2), "{way} {what} {table}");
        }
    }
}
