/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that pins a page of a leased file for a device, and lets go of it:
 * layout_pin_gated() of the kernel series, rust/gate.rs, rust/handle.rs.  A
 * registration that takes several batches does this several times.
 */

/* unpin_user_pages() */
inline put_pages(pp_p)
{
	if
	:: device[pp_p] & 1 -> refs[0]--
	:: else
	fi;
#if FILES > 1
	if
	:: device[pp_p] & 2 -> refs[1]--
	:: else
	fi;
#endif
	device[pp_p] = 0
}

inline unaccount(un_p, un_f, un_z)
{
	atomic {
	recorded(un_p, un_f) ->
	/* Layout::unpin() */
	step_must_not(PIN_WITHOUT_ACCOUNT, has(un_p, un_f));
	un_z = recorded(un_p, un_f) - 1;
	recorded(un_p, un_f) = 0;
	pins[un_z]--;
	after_loss(un_z);
	wake(un_z)
STEP
	/* Manager::reap() */
	retire_if_idle(un_z);
	put(un_z);
	un_z = 0
	}
}

/* Held::give_back() */
inline give_back_one(go_p, go_z)
{
	if
	:: unaccount(go_p, 0, go_z)
#if FILES > 1
	:: unaccount(go_p, 1, go_z)
#endif
#ifdef ACROSS
	:: atomic { !recorded(go_p, 0) && !recorded(go_p, 1) }
#endif
	fi
}

inline give_back(gb_p, gb_z)
{
	give_back_one(gb_p, gb_z)
#ifdef ACROSS
	;
	give_back_one(gb_p, gb_z)
#endif
}

/* No pin.  What the registration has pinned before is given back. */
#if defined(ACROSS) && !defined(FIRST_BATCH_KEPT)
#define fail \
	mmap_readers--; f = 0; x = 0; \
	if :: device[p] -> put_pages(p); goto unwind :: else fi; \
	goto end_idle
#else
#define fail \
	mmap_readers--; f = 0; x = 0; \
	goto end_idle
#endif

