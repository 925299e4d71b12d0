/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A layout change of one file: rust/breaker.rs between the locks of ext4 and xfs.
 */

/* It has been answered, after the drain: no pin comes from now on. */
inline answered(an_b, an_x)
{
	if
	:: an_x != NONE -> mark[an_b * NR + an_x] = mark[an_b * NR + an_x] | ANSWERED
	:: else
	fi
}

inline go_ahead(ga_b, ga_f, ga_x)
{
	must_not(GO_AHEAD_UNDER_A_LONG_TERM_PIN, device_has(ga_f));
	answered(ga_b, ga_x)
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
#if LAYOUTS > 1
		if
		:: bg_x != NONE && retired[bg_x] -> put(bg_x); bg_x = NONE
		:: else
		fi;
#endif
		ok = GO;
		if
		:: bg_x != NONE ->
			judge(bg_x, bg_pages, bg_mine, ok);
			if
			:: ok == REFUSED -> put(bg_x); bg_x = NONE
			:: else
			fi
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
		:: ok == GO && !drain -> go_ahead(bg_b, bg_f, bg_x)
		:: ok == WAIT && !drain -> answered(bg_b, bg_x)
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
			judge(bg_x, bg_pages, bg_mine, ok);
			if
			:: ok == REFUSED -> unmark(bg_b, bg_x); bg_x = NONE
			:: else
			fi;
#endif
			if
			:: ok == GO -> go_ahead(bg_b, bg_f, bg_x)
			:: ok == WAIT -> answered(bg_b, bg_x)
			:: else
			fi
		}
	:: else
	fi
}

/* Break::end() */
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

#ifdef LOOKS
/* What a layout change finds out about the file, under i_rwsem, is so until then. */
bit version[FILES];
#define look(f)		looked = version[f]
#define change_as_found(f) \
	must_not(CHANGE_BY_AN_OLD_LOOK, looked != version[f]); \
	version[f] = !version[f]; looked = 0
#else
#define look(f)		skip
#define change_as_found(f) skip
#endif

#ifdef ONE_EACH
#define may_change(b, f) ((b) == (f))
#else
#define may_change(b, f) true
#endif

proctype Breaker(byte b)
{
	byte f, x, pages, ok;
	bit mine, drain;
#ifdef BREAKABLE
	byte z;
#endif
#ifdef LOOKS
	bit looked;
#endif

end_idle:
	atomic {
		if
		:: !stopping && i_free(0) && may_change(b, 0) -> f = 0
#if FILES > 1
		:: !stopping && i_free(1) && may_change(b, 1) -> f = 1
#endif
		fi;
		i_rwsem[f] = 1;
		look(f);
		breaking(b, 1)
	}
#ifdef BREAK_UNDER_INVALIDATE_LOCK
	inv_lock(f);
#endif
	begin(b, f, x, pages, mine, ok, drain);
	if
	:: atomic { ok == REFUSED -> goto unlock }
	:: atomic { ok == GO -> ok = 0; pages = 0; mine = 0 }
#ifdef BREAKABLE
	:: atomic { ok == WAIT ->
#ifndef WAIT_UNDER_I_RWSEM
		i_rwsem[f] = 0
#endif
	   }
#ifdef MARK_NOT_KEPT
		atomic { mark[b * NR + x] = 8 }	/* of no page */
#endif
		wait_break(b, f, x, pages, mine, ok, z);
		/* layout_break_wait() ends it where it has failed. */
		atomic {
			pages = 0; mine = 0;
			if
			:: ok == REFUSED -> end(b, x); x = NONE
			:: else
			fi
		}
#ifndef WAIT_UNDER_I_RWSEM
		i_lock_again(f);
#endif
		if
		:: atomic { ok == REFUSED -> goto unlock }
		:: atomic { ok == GO ->
			ok = 0;
#ifndef NOT_FOUND_OUT_AGAIN
			look(f)
#endif
		   }
		fi
#endif
	fi;

#ifndef BREAK_UNDER_INVALIDATE_LOCK
	inv_lock(f);
#endif
	wait_idle(f);
	atomic { change_layout(f); change_as_found(f) }
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
