//! Registration as it happens: how full every course is, how much is asked, what is refused.

mod board;
pub mod store;

pub use self::board::{Board, Rates};
