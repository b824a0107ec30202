//! `ferrywheel quickstart`: the main job from end to end, with a real application, told step by step.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::process::{Child, Command};

use super::Environment;
use super::bundle::{BundleAnswer, BundleRequest, build};
use super::client::{Client, read_token};
use super::failure::{Exit, Failure};
use super::output::{Output, human_size};
use super::serve::{listen, load_settings, open_app, stop_signal, sweep_meanwhile};
use super::target::probe;
use crate::app::App;
use crate::channels::{PromotionOutcome, PromotionWish, promote};
use crate::mirror::{self, Progress, ProgressSink, PullReport};
use crate::model::{ChannelRef, Principal, Target};

/// What is pulled when nothing is named: a web framework and the server that runs it in production.
const DEFAULT_REQUIREMENTS: &[&str] = &["flask", "gunicorn"];

/// The application that the bundle serves: the one file that a person would write.
const APPLICATION: &str = include_str!("quickstart_app.py");

/// How long the application may take for its first answer; a cold start unpacks the bundle first.
const APPLICATION_START: Duration = Duration::from_secs(60);

/// How long the application may take to finish its requests when it is stopped.
const APPLICATION_STOP: Duration = Duration::from_secs(5);

#[derive(Args)]
pub struct QuickstartArgs {
    /// What to pull besides flask and gunicorn, which the application needs.
    #[arg(value_name = "REQUIREMENT")]
    requirements: Vec<String>,
    /// Take wheels from this folder instead of an upstream index.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Directory that holds everything; made when missing [default: ./ferrywheel-data].
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Address and port [default: 127.0.0.1:8417].
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Python that stands for the host that the bundle is built for.
    #[arg(long, default_value = "python3")]
    python: String,
    /// Stop after the application has answered, instead of serving on.
    #[arg(long)]
    once: bool,
}

/// What the steps share.
struct Tour<'a> {
    output: &'a Output,
    app: Arc<App>,
    address: SocketAddr,
    client: Client,
    target: Target,
    python: String,
    requirements: Vec<String>,
}

pub async fn run(arguments: QuickstartArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let mut settings = load_settings(arguments.data, arguments.listen, None, environment)?;
    // People read the steps; the log tells only what went wrong.
    settings.log = "warn".to_owned();
    crate::telemetry::start(settings.log_format, &settings.log);
    let mut requirements = arguments.requirements;
    requirements.extend(DEFAULT_REQUIREMENTS.iter().map(ToString::to_string));
    requirements.sort();
    requirements.dedup();

    step(output, 1, &format!("look at this host with `{}`", arguments.python));
    let target = probe(&arguments.python).await?;
    output
        .note(&format!("   {} {} on {} {}", target.implementation, target.python_full_version, target.os, target.arch));

    step(output, 2, "open the data directory and serve it");
    let listener = listen(&settings.listen)?;
    let address = listener.local_addr().map_err(|error| Failure::new(Exit::Unreachable, error.to_string()))?;
    let app = open_app(settings).await?;
    sweep_meanwhile(&app);
    let client = Client::at(&format!("http://{address}"), read_token(&app.settings.data))?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(crate::http::serve(listener, app.clone(), async {
        // A dropped sender stops the server as well: the tour has ended early.
        drop(stopped.await);
    }));
    output.note(&format!("   data in {}, page at http://{address}/", app.settings.data.display()));

    let tour = Tour { output, app, address, client, target, python: arguments.python, requirements };
    let toured = tokio::select! {
        outcome = tour.go(arguments.from.as_deref(), environment, arguments.once) => outcome,
        () = stop_signal() => Ok(None),
    };
    let toured = match toured {
        Ok(Some(application)) => stay_up(application).await,
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    drop(stop);
    let app = tour.app.clone();
    drop(tour);
    let served = server.await;
    app.close().await;
    output.note("stopped.");
    toured?;
    match served {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Failure::new(Exit::Unreachable, format!("the server ended: {error}"))),
        Err(error) => Err(Failure::new(Exit::Unreachable, format!("the server ended: {error}"))),
    }
}

fn step(output: &Output, number: u8, text: &str) {
    output.note(&format!("{number}. {text}"));
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("   {bar:30} {bytes}/{total_bytes}  {msg}") {
        bar.set_style(style);
    }
    bar
}

