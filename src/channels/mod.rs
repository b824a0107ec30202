//! What happens to channels as wholes, and to what is in them after its upload: promotion, marks, deletion, status; and what
//! is told of their history.

mod atom;
mod deletion;
mod marks;
mod promote;
mod reason;
mod select;
mod status;

pub use atom::{AtomFeed, render_atom, word as change_word};
pub use deletion::{DeletionOutcome, delete};
pub use marks::{Mark, MarkError, MarkOutcome, MarkWish, mark};
pub use promote::{
    ChannelAt, ChannelMove, ClosedProject, PromotionError, PromotionOutcome, PromotionPlan, PromotionWish, Selector,
    plan, promote,
};
pub use reason::{MAX_REASON_BYTES, Reason};
pub use select::{FileSelector, MAX_SELECTORS, projects_of};
pub use status::{StatusOutcome, StatusWish, set_status};
