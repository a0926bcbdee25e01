//! The pieces panes are drawn with. None of them knows a pane.

mod frame;
mod pen;
mod tree;

pub use frame::{Frame, scrollbar};
pub use pen::Pen;
pub use tree::tree;
