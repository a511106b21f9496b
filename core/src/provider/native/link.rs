//! Starting a program and finding out which version of the protocol it speaks.

use std::sync::Arc;

use nixops4_proto::native::{Hello, PROTOCOL_VERSION, Welcome};

use super::connection::{CallError, Connection};
use super::process::{NativeProgram, Process};
use super::v0::ConnectionV0;
use crate::provider::{ProviderError, Secrets};

/// A program that was started, by the version that it speaks.
#[derive(Clone, Debug)]
pub(super) enum Link {
    V1(Arc<Connection>),
    V0(Arc<ConnectionV0>),
}

/// Starts a program and greets it.
///
/// A program of version 0 knows no greeting: it answers in its own form, or ends after it has read
/// it. One that ends before it has read anything is not asked again: it cannot be started.
pub(super) async fn start(
    program: &NativeProgram,
    secrets: &Secrets,
) -> Result<Link, ProviderError> {
    let Process {
        stdin,
        stdout,
        stderr,
        unread,
        running,
    } = program.start().await?;
    let connection = Connection::over(
        &program.name,
        stdin,
        stdout,
        stderr,
        Some(running),
        secrets.clone(),
    );
    let hello = Hello {
        protocol_versions: vec![PROTOCOL_VERSION],
        client: concat!("nixops4 ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let answer = tokio::time::timeout(program.hello_timeout, connection.call(&hello)).await;
    match answer {
        Ok(Ok(answer)) => greeted(program, &answer.value).map(|()| Link::V1(Arc::new(connection))),
        Ok(Err(CallError::Refused(refused))) => {
            let mut error = program.error("hello", refused.value.complaint.message.clone());
            error.hints = refused.value.complaint.hints.clone();
            Err(error)
        }
        Ok(Err(CallError::Lost(lost) | CallError::NotSent(lost))) => {
            let was_read = connection.has_written().await && !unread.any();
            drop(unread);
            if lost.speaks_zero {
                let old = ConnectionV0::new(program.clone(), secrets.clone());
                old.probe().await?;
                Ok(Link::V0(Arc::new(old)))
            } else if lost.exited && was_read {
                Ok(Link::V0(Arc::new(ConnectionV0::new(
                    program.clone(),
                    secrets.clone(),
                ))))
            } else {
                Err(lost.error(&program.name, "hello", false))
            }
        }
        Err(_) => Err(timed_out(program, &connection).await),
    }
}

fn greeted(program: &NativeProgram, welcome: &Welcome) -> Result<(), ProviderError> {
    match welcome.protocol_version {
        PROTOCOL_VERSION => Ok(()),
        other => Err(program.error(
            "hello",
            format!(
                "its program ({} {}) speaks version {other} of the provider protocol, we speak \
                 version {PROTOCOL_VERSION}",
                welcome.provider, welcome.version
            ),
        )),
    }
}

async fn timed_out(program: &NativeProgram, connection: &Connection) -> ProviderError {
    let message = format!(
        "its program {} was started, but did not answer the greeting within {} s{}",
        program.executable.display(),
        program.hello_timeout.as_secs_f32(),
        connection.last_words()
    );
    let mut error = program.error("hello", message);
    error
        .hints
        .push("is it a provider program at all?".to_owned());
    error
}
