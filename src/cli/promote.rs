//! `ferrywheel promote FROM TO` and `ferrywheel bless`.

use clap::Args;
use serde::Serialize;

use super::client::Client;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::{Environment, ServerArgs};
use crate::channels::PromotionOutcome;
use crate::model::{ChannelAddress, ChannelName};

#[derive(Args)]
pub struct PromoteArgs {
    /// Channel, or a snapshot such as `staging@7`, `staging@2026-11-20` or `staging@sha256:…`, that the files are in.
    from: ChannelAddress,
    /// Channel that they go into.
    to: ChannelName,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Args)]
pub struct BlessArgs {
    #[command(flatten)]
    selection: Selection,
}

#[derive(Args)]
struct Selection {
    /// Only this project, or one release of it (`NAME==VERSION`); may be repeated.
    #[arg(long, value_name = "NAME[==VERSION]")]
    only: Vec<String>,
    /// Serial that the target must still have; the promotion is refused otherwise.
    #[arg(long, value_name = "SERIAL")]
    expected_serial: Option<i64>,
    /// Say what would happen and change nothing.
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    server: ServerArgs,
}

impl From<BlessArgs> for PromoteArgs {
    fn from(arguments: BlessArgs) -> Self {
        let from = ChannelAddress::head(ChannelName::staging());
        Self { from, to: ChannelName::blessed(), selection: arguments.selection }
    }
}

/// Body of `POST /api/v1/channels/{to}/promotions`.
#[derive(Serialize)]
struct PromotionRequest {
    from: String,
    select: Vec<String>,
    expected_serial: Option<i64>,
    dry_run: bool,
}

pub async fn run(arguments: PromoteArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let PromoteArgs { from, to, selection } = arguments;
    if from.name == to {
        return Err(Failure::new(Exit::Usage, format!("channel `{to}` cannot be promoted into itself")));
    }
    let client = Client::new(&selection.server, environment)?;
    let request = PromotionRequest {
        from: from.to_string(),
        select: selection.only,
        expected_serial: selection.expected_serial,
        dry_run: selection.plan,
    };
    let outcome: PromotionOutcome = client.post(&format!("api/v1/channels/{to}/promotions"), &request).await?;
    output.result(&outcome, describe);
    Ok(())
}

fn describe(outcome: &PromotionOutcome) -> String {
    let verb = if outcome.dry_run { "would add" } else { "added" };
    let mut lines: Vec<String> = outcome.added.iter().map(|filename| format!("{verb} {filename}")).collect();
    let files = if outcome.added.len() == 1 { "file" } else { "files" };
    lines.push(format!(
        "{} {verb} {} {files} from {}@{}; serial {} → {}; {} were there already",
        outcome.to.channel,
        outcome.added.len(),
        outcome.from.channel,
        outcome.from.serial,
        outcome.to.serial_before,
        outcome.to.serial,
        outcome.unchanged_count
    ));
    lines.join("\n")
}
