//! What happens to channels as wholes: promotion, and what is told of their history.

mod atom;
mod promote;

pub use atom::{AtomFeed, render_atom, word as change_word};
pub use promote::{
    ChannelAt, ChannelMove, PromotionError, PromotionOutcome, PromotionPlan, PromotionWish, Selector, plan, promote,
};
