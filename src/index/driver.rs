//! What the drivers' failures mean here. Their words go into the source chain and no further.

use super::IndexError;

/// What a failure means to the caller, whatever the driver calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Busy,
    Unreachable,
    StorageFull,
    Damaged,
    Foreign,
    Other,
}

impl From<sqlx::Error> for IndexError {
    fn from(source: sqlx::Error) -> Self {
        match meaning(&source) {
            Meaning::Busy => Self::Busy { source: Some(source) },
            Meaning::Unreachable => Self::Unreachable { source },
            Meaning::StorageFull => Self::StorageFull { source },
            Meaning::Damaged => {
                Self::Damaged { what: "the database cannot read it back".to_owned(), source: Some(Box::new(source)) }
            }
            Meaning::Foreign => Self::Foreign,
            Meaning::Other => Self::Failed { source },
        }
    }
}

fn meaning(error: &sqlx::Error) -> Meaning {
    match error {
        sqlx::Error::PoolTimedOut => Meaning::Busy,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            Meaning::Unreachable
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Meaning::Damaged,
        sqlx::Error::Database(answer) => {
            let code = answer.code().unwrap_or_default();
            if answer.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
                code.parse().map_or(Meaning::Other, sqlite_meaning)
            } else {
                postgres_meaning(&code)
            }
        }
        _ => Meaning::Other,
    }
}

/// Reads SQLite's result code; the low byte is the class (sqlite.org, rescode.html).
fn sqlite_meaning(code: u32) -> Meaning {
    match code & 0xff {
        5 | 6 => Meaning::Busy,              // BUSY, LOCKED
        8 | 10 | 14 => Meaning::Unreachable, // READONLY, IOERR, CANTOPEN
        11 => Meaning::Damaged,              // CORRUPT
        13 => Meaning::StorageFull,          // FULL
        26 => Meaning::Foreign,              // NOTADB
        _ => Meaning::Other,
    }
}

/// Reads PostgreSQL's SQLSTATE (PostgreSQL manual, appendix A).
///
/// A unique violation is a race that the statements did not foresee: whoever repeats it meets the other's row.
fn postgres_meaning(code: &str) -> Meaning {
    match code {
        "23505" | "40001" | "40P01" | "55P03" | "53300" | "57014" => Meaning::Busy,
        "25006" | "25P03" | "57P01" | "57P02" | "57P03" | "57P05" => Meaning::Unreachable,
        "53100" => Meaning::StorageFull,
        _ if code.starts_with("08") || code.starts_with("28") || code.starts_with("3D") => Meaning::Unreachable,
        _ if code.starts_with("XX00") && code != "XX000" => Meaning::Damaged,
        _ => Meaning::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_codes_are_read_by_their_class() {
        for (code, expected) in [
            (5, Meaning::Busy),
            (517, Meaning::Busy), // BUSY_SNAPSHOT
            (261, Meaning::Busy), // BUSY_RECOVERY
            (13, Meaning::StorageFull),
            (1032, Meaning::Unreachable), // READONLY_DBMOVED
            (3082, Meaning::Unreachable), // IOERR_NOMEM
            (267, Meaning::Damaged),      // CORRUPT_VTAB
            (26, Meaning::Foreign),
            (2067, Meaning::Other), // CONSTRAINT_UNIQUE
        ] {
            assert_eq!(sqlite_meaning(code), expected, "{code}");
        }
    }

    #[test]
    fn postgres_codes_that_a_repeat_cures_are_busy() {
        for (code, expected) in [
            ("23505", Meaning::Busy),
            ("40P01", Meaning::Busy),
            ("53100", Meaning::StorageFull),
            ("08006", Meaning::Unreachable),
            ("28P01", Meaning::Unreachable),
            ("3D000", Meaning::Unreachable),
            ("57P01", Meaning::Unreachable),
            ("XX001", Meaning::Damaged),
            ("XX000", Meaning::Other),
            ("42601", Meaning::Other),
        ] {
            assert_eq!(postgres_meaning(code), expected, "{code}");
        }
    }

    #[test]
    fn the_drivers_words_stay_in_the_source_chain() {
        let error = IndexError::from(sqlx::Error::Protocol("a secret of the wire".to_owned()));
        assert_eq!(error.to_string(), "the index could not answer");
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("secret"));
    }
}
