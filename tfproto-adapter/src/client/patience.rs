//! [`Patience`]: how long a call may take.

use std::time::Duration;

use nixops4_proto::evaluator::Timeouts;

use super::Kind;

/// How long calls may take that only compute: schemas, validation, upgrades, functions.
pub const PURE_CALL_TIMEOUT: Duration = Duration::from_secs(300);
/// How long calls may take that ask the world and change nothing: services that refuse are asked
/// again and again by plugins, with growing pauses.
pub const ASKING_TIMEOUT: Duration = Duration::from_secs(1800);

/// How long calls may take, by what they do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) pure: Duration,
    asking: Duration,
    /// Making something may take hours: without a limit of the user's there is none.
    changing: Option<Duration>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            pure: PURE_CALL_TIMEOUT,
            asking: ASKING_TIMEOUT,
            changing: None,
        }
    }
}

impl Patience {
    /// As the deployment says, where it says something.
    pub(super) fn new(timeouts: &Timeouts) -> Self {
        let usual = Self::default();
        let plan = seconds(timeouts.plan);
        Self {
            pure: plan.unwrap_or(usual.pure),
            asking: plan.unwrap_or(usual.asking),
            changing: seconds(timeouts.apply),
        }
    }

    pub(super) fn of(self, kind: Kind) -> Option<Duration> {
        match kind {
            Kind::Pure => Some(self.pure),
            Kind::Asking => Some(self.asking),
            Kind::Changing => self.changing,
        }
    }
}

/// A number of seconds as a duration; one that is out of range is no limit.
pub(crate) fn seconds(seconds: Option<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds?).ok()
}