/// Shows the steps of a pull on a terminal's bar; what a person must know is also said where there is no terminal.
fn show_progress(bar: &ProgressBar, output: Output) -> ProgressSink {
    let bar = bar.clone();
    Arc::new(move |progress| match progress {
        Progress::Read { project, project_count } => {
            bar.set_message(format!("{project_count} projects read: {project}"))
        }
        Progress::Opened { filename } => bar.set_message(format!("{filename} opened for its metadata")),
        Progress::LeftOut { filename, reason } => {
            bar.suspend(|| output.note(&format!("   left out {filename}: {reason}")))
        }
        Progress::Planned { size_bytes, .. } => bar.set_length(size_bytes),
        Progress::Started { filename, .. } => bar.set_message(filename),
        Progress::Received { piece_bytes, .. } => bar.inc(piece_bytes),
        Progress::Again { filename, reason } => bar.suspend(|| output.note(&format!("   {filename} again: {reason}"))),
        Progress::Stored { filename } => bar.set_message(format!("{filename} stored")),
    })
}

impl Tour<'_> {
    /// All steps; gives the running application unless it was to be stopped at the end.
    async fn go(
        &self,
        from: Option<&Path>,
        environment: &Environment,
        is_once: bool,
    ) -> Result<Option<Child>, Failure> {
        let pulled = self.pull(from, environment).await?;
        let new_count = pulled.files.iter().filter(|file| file.is_new).count();
        let size = human_size(pulled.received_bytes);
        self.output.note(&format!("   {} files, {new_count} of them new, {size} received", pulled.files.len()));
        let promoted = self.bless().await?;
        self.output.note(&format!(
            "   {} files; `blessed` is at serial {}",
            promoted.added.len() as u64 + promoted.unchanged_count,
            promoted.to.serial
        ));
        let (path, answer) = self.bundle().await?;
        self.output.note(&format!(
            "   {}: {}, sha256 {}",
            path.display(),
            human_size(answer.size_bytes),
            answer.sha256
        ));
        let (mut application, page) = self.start(&path).await?;
        let text = tokio::select! {
            text = self.fetch(&page) => text,
            ended = application.wait() => Err(ended_by_itself(ended)),
        };
        if text.is_err() || is_once {
            end(&mut application).await;
        }
        self.output.note(&format!("   {page} answered: {}", text?));
        if is_once {
            return Ok(None);
        }
        self.next_steps(&page);
        Ok(Some(application))
    }

    async fn pull(&self, from: Option<&Path>, environment: &Environment) -> Result<PullReport, Failure> {
        let channel = &self.app.settings.upload_channel;
        let parts = self.app.ingest_parts();
        let bar = progress_bar();
        let sink = show_progress(&bar, *self.output);
        let wanted = self.requirements.join(", ");
        let pulled = match from {
            Some(directory) => {
                step(self.output, 3, &format!("take {wanted} from {} into `{channel}`", directory.display()));
                mirror::pull_from_dir(&parts, directory, &self.requirements, &self.target, channel, sink).await
            }
            None => {
                let upstream = mirror::find_upstream(environment).await?;
                let origin = format!("{} ({})", upstream.index_url, upstream.named_by);
                step(self.output, 3, &format!("pull {wanted} from {origin} into `{channel}`"));
                mirror::pull(&parts, &upstream, &self.requirements, &self.target, channel, sink).await
            }
        };
        bar.finish_and_clear();
        Ok(pulled?)
    }

    async fn bless(&self) -> Result<PromotionOutcome, Failure> {
        let settings = &self.app.settings;
        let from = ChannelRef { name: settings.upload_channel.clone(), serial: None };
        step(self.output, 4, &format!("bless: promote `{from}` to `{}`", settings.default_channel));
        let wish = PromotionWish {
            from,
            to: settings.default_channel.clone(),
            select: Vec::new(),
            expected_serial: None,
            is_dry_run: false,
        };
        Ok(promote(&self.app.index, &Principal::Local, &wish).await?)
    }

    async fn bundle(&self) -> Result<(PathBuf, BundleAnswer), Failure> {
        step(self.output, 5, "build a bundle for this host");
        let directory = self.app.settings.data.join("quickstart");
        let path = directory.join("hello.pyz");
        let written =
            std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(directory.join("hello.py"), APPLICATION));
        written.map_err(|error| {
            Failure::new(Exit::Refused, format!("`{}` cannot be written: {error}", directory.display()))
        })?;
        let request = BundleRequest {
            name: "hello".parse()?,
            requirements: self.requirements.clone(),
            target: serde_json::to_value(&self.target)
                .map_err(|error| Failure::new(Exit::Refused, error.to_string()))?,
            channel: self.app.settings.default_channel.to_string(),
            script: Some("gunicorn".to_owned()),
            entry_point: None,
            module: None,
        };
        let answer = build(&self.client, &request, &path).await?;
        Ok((path, answer))
    }

    /// Starts the bundle as a person would, on a free port.
    async fn start(&self, bundle: &Path) -> Result<(Child, String), Failure> {
        step(self.output, 6, &format!("start it: {} hello.pyz … hello:app", self.python));
        let failed = |error: std::io::Error| Failure::new(Exit::Refused, format!("the bundle did not start: {error}"));
        // Asked for and given back at once; the application takes it a moment later.
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(failed)?.port();
        let directory = bundle.parent().unwrap_or(Path::new("."));
        let child = Command::new(&self.python)
            .arg(bundle.file_name().unwrap_or_default())
            .args(["--bind", &format!("127.0.0.1:{port}"), "--log-level", "warning", "hello:app"])
            .current_dir(directory)
            .env("FERRYWHEEL_ROOT", std::path::absolute(directory.join("cache")).map_err(failed)?)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        Ok((child, format!("http://127.0.0.1:{port}/")))
    }

    /// Asks the application until it answers.
    async fn fetch(&self, page: &str) -> Result<String, Failure> {
        // Past any proxy that the variables name: it would look for the application on itself.
        let browser = reqwest::Client::builder().no_proxy().build();
        let browser = browser.map_err(|error| Failure::new(Exit::Refused, error.to_string()))?;
        let asking = async {
            loop {
                if let Ok(answer) = browser.get(page).send().await
                    && answer.status().is_success()
                    && let Ok(text) = answer.text().await
                {
                    return text;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(APPLICATION_START, asking).await.map(|text| text.trim().to_owned()).map_err(|_| {
            let text = format!("the application did not answer at {page} within {} s", APPLICATION_START.as_secs());
            Failure::new(Exit::Refused, text)
        })
    }

    fn next_steps(&self, page: &str) {
        let server = format!("http://{}", self.address);
        let token = self.app.settings.data.join(crate::app::ADMIN_TOKEN_FILE);
        let lines = [
            String::new(),
            format!("The server is at {server}/ and the application at {page} . Ctrl-C stops both. Next, try:"),
            format!("  python3 -m pip install --index-url {server}/simple/ flask"),
            format!(
                "  python3 -m twine upload --repository-url {server}/legacy/ -u __token__ -p \"$(cat {})\" dist/*",
                token.display()
            ),
            "  cargo run --release -- bless".to_owned(),
            format!("  curl -OJ '{server}/bundle/hello.pyz?requirement=flask&script=flask&target=debian-12'"),
        ];
        for line in lines {
            self.output.note(&line);
        }
    }
}

/// Waits for Ctrl-C and ends the application; one that ends by itself is a failure.
async fn stay_up(mut application: Child) -> Result<(), Failure> {
    tokio::select! {
        () = stop_signal() => {
            end(&mut application).await;
            Ok(())
        }
        ended = application.wait() => Err(ended_by_itself(ended)),
    }
}

fn ended_by_itself(ended: std::io::Result<std::process::ExitStatus>) -> Failure {
    let status = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
    Failure::new(Exit::Refused, format!("the application ended by itself: {status}"))
}

/// Stops the application gently; it is killed with its handle if it will not listen.
async fn end(application: &mut Child) {
    let process = application.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
    let Some(process) = process else { return };
    if rustix::process::kill_process(process, rustix::process::Signal::TERM).is_ok() {
        // A late end is nobody's loss: dropping the handle kills it.
        drop(tokio::time::timeout(APPLICATION_STOP, application.wait()).await);
    }
}
