//! Authentication: passwords of accounts, secrets of sessions and API tokens, and the limit on failed sign-ins.

pub mod passwords;
pub mod secret;
pub mod throttle;
