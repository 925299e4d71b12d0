/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A layout change of one file: rust/breaker.rs between the locks of ext4 and xfs.
 */

inline go_ahead(ga_b, ga_f, ga_x)
{
	must_not(GO_AHEAD_UNDER_A_LONG_TERM_PIN, device_has(ga_f));
	if
	:: ga_x != NONE -> mark[ga_b * NR + ga_x] = mark[ga_b * NR + ga_x] | GRANTED
	:: else
	fi
}

/* Break::begin(), with i_rwsem held.  'ok' is the answer. */
inline begin(bg_b, bg_f, bg_x, bg_pages, bg_mine, ok, drain)
{
	atomic {
		/* Manager::find() */
		bg_x = table[bg_f];
		if
		:: bg_x != NONE -> get(bg_x)
		:: else
		fi
	STEP
		if
		:: bg_pages = 1
#ifdef FOLIO
		:: bg_pages = 2
#endif
		fi;
		if
		:: bg_mine = 0
		:: bg_mine = 1
		fi;
		/* Layout::begin_break() */
		ok = 1;
		if
		:: bg_x != NONE && refused(bg_x, bg_pages, bg_mine) ->
			ok = 0;
			put(bg_x);
			bg_x = NONE
		:: else
		fi
#ifdef CHECK_BEFORE_FLAG
	}
	atomic {
#else
		;
#endif
		if
		:: bg_x != NONE ->
#ifndef NO_MARK
			mark[bg_b * NR + bg_x] = bg_pages;
#endif
			drain = walks[bg_x] > 0
		:: else
		fi;
#ifdef NO_DRAIN
		drain = 0;
#endif
		if
		:: ok && !drain -> go_ahead(bg_b, bg_f, bg_x)
		:: else
		fi
	}
	if
	:: drain ->
		/* drain::wait() */
		srcu_awaited[bg_b] = srcu_inside;
		atomic {
			srcu_awaited[bg_b] == 0;
			drain = 0
	STEP
#ifndef NOT_JUDGED_AGAIN
			/* Layout::judge_break() */
			if
			:: refused(bg_x, bg_pages, bg_mine) ->
				ok = 0;
				unmark(bg_b, bg_x);
				bg_x = NONE
			:: else
			fi;
#endif
			if
			:: ok -> go_ahead(bg_b, bg_f, bg_x)
			:: else
			fi
		}
	:: else
	fi
}

/* Break::drop() */
inline end(en_b, en_x)
{
	if
	:: en_x != NONE -> unmark(en_b, en_x)
	:: else
	fi
}

/*
 * dax_break_layout(), with the invalidate_lock held: unmaps, and waits for
 * references with the lock dropped.
 */
inline wait_idle(wi_f)
{
#ifdef NO_FS_WAIT
	mapped[wi_f] = 0
#else
	do
	:: mapped[wi_f] = 0;
		if
		:: refs[wi_f] == 0 -> break
#ifdef WAIT_UNDER_INVALIDATE_LOCK
		:: refs[wi_f] > 0 -> refs[wi_f] == 0
#else
		:: atomic { refs[wi_f] > 0 -> inv_write[wi_f] = 0 }
			refs[wi_f] == 0;
			inv_lock(wi_f)
#endif
		fi
	od
#endif
}

/* The block is freed, or moved, or shared. */
#define change_layout(f) \
	must_not(BLOCK_FREED_UNDER_A_LONG_TERM_PIN, device_has(f)); \
	step_must_not(BLOCK_FREED_WHILE_REFERENCED, refs[f] > 0)

proctype Breaker(byte b)
{
	byte f, x, pages;
	bit mine, ok, drain;

end_idle:
	atomic {
		if
		:: !stopping && !i_rwsem[0] -> f = 0
#if FILES > 1
		:: !stopping && !i_rwsem[1] -> f = 1
#endif
		fi;
		i_rwsem[f] = 1;
		breaking(b, 1)
	}
#ifdef BREAK_UNDER_INVALIDATE_LOCK
	inv_lock(f);
#endif
	begin(b, f, x, pages, mine, ok, drain);
	if
	:: atomic { !ok -> goto unlock }
	:: atomic { ok -> ok = 0; pages = 0; mine = 0 }
	fi;

#ifndef BREAK_UNDER_INVALIDATE_LOCK
	inv_lock(f);
#endif
	wait_idle(f);
	atomic { change_layout(f) }
#ifdef STALL
	if
	:: b == 1 && f == 1 ->
end_stall:	false
	:: true
	fi;
#endif
	/* ext4 unlocks first, xfs ends the break first. */
	if
	:: inv_write[f] = 0
	:: atomic { true -> end(b, x); x = NONE }
	fi;
unlock:
	atomic {
		end(b, x);
		inv_write[f] = 0;
		i_rwsem[f] = 0;
		breaking(b, 0);
		f = 0; x = 0; pages = 0; mine = 0; ok = 0;
		goto end_idle
	}
}
