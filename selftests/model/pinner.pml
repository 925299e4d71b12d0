/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that pins a page of a leased file for a device, and lets go of it:
 * layout_pin_gated() of the kernel series, rust/gate.rs, rust/handle.rs.  A
 * registration that takes several batches does this several times.
 */

proctype Pinner(byte p)
{
	byte f, x;
#ifdef SMALL_STEPS
	bit more;
#endif

end_idle:
	atomic {
		if
		:: !stopping && mmap_readable -> f = 0
#if FILES > 1
		:: !stopping && mmap_readable -> f = 1
#endif
		fi;
		mmap_readers++
	STEP_TO(find)
		/* hooks.rs: find_for_pin() */
		x = table[f];
		if
		:: x == NONE ->
			mmap_readers--;
			f = 0; x = 0;
			goto end_idle
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
			put(x);
			mmap_readers--;
			f = 0; x = 0;
			goto end_idle
		:: else -> walks[x]++
		fi
	}

grab:	/* layout_pin_grab() */
	atomic {
		if
		:: mapped[f] -> refs[f]++
		:: else -> goto missing
		fi
	}

	/* Layout::commit() */
	atomic {
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
		step_must_not(PIN_ADMITTED_WHILE_BREAKING, granted(x, EXTENT));
		walks[x]--;
		pins[x]++;
		device[p] = f + 1
	STEP
		srcu_leave(p);
		mmap_readers--
	}

	/* The device has the page, as long as it likes: perhaps for ever. */
#ifdef LIVENESS
	if
	:: true ->
end_keeps:	false
	:: true
	fi;
#endif
end_device:
	atomic {
		!stopping;
#ifdef ACCOUNT_DROPPED_FIRST
		step_must_not(PIN_WITHOUT_ACCOUNT, device[p]);
		pins[x]--;
		after_loss(x)
	}
	atomic {
		refs[f]--;
		device[p] = 0
#else
		/* unpin_user_pages() */
		refs[f]--;
		device[p] = 0
	}
	/* Handle::release(): Layout::unpin() */
	atomic {
		step_must_not(PIN_WITHOUT_ACCOUNT, device[p]);
		pins[x]--;
		after_loss(x)
#endif
	STEP
		/* Manager::reap() */
		retire_if_empty(x);
		put(x);
		f = 0; x = 0;
		goto end_idle
	}

put_back:
	atomic {
		refs[f]--
	}
	atomic {
		srcu_leave(p)
	STEP
		/* Layout::cancel() */
		walks[x]--;
		after_loss(x)
	STEP
		retire_if_empty(x);
#ifdef SMALL_STEPS
		if
		:: more -> more = 0; goto attempt
		:: else
		fi;
#endif
		put(x);
		mmap_readers--;
#ifdef PATIENT
		/* Told EAGAIN, it does not come again during this change. */
		!changing(x, EXTENT);
#endif
		f = 0; x = 0;
		goto end_idle
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
		after_loss(x)
	STEP
		retire_if_empty(x);
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
	STEP
		mmap_readable;
		mmap_readers++;
		goto find
	}
#endif
}
