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
#ifdef BREAKABLE
bit breakable[NR];		/* its mode */
#endif
byte walks[NR];
byte pins[NR];			/* the account */
byte mark[BREAKERS * NR];	/* pages that are changing, by layout change */

/* Beside these in a mark: the layout change has been told to go ahead, or to wait. */
#define ANSWERED	4

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

/*
 * By pinner and file, the pins of its handle: by number, plus one, the layout where
 * the account is.
 */
byte record[PINNERS * FILES];

#define recorded(p, f)	record[(p) * FILES + (f)]
#define pinned_by(p, x)	(recorded(p, file_of(x)) == (x) + 1)

/*
 * No part of the system: the files, as a set, of which a pinner's handle has pages;
 * and those of which its device reads or writes pages at the moment.
 */
byte device[PINNERS];
byte dma[PINNERS];

/*
 * Layout changes that sleep, and the pinner, plus one, whose pins each takes back; it
 * has a reference to their owner.
 */
#ifdef BREAKABLE
bit asleep[BREAKERS];
byte victim[BREAKERS];
#endif

#define has(p, f)	((device[p] | dma[p]) & (1 << (f)))
#define device_has(f)	(has(0, f) || has(1, f))
#define marked(x)	(mark[x] || mark[NR + (x)])
#define changing(x, pages) ((mark[x] | mark[NR + (x)]) & (pages))
#define answered_in(x, pages) \
	((mark[x] >= ANSWERED && mark[x] & (pages)) || \
	 (mark[NR + (x)] >= ANSWERED && mark[NR + (x)] & (pages)))
#if LAYOUTS > 1
#define answer_given(x, pages) (answered_in(x, pages) || answered_in((x) ^ 1, pages))
#else
#define answer_given(x, pages) answered_in(x, pages)
#endif

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
hidden byte DMA_AFTER_REVOKE;
hidden byte PAGES_UNPINNED_TWICE;
hidden byte OWNER_USED_AFTER_FREE;
hidden byte HANDLE_USED_AFTER_FREE;
hidden byte CHANGE_BY_AN_OLD_LOOK;

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
#ifdef BREAKABLE
	breakable[rl_x] = 0;
#endif
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

/* Manager::retire_if_idle(), under the shard too */
inline retire_if_idle(ri_x)
{
	if
#if LAYOUTS > 1
#ifdef RETIRED_DESPITE_MARKS
	:: !retired[ri_x] && !lease[ri_x] ->
#else
	:: !retired[ri_x] && !lease[ri_x] && !marked(ri_x) ->
#endif
		retired[ri_x] = 1;
		table[file_of(ri_x)] = NONE
#else
	:: !lease[ri_x] && !marked(ri_x) -> table[file_of(ri_x)] = NONE
#endif
	:: else
	fi
}

/* A layout change is over, or has not begun after all. */
inline unmark(um_b, um_x)
{
	mark[um_b * NR + um_x] = 0;
	retire_if_idle(um_x);
	put(um_x)
}

/* Layout::unpinned is notified: who sleeps for the pins of this layout wakes up. */
inline wake(wk_x)
{
#if defined(BREAKABLE) && !defined(NO_WAKE_UP)
	if
	:: mark[wk_x] -> asleep[0] = 0
	:: else
	fi;
	if
	:: mark[NR + wk_x] -> asleep[1] = 0
	:: else
	fi
#else
	skip
#endif
}

/*
 * rust/verdict.rs; 'mine': the caller is a holder.  An orphan is nobody's own and has
 * no range, only pins.
 */
#ifdef BREAKABLE
#define refused(x, pages, mine) ( \
	(lease[x] && fd_open[x] && !(mine) && !breakable[x] && ((pages) & LEASED)) || \
	(pins[x] > 0 && (!breakable[x] || ((mine) && fd_open[x]))))
#define has_to_wait(x)	(pins[x] > 0)
#else
#define refused(x, pages, mine) (pins[x] > 0 || \
	(lease[x] && fd_open[x] && !(mine) && ((pages) & LEASED)))
#define has_to_wait(x)	0
#endif

/* What is decided about a layout change; WAIT is of those that can wait. */
#define REFUSED		0
#define GO		1
#define WAIT		2

inline judge(jd_x, jd_pages, jd_mine, verdict)
{
	if
	:: refused(jd_x, jd_pages, jd_mine) -> verdict = REFUSED
	:: !refused(jd_x, jd_pages, jd_mine) && !has_to_wait(jd_x) -> verdict = GO
#ifdef BREAKABLE
	:: !refused(jd_x, jd_pages, jd_mine) && has_to_wait(jd_x) -> verdict = REFUSED
	:: !refused(jd_x, jd_pages, jd_mine) && has_to_wait(jd_x) -> verdict = WAIT
#endif
	fi
}
