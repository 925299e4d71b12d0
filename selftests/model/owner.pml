/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taking pins back: rust/revoke.rs, ib_umem_revoke() and rxe_mr_revoke() of the kernel
 * series, and the device whose access that ends.
 */

#ifdef BREAKABLE
/*
 * The owner of a pinner's handle, by the state of its Revoker.  With RELEASED the handle
 * is gone, and the owner is kept by layout changes that have it as their victim.
 */
#define NOBODY		0
#define REFUSES		1
#define ALLOWS		2
#define RUNNING		3
#define REVOKED		4
#define FORBIDS		5
#define RELEASED	6
byte owner[PINNERS];

#ifdef STOP_WANTS_OWNERS_LOCK
bit deregisters[PINNERS];
#endif

/* Its device can get at the pages: RXE_MR_STATE_VALID. */
bit usable[PINNERS];

/* It has been FORBIDS or RUNNING for so long that nobody waits for it any more. */
bit overlong[PINNERS];

#define handle_gone(p)	(owner[p] == NOBODY || owner[p] == RELEASED)

/* Revoker::outlook() of pins in a layout */
#define stays(p, x)	(pinned_by(p, x) && owner[p] == REFUSES)
#define revocable(p, x)	(pinned_by(p, x) && owner[p] == ALLOWS)
#define is_going(p)	(owner[p] == RUNNING || owner[p] == FORBIDS)
#define going(p, x)	(pinned_by(p, x) && is_going(p))

/* Revoker::revoke(), with no locks held */
inline revoke(rv_b, rv_p, rv_z)
{
	atomic {
		step_must_not(OWNER_USED_AFTER_FREE, owner[rv_p] == NOBODY);
		if
		:: owner[rv_p] == ALLOWS -> owner[rv_p] = RUNNING
		:: else -> victim[rv_b] = 0
		fi
	}
	if
	:: else
	:: victim[rv_b] ->
#ifdef REVOKE_DROPS_ACCOUNT_FIRST
		give_back(rv_p, rv_z);
#endif
		/* rxe_mr_revoke(): the state; a grace period */
		usable[rv_p] = 0;
#ifdef STOP_WANTS_OWNERS_LOCK
		!deregisters[rv_p];
#endif
#ifndef REVOKE_BEFORE_DMA_STOPS
		dma[rv_p] == 0;
#endif
		/* ib_umem_unpin() */
		atomic {
			step_must_not(HANDLE_USED_AFTER_FREE, handle_gone(rv_p));
			step_must_not(DMA_AFTER_REVOKE, dma[rv_p]);
			step_must_not(PAGES_UNPINNED_TWICE, !device[rv_p]);
#ifdef ONE_BATCH_UNPINNED
			if
			:: device[rv_p] & 1 -> refs[0]--; device[rv_p] = device[rv_p] & ~1
			:: device[rv_p] & 2 -> refs[1]--; device[rv_p] = device[rv_p] & ~2
			fi
#else
			put_pages(rv_p)
#endif
		}
#ifdef ONE_BATCH_GIVEN_BACK
		give_back_one(rv_p, rv_z);
#elif !defined(REVOKE_DROPS_ACCOUNT_FIRST)
		give_back(rv_p, rv_z);
#endif
		atomic {
			step_must_not(HANDLE_USED_AFTER_FREE, handle_gone(rv_p));
			owner[rv_p] = REVOKED;
			victim[rv_b] = 0
		}
	fi
}

#ifdef DMA
/*
 * A device: looks whether the region is usable and gets at its pages, in one section
 * of RCU.
 */
proctype Device(byte p)
{
end_idle:
#ifdef DMA_CHECKED_BEFORE
	atomic { !stopping && usable[p] }
	atomic { dma[p] = device[p] }
#else
	atomic { !stopping && usable[p] -> dma[p] = device[p] }
#endif
	atomic {
		step_must_not(DMA_AFTER_REVOKE, dma[p] & ~device[p]);
		dma[p] = 0;
		goto end_idle
	}
}
#endif
#endif
