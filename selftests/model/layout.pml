/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module knows of a leased file: rust/layout.rs, rust/lifecycle.rs,
 * rust/verdict.rs and the table of rust/manager.rs.  What is defined here is used
 * inside of atomic blocks, which stand for Layout::inner.
 *
 * A file has LAYOUTS layout objects, of which the table names at most one.  An
 * object is made anew only when nobody refers to it any more.
 */

#define NR		(FILES * LAYOUTS)
#define NONE		NR
#define file_of(x)	((x) / LAYOUTS)

/* Manager: the table, by file */
byte table[FILES];

/* Layout::inner, by layout */
bit lease[NR];
bit fd_open[NR];
bit releasing[NR];
byte walks[NR];
byte pins[NR];			/* the account */
byte mark[BREAKERS * NR];	/* pages that are changing, by layout change */

/* Beside these in a mark: the layout change was told to go ahead. */
#define GRANTED		4

#if LAYOUTS > 1
bit retired[NR];
byte users[NR];			/* references besides the table's */

#define get(x)		users[x]++
#define put(x)		users[x]--
#else
#define get(x)		skip
#define put(x)		skip
#endif

/* The file itself: one folio, of one page or (FOLIO) of two. */
bit mapped[FILES];
byte refs[FILES];

/* No part of the system: of which file, plus one, a pinner's device has pages. */
byte device[PINNERS];

#define device_has(f)	(device[0] == (f) + 1 || device[1] == (f) + 1)
#define changing(x, pages) ((mark[x] | mark[NR + (x)]) & (pages))
#define granted(x, pages) \
	((mark[x] >= GRANTED && mark[x] & (pages)) || \
	 (mark[NR + (x)] >= GRANTED && mark[NR + (x)] & (pages)))

#ifdef LEASE_IGNORES_WALKS
#define lease_idle(x)	(pins[x] == 0)
#elif defined(LEASE_IGNORES_PINS)
#define lease_idle(x)	(walks[x] == 0)
#else
#define lease_idle(x)	(pins[x] == 0 && walks[x] == 0)
#endif

/* What must never be so, by the name that a failed check is reported with. */
hidden byte BLOCK_FREED_UNDER_A_LONG_TERM_PIN;
hidden byte BLOCK_FREED_WHILE_REFERENCED;
hidden byte GO_AHEAD_UNDER_A_LONG_TERM_PIN;
hidden byte PIN_ADMITTED_WHILE_BREAKING;
hidden byte PIN_WITHOUT_ACCOUNT;
hidden byte LEASE_FREED_IN_USE;
hidden byte LEASE_IN_A_RETIRED_LAYOUT;

#define must_not(what, expr) what = (expr); assert(!what); what = 0

/* Of a single step.  Left out in order to see what comes of it in the end. */
#ifdef ONLY_THE_END
#define step_must_not(what, expr) skip
#else
#define step_must_not(what, expr) must_not(what, expr)
#endif

/* A lease is taken out of its layout. */
inline remove_lease(rl_x)
{
	must_not(LEASE_FREED_IN_USE, pins[rl_x] > 0 || walks[rl_x] > 0);
	lease[rl_x] = 0;
	fd_open[rl_x] = 0;
	releasing[rl_x] = 0
}

/* Lifecycle::after_loss(): an orphan with nothing left goes by itself. */
inline after_loss(al_x)
{
	if
	:: lease[al_x] && !fd_open[al_x] && lease_idle(al_x) -> remove_lease(al_x)
	:: else
	fi
}

/* Manager::retire_if_empty(), under the shard too */
inline retire_if_empty(ri_x)
{
	if
#if LAYOUTS > 1
	:: !retired[ri_x] && !lease[ri_x] ->
		retired[ri_x] = 1;
		table[file_of(ri_x)] = NONE
#else
	:: !lease[ri_x] -> table[file_of(ri_x)] = NONE
#endif
	:: else
	fi
}

/* A layout change is over, or has not begun after all. */
inline unmark(um_b, um_x)
{
	mark[um_b * NR + um_x] = 0;
	put(um_x)
}

/* rust/verdict.rs; 'mine': the caller is a holder. */
#define refused(x, pages, mine) (pins[x] > 0 || \
	(lease[x] && fd_open[x] && !(mine) && ((pages) & LEASED)))
