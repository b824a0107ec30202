//! Who is asking, and whether that is allowed.

mod authenticate;
mod authorize;
mod tokens;

pub use authenticate::{AccessError, authenticate};
pub use authorize::{ReadPolicy, authorize};
pub use tokens::{new_token, secret_digest};
