//! Who is asking, and whether that is allowed; who has which namespace.

mod authenticate;
mod authorize;
mod namespaces;
mod tokens;

pub use authenticate::{AccessError, authenticate};
pub use authorize::{Extent, FileAccess, ReadPolicy, authorize, check_extent, file_access, read_limits};
pub use namespaces::{GrantWish, NamespaceError, grant_namespace, revoke_namespace};
pub use tokens::{new_token, secret_digest};
