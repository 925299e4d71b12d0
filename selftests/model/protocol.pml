/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol between pins and layout changes, for spin; see Documentation/model.rst.
 *
 * What is built in (run.sh has the combinations that are searched):
 *
 *	FILES, LAYOUTS	how many files, and layout objects for each
 *	FIXED_LEASES	each file has a lease all the time
 *	FOLIO		a folio of two pages, of which the first one is leased
 *	SMALL_STEPS	no two critical sections of the module are one step
 *	REMAP		the second layout change is one of both files
 *	DIRECT_IO	somebody has transient references
 *	THREAD		somebody calls mmap(), and write() from a mapped file
 *	BREAKABLE	leases can be of the breakable kind, and pins be revoked
 *	ACROSS		a registration of the first pinner can be of both files
 *	ONE_EACH	each layout change is of a file of its own
 *	DMA		the access of a device takes time
 *	LOOKS		filesystems find out about a file before they change it
 *	COOPERATES	holders let go when asked
 *	USES_THE_FILE	and read and write the file before
 *	UNPINS_AT_ONCE	an owner that lets go does not take long about it
 *	NO_REVOKE	no driver allows it
 *	NO_TIME		layout changes have all the time that they need
 *	PIN_AT_ONCE	a pin is one step, with the fault
 *	STALL		the layout change of the second file may take for ever
 *	NO_FS_WAIT	the filesystem does not wait for references
 *	PATIENT		a pin that was told EAGAIN waits for the layout change
 *	LIVENESS	the layout change that is to end, 0 or 1
 *	ONLY_THE_END	not the first wrong step counts, but what comes of it
 *
 * All else that is asked for by #ifdef is a mutation.
 */

#define PINNERS 2
#define BREAKERS 2
#ifndef FILES
#define FILES 2
#endif
#ifndef LAYOUTS
#define LAYOUTS 1
#endif
#ifdef FOLIO
#define EXTENT 3
#else
#define EXTENT 1
#endif
#define WANTED 1
#define LEASED 1

#ifdef SMALL_STEPS
#define STEP		}; atomic {
#define STEP_TO(label)	}; label: atomic {
#else
#define STEP		;
#define STEP_TO(label)	; label:
#endif

#ifdef PIN_AT_ONCE
#define CUT(label)	; label:
#define can_fault(f)	(mmap_readable && inv_readable(f))
#else
#define CUT(label)	}; label: atomic {
#define can_fault(f)	mmap_readable
#endif

#ifdef COOPERATES
#define may_let_go	true
#else
#define may_let_go	!stopping
#endif

/* Where to wait for ever is no error if a layout change does not end. */
#ifdef STALL
#define WAITS_FOR_A_CHANGE(label)	end_##label:
#else
#define WAITS_FOR_A_CHANGE(label)	label:
#endif

bit stopping;
#ifdef LIVENESS
bit in_break;
#define breaking(b, yes) if :: (b) == LIVENESS -> in_break = yes :: else fi
#else
#define breaking(b, yes) skip
#endif

#include "locks.pml"
#include "layout.pml"
#include "owner.pml"
#include "wait.pml"
#include "pinner.pml"
#include "breaker.pml"
#include "holders.pml"
#include "bystanders.pml"

init {
	atomic {
		table[0] = NONE;
#if FILES > 1
		table[1] = NONE;
#endif
#ifdef FIXED_LEASES
		table[0] = 0; lease[0] = 1; fd_open[0] = 1;
#ifdef BREAKABLE
		breakable[0] = 1;
#endif
#if FILES > 1
		table[1] = 1; lease[1] = 1; fd_open[1] = 1;
#ifdef BREAKABLE
		breakable[1] = 1;
#endif
#endif
#else
		run Acquirer();
		run Closer();
#endif
		run Pinner(0);
		run Pinner(1);
		run Breaker(0);
#ifdef REMAP
		run Remapper(1);
#else
		run Breaker(1);
#endif
#ifdef DIRECT_IO
		run DirectIO();
#endif
#ifdef THREAD
		run Thread();
#endif
#ifdef BREAKABLE
#ifdef DMA
		run Device(0);
		run Device(1);
#endif
#ifndef NO_TIME
		run Clock(0);
		run Clock(1);
#endif
#endif
#ifndef LIVENESS
		run Stopper()
#endif
	}
}

#ifdef LIVENESS
ltl every_break_ends { [](in_break -> <>!in_break) }
#endif
