//! Deliberate faults, so that the demo's expectations can be seen to fail. They exist only with feature `faults`; without it every
//! question here is answered `false` at compile time. Deployable builds are searched for [`MARKER`].

/// What a deliberately broken gateway leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Tokens are not compared with their requests.
    SkipBinding,
    /// Used tokens are accepted again.
    SkipSingleUse,
    /// MACs and signatures of tokens are taken for good, by refusing nothing that names a token.
    ForwardRefused,
    /// Rules in mode `enforce` decide nothing.
    IgnoreRules,
    /// Rules in mode `shadow` decide.
    EnforceShadow,
    /// Bans are not looked at.
    IgnoreBans,
    /// A missing token is refused on `observe` routes.
    EnforceObserve,
    /// Headers of the client that start with `attest-` reach the backend.
    KeepForgedHeaders,
    /// Completed step-ups are not accepted.
    IgnoreStepUp,
    /// A changed policy is not activated.
    IgnorePolicyChange,
    /// Genuine phones are refused at enrolment.
    RefuseEnrolment,
    /// Requests without a body are sent upstream twice.
    SendTwice,
    /// A changed policy ends the sessions that began under an earlier one.
    EndSessions,
    /// Platform evidence that does not hold is taken for software's.
    BelieveEvidence,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 14] = [
        Self::SkipBinding,
        Self::SkipSingleUse,
        Self::ForwardRefused,
        Self::IgnoreRules,
        Self::EnforceShadow,
        Self::IgnoreBans,
        Self::EnforceObserve,
        Self::KeepForgedHeaders,
        Self::IgnoreStepUp,
        Self::IgnorePolicyChange,
        Self::RefuseEnrolment,
        Self::SendTwice,
        Self::EndSessions,
        Self::BelieveEvidence,
    ];

    /// Its name on a command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SkipBinding => "skip-binding",
            Self::SkipSingleUse => "skip-single-use",
            Self::ForwardRefused => "forward-refused",
            Self::IgnoreRules => "ignore-rules",
            Self::EnforceShadow => "enforce-shadow",
            Self::IgnoreBans => "ignore-bans",
            Self::EnforceObserve => "enforce-observe",
            Self::KeepForgedHeaders => "keep-forged-headers",
            Self::IgnoreStepUp => "ignore-step-up",
            Self::IgnorePolicyChange => "ignore-policy-change",
            Self::RefuseEnrolment => "refuse-enrolment",
            Self::SendTwice => "send-twice",
            Self::EndSessions => "end-sessions",
            Self::BelieveEvidence => "believe-evidence",
        }
    }
}

/// Text that stands in every build which can be broken on purpose.
#[cfg(feature = "faults")]
pub const MARKER: &str = "attest-gateway-faults-enabled";

/// The faults of one gateway: none, or one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    #[cfg(feature = "faults")]
    injected: Option<Fault>,
}

impl Faults {
    /// A gateway that is broken in one way.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn inject(fault: Fault) -> Self {
        tracing::warn!(
            marker = MARKER,
            fault = fault.as_str(),
            "this gateway is broken on purpose"
        );
        Self {
            injected: Some(fault),
        }
    }

    /// Whether the gateway is broken this way. Constant `false` in a deployable build.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn has(self, fault: Fault) -> bool {
        self.injected == Some(fault)
    }

    /// Whether the gateway is broken this way. Constant `false` in a deployable build.
    #[cfg(not(feature = "faults"))]
    #[must_use]
    pub const fn has(self, _fault: Fault) -> bool {
        false
    }
}
