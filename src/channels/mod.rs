//! What happens to channels as wholes: promotion.

mod promote;

pub use promote::{
    ChannelAt, ChannelMove, PromotionError, PromotionOutcome, PromotionPlan, PromotionWish, Selector, plan, promote,
};
