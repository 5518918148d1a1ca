//! The live view of registration: how full each course is, and how fast students enroll.

mod board;
pub mod store;

pub use self::board::{Board, Rates};
