//! One PostgreSQL server for all test processes that run at the same time, and a fresh database for every test.
//!
//! The test runner starts a process per test, so the server belongs to none of them: each process holds a shared lock
//! while it lives, and a small shell script stops the server when nobody has held the lock for some seconds. The kernel
//! gives locks back when a process dies, however it dies.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::sync::OnceCell;

/// Stops the server after ten seconds without users. `$1` is the lock of the users, `$2` the file that tells where the
/// server is, `$3` its directory, the rest the command that stops it.
const WATCH: &str = r#"
exec 9>>"$1"
state=$2 base=$3 idle=0
shift 3
while [ "$idle" -lt 5 ]; do
    sleep 2
    if flock -xn 9; then
        idle=$((idle + 1))
        [ "$idle" -lt 5 ] && flock -u 9
    else
        idle=0
    fi
done
rm -f "$state"
"$@"
rm -rf "$base"
"#;

/// Makes an empty database that sorts text as people do, unless a column says otherwise, and gives its URL.
///
/// Fails the test when PostgreSQL's server programs are missing; a test that is skipped in silence proves nothing.
pub async fn postgres() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(find_or_start).await;
    let name = format!("it_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&server.url("postgres")).await.unwrap();
    let (number,): (i32,) = sqlx::query_as("SELECT CAST(current_setting('server_version_num') AS INTEGER)")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let sorting = if number >= 150_000 { "LOCALE_PROVIDER icu ICU_LOCALE 'en-US'" } else { "" };
    let create = format!("CREATE DATABASE {name} TEMPLATE template0 {sorting}");
    connection.execute(AssertSqlSafe(create)).await.unwrap();
    connection.close().await.unwrap();
    server.url(&name)
}

static SERVER: OnceCell<Server> = OnceCell::const_new();

struct Server {
    port: u16,
    /// Held until the process ends.
    _in_use: File,
}

impl Server {
    fn url(&self, database: &str) -> String {
        format!("postgres://ferrywheel@127.0.0.1:{}/{database}", self.port)
    }
}

async fn find_or_start() -> Server {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres");
    std::fs::create_dir_all(&directory).unwrap();
    let users = directory.join("users.lock");
    let in_use = File::options().create(true).append(true).open(&users).unwrap();
    in_use.lock_shared().unwrap();
    // One process starts it, the others wait for that.
    let starting = File::options().create(true).append(true).open(directory.join("start.lock")).unwrap();
    starting.lock().unwrap();
    let state = directory.join("state");
    if let Some(port) = running(&state).await {
        return Server { port, _in_use: in_use };
    }
    let (base, port) = start();
    watch(&users, &state, &base);
    std::fs::write(&state, format!("{port} {}", base.display())).unwrap();
    Server { port, _in_use: in_use }
}

/// Port of the server that `state` tells of, if it is that server that answers there.
async fn running(state: &Path) -> Option<u16> {
    let text = std::fs::read_to_string(state).ok()?;
    let (port, base) = text.split_once(' ')?;
    let url = format!("postgres://ferrywheel@127.0.0.1:{port}/postgres");
    let mut connection = PgConnection::connect(&url).await.ok()?;
    let (name,): (String,) = sqlx::query_as("SHOW data_directory").fetch_one(&mut connection).await.ok()?;
    (Path::new(&name) == Path::new(base).join("data")).then(|| port.parse().ok())?
}

/// Makes a cluster in a directory below the system's temporary one and starts a server for it.
///
/// Not below `target`: the server's user may not be allowed to go there.
fn start() -> (PathBuf, u16) {
    let base = tempfile::Builder::new().prefix("ferrywheel-postgres-").tempdir().unwrap().keep();
    if is_root() {
        run(Command::new("chown").arg(user()).arg(&base));
    }
    let data = base.join("data");
    run(server_program("initdb")
        .args(["--username=ferrywheel", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
        .arg("-D")
        .arg(&data));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = format!(
        "-F -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 \
         -c full_page_writes=off"
    );
    run(server_program("pg_ctl")
        .args(["start", "-w", "-o", &settings, "-l"])
        .arg(base.join("log"))
        .arg("-D")
        .arg(data));
    (base, port)
}

/// Leaves the script behind that stops the server; in a session of its own, so that a signal to the tests spares it.
fn watch(users: &Path, state: &Path, base: &Path) {
    let stop = server_program("pg_ctl");
    let mut script = Command::new("setsid");
    script.args(["--fork", "sh", "-c", WATCH, "watch"]).args([users, state, base]);
    script.arg(stop.get_program()).args(stop.get_args());
    script.args(["stop", "-m", "immediate", "-D"]).arg(base.join("data")).current_dir("/");
    // Pipes that it kept open would look like a test that does not end.
    let left = script.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(left.success(), "{script:?}: {left}");
}

/// A server program as the user that may run it: PostgreSQL refuses to be root.
fn server_program(name: &str) -> Command {
    let program = directory_of_programs().join(name);
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={}", user())).args(["--regid=nogroup", "--clear-groups", "--"]).arg(program);
    command.current_dir("/");
    command
}

fn directory_of_programs() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    if let Some((_, bin)) = found.pop() {
        return bin;
    }
    let answer = Command::new("sh").args(["-c", "command -v initdb"]).output().unwrap();
    let path = PathBuf::from(String::from_utf8(answer.stdout).unwrap().trim());
    match path.parent() {
        Some(bin) if answer.status.success() => bin.to_owned(),
        _ => panic!("`initdb` is not there: install PostgreSQL's server, on Debian the package `postgresql`"),
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Debian's package makes this user; elsewhere the one that owns nothing will do.
fn user() -> &'static str {
    let known = Command::new("id").arg("postgres").output().is_ok_and(|answer| answer.status.success());
    if known { "postgres" } else { "nobody" }
}

fn run(command: &mut Command) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
}
