//! The errors that an app sees: six, named by what the app should do. None is final: the Attestor goes on trying by itself.

/// What the app should do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttestError {
    /// Show that there is no trustworthy connection; try again when the network changes.
    #[error("no trustworthy connection to the service ({code})")]
    Offline {
        /// For logs.
        code: &'static str,
    },
    /// Try again later.
    #[error("try again in {after_ms} ms ({code})")]
    TryLater {
        /// For logs.
        code: &'static str,
        /// When it makes sense to try again.
        after_ms: u64,
    },
    /// Ask the user to update the app: the policy needs a newer one.
    #[error("the policy needs a newer version of the app")]
    UpdateApp,
    /// Show the support code: this device or app is not accepted.
    #[error("refused ({code}), support code {support}")]
    Refused {
        /// For logs.
        code: &'static str,
        /// Tells the operator, and nobody else, why.
        support: String,
    },
    /// Go back: the user did not confirm.
    #[error("the step-up was declined")]
    StepUpDeclined,
    /// Correct the app's configuration or request; users cannot do anything about it.
    #[error("the app or its request is misconfigured ({code})")]
    Misconfigured {
        /// Says what.
        code: &'static str,
    },
}

/// Why [`send_with`](crate::Attestor::send_with) has no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError<E> {
    /// The request could not be authorised.
    #[error(transparent)]
    Attest(AttestError),
    /// The app's own send function failed.
    #[error("the request could not be sent")]
    Send(E),
}
