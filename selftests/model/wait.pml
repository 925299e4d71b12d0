/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A layout change that waits for holders of breakable leases: rust/layout/breaks.rs.
 * And time, of which nobody knows how much passes between two steps.
 */

#ifdef BREAKABLE
/* Layout::wait_break(): within the time of the lease, or beyond it */
#define NOT_WAITING	0
#define IN_TIME		1
#define OVERDUE		2
byte waits[BREAKERS];

#define any(what, x)	(what(0, x) || what(1, x))
#define settling(p, x)	(going(p, x) && overlong[p])

#define decided(verdict) ok = verdict; waits[wb_b] = NOT_WAITING; break

/*
 * Layout::wait_break(), with no locks held.  'ok' becomes GO or REFUSED.  Judges when
 * it is woken, because a pin is gone or time has passed.
 */
inline wait_break(wb_b, wb_f, wb_x, wb_pages, wb_mine, ok, wb_z)
{
	waits[wb_b] = IN_TIME;
	do
	:: atomic { !asleep[wb_b] ->
		if
		:: refused(wb_x, wb_pages, wb_mine) -> decided(REFUSED)
		:: else
		fi;
		if
		:: !has_to_wait(wb_x) -> go_ahead(wb_b, wb_f, wb_x); decided(GO)
		:: else
		fi;
		if
		:: waits[wb_b] == IN_TIME -> asleep[wb_b] = 1
		:: waits[wb_b] == OVERDUE && (any(stays, wb_x) || any(settling, wb_x)) ->
			decided(REFUSED)
		:: waits[wb_b] == OVERDUE && !any(stays, wb_x) && !any(settling, wb_x) ->
			if
			:: revocable(0, wb_x) -> victim[wb_b] = 1
			:: revocable(1, wb_x) -> victim[wb_b] = 2
			:: !any(revocable, wb_x) -> asleep[wb_b] = 1
			fi
		fi
	   }
	   if
	   :: victim[wb_b] ->
		revoke(wb_b, victim[wb_b] - 1, wb_z);
		if
		:: true
		:: atomic { true -> decided(REFUSED) }	/* killed meanwhile */
		fi
#ifdef NO_LOOK_AFTER_WAIT
	   :: asleep[wb_b] ->
		atomic { !asleep[wb_b] -> go_ahead(wb_b, wb_f, wb_x); decided(GO) }
#endif
	   :: else
	   fi
#ifndef LIVENESS
	/* A signal, which need not come. */
	:: atomic { !stopping && asleep[wb_b] -> asleep[wb_b] = 0; decided(REFUSED) }
#endif
	od
}

/* A pin that a layout change waits for */
#define asks(b, p, f)	(waits[b] && recorded(p, f) && mark[(b) * NR + recorded(p, f) - 1])
#if FILES == 1
#define in_somebodys_way(p) (asks(0, p, 0) || asks(1, p, 0))
#else
#define in_somebodys_way(p) (asks(0, p, 0) || asks(1, p, 0) || asks(0, p, 1) || asks(1, p, 1))
#endif

/* What passes while a layout change waits: the time of the lease, that of who goes. */
#define goes_slowly(b, p) \
	(waits[b] == OVERDUE && in_somebodys_way(p) && is_going(p) && !overlong[p])

#ifndef NO_TIME
proctype Clock(byte b)
{
end_idle:
	do
#ifndef DEADLINE_IGNORED
	:: atomic { waits[b] == IN_TIME -> waits[b] = OVERDUE; asleep[b] = 0 }
#endif
#ifndef SETTLING_IGNORED
	:: atomic { goes_slowly(b, 0) ->
		overlong[0] = 1; asleep[0] = 0; asleep[1] = 0 }
	:: atomic { goes_slowly(b, 1) ->
		overlong[1] = 1; asleep[0] = 0; asleep[1] = 0 }
#endif
	od
}
#endif
#endif
