//! Tokens with limits, put straight into the index.

use ferrywheel::access::new_token;
use ferrywheel::model::{AuditEvent, Permission, Principal, Scope};
use rand::SeedableRng as _;

use super::TestServer;

/// A token of this name with these permissions, on channels and projects that match the patterns.
pub async fn token_of(
    server: &TestServer,
    name: &str,
    permissions: &[Permission],
    channels: &str,
    projects: &str,
) -> String {
    let mut rng = rand::rngs::StdRng::seed_from_u64(name.bytes().fold(8, |seed, byte| seed * 31 + u64::from(byte)));
    let (token, digest) = new_token(&mut rng);
    let scope =
        Scope { permissions: permissions.to_vec(), channels: channels.to_owned(), projects: projects.to_owned() };
    let mut tx = server.app().index.begin().await.unwrap();
    tx.create_token(name, &scope, &digest, None).await.unwrap();
    tx.commit(&Principal::Local, &AuditEvent::TokenCreated { name: name.to_owned() }).await.unwrap();
    token
}
