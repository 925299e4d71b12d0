// SPDX-License-Identifier: GPL-2.0

//! One reliable connection. What librdmacm would do is done by hand here: the
//! sides tell each other queue pair and address over the control channel.

use crate::failure::Result;
use crate::rdma::Gid;
use crate::rdma::Rdma;
use crate::verbs;
use std::fmt;
use std::fmt::Display;

/// Where the other side's queue pair is.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    qpn: u32,
    gid: Gid,
}

impl Peer {
    pub fn of(rdma: &Rdma) -> Self {
        Self {
            qpn: rdma.qpn(),
            gid: rdma.gid,
        }
    }

    pub fn parse(qpn: &str, gid: &str) -> Option<Self> {
        Some(Self {
            qpn: qpn.parse().ok()?,
            gid: u128::from_str_radix(gid, 16).ok()?.to_be_bytes(),
        })
    }
}

impl Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:032x}", self.qpn, u128::from_be_bytes(self.gid))
    }
}

/// From any state of the queue pair to one that sends and receives.
pub fn connect(rdma: &Rdma, peer: &Peer) -> Result<()> {
    let mut reset = verbs::ibv_qp_attr {
        qp_state: verbs::IBV_QPS_RESET,
        ..Default::default()
    };
    let mut init = verbs::ibv_qp_attr {
        qp_state: verbs::IBV_QPS_INIT,
        port_num: 1,
        qp_access_flags: verbs::IBV_ACCESS_REMOTE_WRITE | verbs::IBV_ACCESS_REMOTE_READ,
        ..Default::default()
    };
    let mut receive = verbs::ibv_qp_attr {
        qp_state: verbs::IBV_QPS_RTR,
        path_mtu: verbs::IBV_MTU_1024,
        dest_qp_num: peer.qpn,
        max_dest_rd_atomic: 1,
        min_rnr_timer: 12,
        ..Default::default()
    };
    let mut send = verbs::ibv_qp_attr {
        qp_state: verbs::IBV_QPS_RTS,
        // A second.
        timeout: 18,
        retry_cnt: 7,
        rnr_retry: 7,
        max_rd_atomic: 1,
        ..Default::default()
    };

    receive.ah_attr.is_global = 1;
    receive.ah_attr.port_num = 1;
    receive.ah_attr.grh.dgid.raw = peer.gid;
    receive.ah_attr.grh.sgid_index = rdma.gid_index;
    receive.ah_attr.grh.hop_limit = 64;

    rdma.modify(&mut reset, 0)?;
    rdma.modify(
        &mut init,
        verbs::IBV_QP_PKEY_INDEX | verbs::IBV_QP_PORT | verbs::IBV_QP_ACCESS_FLAGS,
    )?;
    rdma.modify(
        &mut receive,
        verbs::IBV_QP_AV
            | verbs::IBV_QP_PATH_MTU
            | verbs::IBV_QP_DEST_QPN
            | verbs::IBV_QP_RQ_PSN
            | verbs::IBV_QP_MAX_DEST_RD_ATOMIC
            | verbs::IBV_QP_MIN_RNR_TIMER,
    )?;
    rdma.modify(
        &mut send,
        verbs::IBV_QP_TIMEOUT
            | verbs::IBV_QP_RETRY_CNT
            | verbs::IBV_QP_RNR_RETRY
            | verbs::IBV_QP_SQ_PSN
            | verbs::IBV_QP_MAX_QP_RD_ATOMIC,
    )
}
