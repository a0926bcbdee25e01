//! The threads of the desk: their panics reach the loop, and so does what they say.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::notice::{Notice, Outlet, Urgent};
use super::panics;
use crate::session::desk::{Heard, Threads};

/// Threads whose panics end the program in order.
pub(crate) struct Contained {
    pub(crate) outlet: Outlet,
    pub(crate) urgent: UnboundedSender<Urgent>,
}

impl Threads for Contained {
    fn start(&self, name: &str, work: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        panics::spawn(name, self.urgent.clone(), work).map(|_| ())
    }

    fn tell(&self, heard: Heard) -> bool {
        self.outlet.send(Notice::Desk(heard))
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn begins(&self, work: &str) {
        panics::inject(work);
        if work == "task" {
            panics::inject_into_a_foreign_thread();
        }
    }
}
