//! What is wrong with a set-up: the database and its machine, its backups, the certificate and the proxy. Nothing is
//! changed, except that a small file is written next to the database for a moment, to measure the disk.

mod backups;
mod certificate;
mod clocks;
mod database;
mod disk;
mod finding;
mod proxy;

pub use self::backups::backups;
pub use self::certificate::certificate;
pub use self::database::database;
pub use self::finding::{Finding, State};
pub use self::proxy::proxy;
