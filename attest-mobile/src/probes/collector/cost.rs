//! What probes took on this phone, for developers of detectors. Nothing is decided by it.

/// What one probe took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Its name.
    pub probe: &'static str,
    /// How often it ran; answers that were kept are no run.
    pub runs: u32,
    /// What it took the last time, in microseconds.
    pub last_us: u64,
    /// What it took at most.
    pub max_us: u64,
    /// How often the budget was spent before it had ended.
    pub late: u32,
    /// How often it panicked.
    pub panics: u32,
    /// How often a scan was ended while it still asked it.
    pub hangs: u32,
}

/// How a run ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) took_us: u64,
    pub(super) late: bool,
    pub(super) panicked: bool,
}

/// The costs of all probes that ran.
#[derive(Debug, Default)]
pub(super) struct Costs(Vec<Cost>);

impl Costs {
    pub(super) fn add(&mut self, probe: &'static str, run: Run) {
        let cost = self.cost(probe);
        cost.runs = cost.runs.saturating_add(1);
        cost.last_us = run.took_us;
        cost.max_us = cost.max_us.max(run.took_us);
        cost.late = cost.late.saturating_add(run.late.into());
        cost.panics = cost.panics.saturating_add(run.panicked.into());
    }

    pub(super) fn hung(&mut self, probe: &'static str) {
        let cost = self.cost(probe);
        cost.hangs = cost.hangs.saturating_add(1);
    }

    fn cost(&mut self, probe: &'static str) -> &mut Cost {
        let known = self.0.iter().position(|cost| cost.probe == probe);
        let mut cost = known.map_or_else(Cost::default, |at| self.0.swap_remove(at));
        cost.probe = probe;
        self.0.push_mut(cost)
    }

    pub(super) fn of(&self, probes: impl Iterator<Item = &'static str>) -> Vec<Cost> {
        probes
            .filter_map(|probe| self.0.iter().find(|cost| cost.probe == probe).copied())
            .collect()
    }
}
