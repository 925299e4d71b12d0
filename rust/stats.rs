// SPDX-License-Identifier: GPL-2.0

//! Numbers for STATS.

/// Events, counted where they happen so that inodes do not share a cache line.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) pinned: u64,
    pub(crate) refused: u64,
    pub(crate) breaks: u64,
    pub(crate) breaks_refused: u64,
    pub(crate) drains: u64,
    pub(crate) waits: u64,
    pub(crate) revoked: u64,
    pub(crate) events_lost: u64,
}

impl Counters {
    pub(crate) fn add(&mut self, other: &Self) {
        self.pinned += other.pinned;
        self.refused += other.refused;
        self.breaks += other.breaks;
        self.breaks_refused += other.breaks_refused;
        self.drains += other.drains;
        self.waits += other.waits;
        self.revoked += other.revoked;
        self.events_lost += other.events_lost;
    }
}

/// Numbers of what exists now.
#[derive(Default)]
pub(crate) struct Gauges {
    pub(crate) leases: u64,
    pub(crate) orphaned: u64,
    pub(crate) pins: u64,
    pub(crate) pinned_pages: u64,
}
