//! How safe the commits of a database server are, and what could stand in for it.

use std::fmt;

use super::{Db, DbError, Readers, postgres};

/// The standbys of a database server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standbys {
    /// None is connected.
    None,
    /// So many are connected, and one of them has to confirm each change before it is answered.
    Confirming(i64),
    /// So many are connected, and none of them has to confirm anything.
    Unconfirmed(i64),
}

impl fmt::Display for Standbys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("the database has no standbys"),
            Self::Confirming(_) => f.write_str("a standby confirms each change"),
            Self::Unconfirmed(count) => write!(
                f,
                "the database has {count} {}, and none has to confirm a change before it is answered: a failover can lose \
                 changes that were confirmed (synchronous_standby_names is empty, or synchronous_commit is local)",
                if *count == 1 { "standby" } else { "standbys" }
            ),
        }
    }
}

/// What the settings of a database server mean for confirmed changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerState {
    /// Its standbys.
    pub standbys: Standbys,
    /// Settings with which a power cut can lose or damage what was confirmed, such as `fsync is off`.
    pub unsafe_settings: Vec<String>,
    /// The name of the role that is used.
    pub role: String,
    /// Whether the role may do anything.
    pub is_superuser: bool,
}

impl Db {
    /// The state of the server; `None` for SQLite, which has none.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn server_state(&self) -> Result<Option<ServerState>, DbError> {
        match self.readers {
            Readers::Sqlite(_) => Ok(None),
            Readers::Postgres(_) => {
                let state = |row: &super::Row<'_>| {
                    let is_confirmed = !row.text(1)?.trim().is_empty() && row.text(2)? != "local";
                    let settings = [("fsync", row.text(3)?), ("full_page_writes", row.text(4)?)];
                    let off = settings.iter().filter(|(_, value)| value == "off");
                    Ok(ServerState {
                        standbys: match (row.int(0)?, is_confirmed) {
                            (0, _) => Standbys::None,
                            (count, true) => Standbys::Confirming(count),
                            (count, false) => Standbys::Unconfirmed(count),
                        },
                        unsafe_settings: off.map(|(name, value)| format!("{name} is {value}")).collect(),
                        role: row.text(5)?,
                        is_superuser: row.text(6)? == "on",
                    })
                };
                self.query_opt(postgres::SERVER_STATE, [], state).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_says_what_can_be_lost() {
        let text = Standbys::Unconfirmed(1).to_string();
        assert!(text.starts_with("the database has 1 standby, and none has to confirm a change"), "{text}");
        assert!(Standbys::Unconfirmed(2).to_string().starts_with("the database has 2 standbys, "));
    }
}