proctype Pinner(byte p)
{
	byte f, x;
#ifdef SMALL_STEPS
	bit more;
#endif

end_idle:
	atomic {
		if
		:: !stopping && can_fault(0) -> f = 0
#if FILES > 1
		:: !stopping && can_fault(1) -> f = 1
#endif
		fi;
		mmap_readers++
	STEP_TO(find)
		/* hooks.rs: find_for_pin() */
		x = table[f];
		if
		:: x == NONE -> fail
		:: else -> get(x)
		fi
	STEP_TO(attempt)
		/* gate.rs: attempt() */
		srcu_enter(p)
	STEP
		/* Layout::start_walk(): EOPNOTSUPP, EAGAIN */
		if
		:: !lease[x] || !fd_open[x] || releasing[x] || changing(x, WANTED) ->
			srcu_leave(p);
#ifdef WAITS_UNDER_MMAP_LOCK
			!changing(x, WANTED);
#endif
			put(x);
			fail
		:: else -> walks[x]++
		fi
#ifdef MMAP_LOCK_TAKEN_AGAIN
	}
	atomic { mmap_readable -> mmap_readers++ }
	atomic {
		mmap_readers--
#endif
	CUT(grab)
		/* layout_pin_grab() */
		if
#ifdef PIN_AT_ONCE
		:: refs[f]++
#else
		:: mapped[f] -> refs[f]++
		:: else -> goto missing
#endif
		fi
	CUT(commit)
		/* Layout::commit() */
		if
#ifndef NO_SECOND_LOOK
		:: changing(x, EXTENT) -> goto put_back
#endif
#ifdef SMALL_STEPS
		:: !changing(x, EXTENT) -> more = 1; goto put_back	/* CommitError::Retry */
		:: !changing(x, EXTENT)
#else
		:: else
#endif
		fi;
		step_must_not(PIN_ADMITTED_WHILE_BREAKING, answer_given(x, EXTENT));
		walks[x]--;
		pins[x]++;
		recorded(p, f) = x + 1;
		device[p] = device[p] | (1 << f);
#ifdef BREAKABLE
		owner[p] = REFUSES;
#endif
		x = 0
	STEP
		srcu_leave(p);
		mmap_readers--
	}

#ifdef ACROSS
	/* The same registration goes on in the other file. */
	if
	:: atomic { p == 0 && !recorded(p, 1 - f) && can_fault(1 - f) ->
		mmap_readers++; f = 1 - f; goto find }
	:: true
	fi;
#endif
#ifdef BREAKABLE
	/* rxe_reg_user_mr(): the region can be used, and taken back if the driver can. */
	atomic {
		f = 0;
		usable[p] = 1;
#ifndef NO_REVOKE
		if
		:: owner[p] = ALLOWS
		:: true
		fi
#endif
	}
#endif

	/* The device has the page, as long as it likes: perhaps for ever. */
#if defined(LIVENESS) && !defined(COOPERATES)
	if
	:: true ->
end_keeps:	false
	:: true
	fi;
#endif
#ifdef COOPERATES
	/* Its holder has been told of a layout change. */
end_not_asked:
	atomic { !stopping || in_somebodys_way(p) }
#ifdef USES_THE_FILE
	/* read() or write() of what is pinned, before it lets go; a page fault. */
	if
	:: recorded(p, 0) -> f = 0
#if FILES > 1
	:: recorded(p, 1) -> f = 1
#endif
	:: else
	fi;
	atomic { !i_rwsem[f] -> i_rwsem[f] = 1 }
	i_rwsem[f] = 0;
	atomic { mmap_readable -> mmap_readers++ }
	atomic { inv_readable(f) -> inv_readers[f]++ }
	atomic { inv_readers[f]--; mmap_readers--; f = 0 }
#endif
#endif
end_device:
#ifdef BREAKABLE
	atomic {
		may_let_go;
		/* rxe_dereg_mr(), or the end of the uverbs file */
#ifdef STOP_WANTS_OWNERS_LOCK
		deregisters[p] = 1;
#endif
		usable[p] = 0
	}
	dma[p] == 0;
	/* layout_pin_forbid_revoke() */
#ifndef UNPIN_WITHOUT_FORBID
	atomic {
#ifndef FORBID_DOES_NOT_WAIT
		owner[p] != RUNNING;
#endif
		if
		:: owner[p] == REVOKED -> goto release
#ifdef FORBID_DOES_NOT_WAIT
		:: owner[p] == RUNNING -> goto release
#endif
		:: else -> owner[p] = FORBIDS
		fi
#ifdef UNPINS_AT_ONCE
		;
		put_pages(p)
#endif
	}
#endif
#ifndef UNPINS_AT_ONCE
	/* It may take long about it. */
#if defined(LIVENESS) && !defined(COOPERATES)
	if
	:: true ->
end_going:	false
	:: true
	fi;
#endif
end_settle:
	atomic { may_let_go; put_pages(p) }
#endif
unwind:
	give_back(p, x);
release:
	/* layout_pin_release() */
	atomic {
#ifdef STOP_WANTS_OWNERS_LOCK
		deregisters[p] = 0;
#endif
		overlong[p] = 0;
		owner[p] = RELEASED;
#ifndef OWNER_NOT_KEPT
		victim[0] != p + 1 && victim[1] != p + 1;
#endif
		owner[p] = NOBODY;
		goto end_idle
	}
#else
#ifdef ACCOUNT_DROPPED_FIRST
	atomic { !stopping -> f = 0 }
	give_back(p, x);
	atomic { put_pages(p); goto end_idle }
#else
	atomic { !stopping -> f = 0; put_pages(p) }
	give_back(p, x);
	goto end_idle
#endif
#endif

put_back:
	atomic {
		refs[f]--
	}
	atomic {
		srcu_leave(p)
	STEP
		/* Layout::cancel() */
		walks[x]--;
		after_loss(x);
		wake(x)
	STEP
		retire_if_idle(x);
#ifdef SMALL_STEPS
		if
		:: more -> more = 0; goto attempt
		:: else
		fi;
#endif
		put(x);
#ifdef PATIENT
		mmap_readers--;
		/* Told EAGAIN, it does not come again during this change. */
		!changing(x, EXTENT);
		f = 0; x = 0;
		goto end_idle
#else
		fail
#endif
	}

missing:
#ifdef FAULT_IN_SRCU
WAITS_FOR_A_CHANGE(fault)
	atomic { inv_readable(f) -> inv_readers[f]++ }
	atomic { mapped[f] = 1; inv_readers[f]--; goto grab }
#else
	atomic {
		srcu_leave(p)
	STEP
		/* Layout::cancel() */
		walks[x]--;
		after_loss(x);
		wake(x)
	STEP
		retire_if_idle(x);
		put(x);
		x = 0
	}
	/* faultin_page_range(), with mmap_lock held */
WAITS_FOR_A_CHANGE(fault)
	atomic { inv_readable(f) -> inv_readers[f]++ }
	atomic {
		mapped[f] = 1;
		inv_readers[f]--;
		mmap_readers--
#ifdef SRCU_BEFORE_MMAP_LOCK
		;
		srcu_enter(p)
#endif
	STEP
		mmap_readable;
		mmap_readers++;
		goto find
	}
#endif
}
