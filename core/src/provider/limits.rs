//! [`Limiter`]: how much may be asked of a provider instance at once, and how often.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use nixops4_proto::evaluator::{ProviderSettings, RateLimit};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// Lets calls to one provider instance through as its limits allow. Clones share the limits.
#[derive(Clone, Debug, Default)]
pub struct Limiter {
    running: Option<Arc<Semaphore>>,
    rate: Option<Arc<Rate>>,
}

/// That a call may run; to be kept for as long as it does.
#[derive(Debug)]
#[must_use = "the call counts as over when this is dropped"]
pub struct Permit(#[expect(dead_code, reason = "held, never read")] Option<OwnedSemaphorePermit>);

#[derive(Debug)]
struct Rate {
    calls: usize,
    span: Duration,
    /// When the last calls began, as many as may begin within a span; those that wait for their
    /// turn hold the lock, in the order in which they came.
    begun: Mutex<VecDeque<Instant>>,
}

impl Limiter {
    /// Limits as the deployment says.
    pub fn new(settings: &ProviderSettings) -> Self {
        Self {
            running: settings
                .concurrency
                .map(|calls| Arc::new(Semaphore::new(calls as usize))),
            rate: settings
                .rate_limit
                .as_ref()
                .map(|rate| Arc::new(Rate::new(rate))),
        }
    }

    /// Waits until one more call may begin.
    pub async fn acquire(&self) -> Permit {
        let running = match &self.running {
            // It is never closed, so there is always a permit in the end.
            Some(running) => running.clone().acquire_owned().await.ok(),
            None => None,
        };
        if let Some(rate) = &self.rate {
            rate.turn().await;
        }
        Permit(running)
    }
}

impl Rate {
    fn new(limit: &RateLimit) -> Self {
        Self {
            calls: (limit.calls as usize).max(1),
            span: Duration::try_from_secs_f64(limit.per_seconds).unwrap_or(Duration::MAX),
            begun: Mutex::default(),
        }
    }

    async fn turn(&self) {
        let mut begun = self.begun.lock().await;
        if begun.len() == self.calls
            && let Some(free) = begun.front().and_then(|first| first.checked_add(self.span))
        {
            sleep_until(free).await;
            begun.pop_front();
        }
        begun.push_back(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(concurrency: Option<u32>, rate: Option<(u32, f64)>) -> Limiter {
        Limiter::new(&ProviderSettings {
            concurrency,
            rate_limit: rate.map(|(calls, per_seconds)| RateLimit { calls, per_seconds }),
            ..ProviderSettings::default()
        })
    }

    #[tokio::test]
    async fn no_more_calls_run_than_may() {
        let limiter = limiter(Some(2), None);
        let first = limiter.acquire().await;
        let _second = limiter.clone().acquire().await;
        let mut third = std::pin::pin!(limiter.acquire());
        let waits = tokio::select! {
            biased;
            _ = &mut third => false,
            () = tokio::task::yield_now() => true,
        };
        assert!(waits);
        drop(first);
        let _third = third.await;
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_begin_in_any_span_than_may() {
        let limiter = limiter(None, Some((3, 1.5)));
        let start = Instant::now();
        let mut begun = Vec::new();
        for _ in 0..7 {
            drop(limiter.acquire().await);
            begun.push(start.elapsed().as_secs_f64().round());
        }
        assert_eq!(begun, [0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 3.0]);
    }

    #[tokio::test]
    async fn without_limits_nothing_waits() {
        let limiter = Limiter::default();
        let permits = [limiter.acquire().await, limiter.acquire().await];
        assert_eq!(permits.len(), 2);
    }
}
