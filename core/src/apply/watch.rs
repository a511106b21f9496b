//! Tells of a step while it runs: what the provider says of it, and that it still runs.

use std::time::Duration;

use nixops4_proto::events::{Event, Operation};
use tokio::time::{Instant, sleep};

use super::worker::{Finished, Job};
use crate::MemberPath;
use crate::provider::Progress;
use crate::report::Reporter;

/// How often a step that runs long is told of.
const INTERVAL: Duration = Duration::from_secs(10);

/// Passes on what a provider says while it works on a step.
pub(crate) fn progress(reporter: &Reporter, member: &MemberPath, operation: Operation) -> Progress {
    let (reporter, member) = (reporter.clone(), member.clone());
    Progress::new(move |message| {
        reporter.send(Event::OperationProgress {
            member: member.clone(),
            operation,
            message: message.to_owned(),
        });
    })
}

/// Does a step, and says from time to time that it is still being done.
pub(super) async fn watched(job: Job, reporter: Reporter) -> Finished {
    let (member, operation) = (job.member().clone(), job.operation);
    let begun = Instant::now();
    let mut running = std::pin::pin!(job.run());
    loop {
        tokio::select! {
            biased;
            finished = &mut running => return finished,
            () = sleep(INTERVAL) => reporter.send(Event::OperationRunning {
                member: member.clone(),
                operation,
                seconds: begun.elapsed().as_secs(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_says_is_told_of_its_member() {
        let (reporter, mut events) = Reporter::channel();
        let member: MemberPath = "web.a".parse().expect("path");
        progress(&reporter, &member, Operation::Create).tell("half of it");
        assert_eq!(
            events.try_recv().ok(),
            Some(Event::OperationProgress {
                member,
                operation: Operation::Create,
                message: "half of it".into()
            })
        );
    }
}
