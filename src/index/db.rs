//! The two databases behind one text: connections, statements, and the macros that run a statement on either.

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

/// Connections to the database. All clones share them.
#[derive(Clone)]
pub(super) enum Db {
    /// SQLite takes one writer at a time, so it gets one connection; readers go beside it without waiting.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    /// PostgreSQL keeps writers apart by rows.
    Postgres(PgPool),
}

/// An open write transaction; rolled back when dropped.
pub(super) enum DbTx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A statement as each database reads it.
#[derive(Clone, Copy)]
pub(super) struct Sql {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

/// A statement that both databases understand.
pub(super) const fn both(text: &'static str) -> Sql {
    Sql { sqlite: text, postgres: text }
}

/// A statement that needs a word of the dialect.
pub(super) const fn pair(sqlite: &'static str, postgres: &'static str) -> Sql {
    Sql { sqlite, postgres }
}

/// Names the statements of a file, and lists them so that a test can have both servers prepare every one.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$doc])* const $name: $crate::index::db::Sql = $sql;)+
        pub(super) const STATEMENTS: &[(&str, $crate::index::db::Sql)] = &[$((stringify!($name), $name)),+];
    };
}

/// Reads rows outside a transaction: `read!(db, fetch_all, STATEMENT, values…)`.
macro_rules! read {
    ($db:expr, $fetch:ident, $sql:ident $(, $value:expr)* $(,)?) => {
        match $db {
            $crate::index::db::Db::Sqlite { readers, .. } => {
                sqlx::query_as($sql.sqlite)$(.bind($value))*.$fetch(readers).await
            }
            $crate::index::db::Db::Postgres(pool) => {
                sqlx::query_as($sql.postgres)$(.bind($value))*.$fetch(pool).await
            }
        }
        .map_err($crate::index::IndexError::from)
    };
}

/// Reads rows inside a transaction, also those that a statement returns while it writes.
macro_rules! fetch {
    ($tx:expr, $fetch:ident, $sql:ident $(, $value:expr)* $(,)?) => {
        match $tx {
            $crate::index::db::DbTx::Sqlite(tx) => {
                sqlx::query_as($sql.sqlite)$(.bind($value))*.$fetch(&mut **tx).await
            }
            $crate::index::db::DbTx::Postgres(tx) => {
                sqlx::query_as($sql.postgres)$(.bind($value))*.$fetch(&mut **tx).await
            }
        }
        .map_err($crate::index::IndexError::from)
    };
}

/// Writes inside a transaction and counts the rows.
macro_rules! execute {
    ($tx:expr, $sql:ident $(, $value:expr)* $(,)?) => {
        match $tx {
            $crate::index::db::DbTx::Sqlite(tx) => sqlx::query($sql.sqlite)$(.bind($value))*
                .execute(&mut **tx).await.map(|done| done.rows_affected()),
            $crate::index::db::DbTx::Postgres(tx) => sqlx::query($sql.postgres)$(.bind($value))*
                .execute(&mut **tx).await.map(|done| done.rows_affected()),
        }
        .map_err($crate::index::IndexError::from)
    };
}

/// One write that changes no meaning (a digest that is filled in, a last use), so it needs no audit event.
macro_rules! note {
    ($db:expr, $sql:ident $(, $value:expr)* $(,)?) => {
        match $db {
            $crate::index::db::Db::Sqlite { writer, .. } => {
                sqlx::query($sql.sqlite)$(.bind($value))*.execute(writer).await.map(drop)
            }
            $crate::index::db::Db::Postgres(pool) => {
                sqlx::query($sql.postgres)$(.bind($value))*.execute(pool).await.map(drop)
            }
        }
        .map_err($crate::index::IndexError::from)
    };
}

/// As [`note!`], and counts the rows.
macro_rules! note_count {
    ($db:expr, $sql:ident $(, $value:expr)* $(,)?) => {
        match $db {
            $crate::index::db::Db::Sqlite { writer, .. } => {
                sqlx::query($sql.sqlite)$(.bind($value))*.execute(writer).await.map(|done| done.rows_affected())
            }
            $crate::index::db::Db::Postgres(pool) => {
                sqlx::query($sql.postgres)$(.bind($value))*.execute(pool).await.map(|done| done.rows_affected())
            }
        }
        .map_err($crate::index::IndexError::from)
    };
}

/// A membership `m` that is part of channel `$1` at serial `$2`.
///
/// The sign keeps SQLite from the index of begins: it may take that, which is the whole channel, for shorter than the range
/// of one project.
macro_rules! in_view {
    () => {
        "m.channel_id = $1 AND +m.from_serial <= $2 AND (m.to_serial IS NULL OR +m.to_serial > $2)"
    };
}
